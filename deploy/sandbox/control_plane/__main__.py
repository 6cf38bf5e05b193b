"""Command line: keeps a control plane running until Ctrl-C, or only builds its binaries.

Owns options, exit status and output. Standard output has only lines for a shell to read; everything
for people goes to standard error.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from typing import TYPE_CHECKING

from sandbox.control_plane import ControlPlane, ControlPlaneError, ToolchainError, ensure
from sandbox.control_plane.gobuild import say
from sandbox.control_plane.toolchain import CORE, PACKAGES

if TYPE_CHECKING:
    from collections.abc import Sequence

ALIVE_CHECK_S = 0.5
"""How often to check whether a server has ended by itself; soon enough for a person."""

INTERRUPTED = 130
"""Exit status that shells use for a program ended by Ctrl-C, so that `make` stops as well."""


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; wrong ones end the program with status 2."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.control_plane",
        description="Run etcd and kube-apiserver on this machine until Ctrl-C.",
    )
    parser.add_argument("--build-only", action="store_true", help="build what is missing and exit")
    parser.add_argument(
        "--tool",
        action="append",
        default=[],
        choices=sorted(set(PACKAGES) - set(CORE)),
        help="with --build-only: build this one as well (repeatable)",
    )
    parser.add_argument(
        "--no-crds", action="store_true", help="start without the CRDs of this project"
    )
    parser.add_argument(
        "--controller-manager",
        action="store_true",
        help="run kube-controller-manager too, so that deleted namespaces go away",
    )
    parser.add_argument(
        "--apiserver-flag",
        action="append",
        default=[],
        metavar="FLAG",
        help="one more flag of kube-apiserver, as --apiserver-flag=--v=4 (repeatable)",
    )
    options = parser.parse_args(arguments)
    if options.tool and not options.build_only:
        parser.error("--tool needs --build-only")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parse(arguments)
    try:
        if options.build_only:
            for name, path in ensure(*CORE, *options.tool).items():
                say(f"{name}: {path}")
        else:
            run(options)
    except (ControlPlaneError, ToolchainError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Interrupted.")
        return INTERRUPTED
    return 0


def run(options: argparse.Namespace) -> None:
    """Keep a control plane running until a signal or until one of its servers ends."""
    plane = ControlPlane(
        apiserver_flags=options.apiserver_flag, controller_manager=options.controller_manager
    )
    with plane:
        if not options.no_crds:
            plane.install_crds()
        # Once everything runs, Ctrl-C is the normal end; before that, it is an interruption.
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdout.write(f"export KUBECONFIG={plane.kubeconfig}\n")
            sys.stdout.flush()
            say(f"kubectl is {plane.binaries['kubectl']}, logs are in {plane.folder}.")
            say("Ctrl-C ends it.")
            while plane.check_alive():
                time.sleep(ALIVE_CHECK_S)


def end_on_signals() -> None:
    """Make the usual signals end the program as Ctrl-C does, with cleanup."""
    # SIGINT too: shells make their background processes ignore it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    # Not if it is ignored: then `nohup` is meant to keep this running.
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, signal.default_int_handler)


if __name__ == "__main__":
    end_on_signals()
    raise SystemExit(main())
