"""The first process of the enclosure: starts a program, reaps orphaned processes, ends with it.

Run as `python init.py PROGRAM [ARGUMENT ...]`, with nothing but the standard library. When it ends,
the kernel ends every process of its namespace. The exit status is the program's; 128 and the number
of the signal if a signal ended it, as in a shell.
"""

import os
import signal
import sys

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(command: list[str]) -> int:
    """Run the program to its end and return its status."""
    # A signal that arrives before the program has started is delivered afterwards.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    child = os.posix_spawn(command[0], command, os.environ, setsigmask=())
    for number in SIGNALS:
        signal.signal(number, lambda number, _: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
