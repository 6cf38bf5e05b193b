"""Turns this process into one that sees what a container of the chart's pod sees, then runs it.

Run as `python -I -S box.py ACCOUNT HOSTNAME LIMITS BECOME ... -- PROGRAM ...` by `boxing.py`, in
mount and UTS namespaces of its own and with rights over them, with nothing but the standard
library. It mounts the ServiceAccount where a kubelet does, makes everything read-only, goes to `/`
and becomes another user by the command in `BECOME`. The process id stays the same throughout.
"""

import contextlib
import ctypes
import os
import resource
import shutil
import socket
import sys
from pathlib import Path

ACCOUNT = Path("/run/secrets/kubernetes.io/serviceaccount")
"""Folder of the ServiceAccount; `/var/run` is a link to `/run` wherever tests run."""

UID = 65_532
"""The user id of the image."""

SYS_MOUNT_SETATTR = 442
AT_FDCWD, AT_RECURSIVE, MOUNT_ATTR_RDONLY = -100, 0x8000, 0x1
"""From <linux/mount.h>, Linux 5.12; the number of the call is the same on every architecture."""


class MountAttributes(ctypes.Structure):
    """`struct mount_attr`."""

    _fields_ = (
        ("set", ctypes.c_uint64),
        ("clear", ctypes.c_uint64),
        ("propagation", ctypes.c_uint64),
        ("userns", ctypes.c_uint64),
    )


libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Arrange the surroundings, then become the program."""
    account, hostname, limits, *rest = sys.argv[1:]
    middle = rest.index("--")
    become, program = rest[:middle], rest[middle + 1 :]
    socket.sethostname(hostname)
    check(libc.mount(b"tmpfs", b"/run", b"tmpfs", 0, b"mode=0755"), "/run")
    if account:
        mount_account(Path(account))
    set_attributes("/", AT_RECURSIVE, MountAttributes(set=MOUNT_ATTR_RDONLY))
    set_attributes("/proc", 0, MountAttributes(clear=MOUNT_ATTR_RDONLY))  # as in a container
    os.chdir("/")
    for limit in filter(None, limits.split(",")):
        name, _, value = limit.partition("=")
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (int(value), int(value)))
    os.execv(become[0], [*become, *program])  # noqa: S606 - the caller's own command line


def mount_account(source: Path) -> None:
    """Give the files to the image's user, on memory as a kubelet keeps them."""
    shutil.copytree(source, ACCOUNT)
    for path in ACCOUNT.iterdir():
        # If only one id is mapped, the owner already is that user under another id.
        with contextlib.suppress(OSError):
            os.chown(path, UID, UID)


def set_attributes(path: str, flags: int, attributes: MountAttributes) -> None:
    """Change a mount, or all below it."""
    size = ctypes.sizeof(attributes)
    pointer = ctypes.byref(attributes)
    check(libc.syscall(SYS_MOUNT_SETATTR, AT_FDCWD, path.encode(), flags, pointer, size), path)


def check(result: int, path: str) -> None:
    """Raise what the C library reports."""
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), path)


if __name__ == "__main__":
    main()
