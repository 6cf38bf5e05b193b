"""One run from the start of the stage to its end: the script and its verdict, or the sandbox.

Owns the order of the parts and the final messages. `__main__.py` owns the options.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from sandbox.control_plane import ControlPlaneError, KubectlError, ToolchainError
from sandbox.control_plane.gobuild import say
from sandbox.demo import verdict
from sandbox.demo.fleet import mixed_fleet
from sandbox.demo.resources import WatchError
from sandbox.demo.script import OPERATOR_OPTIONS, WINDOW_IDLE_S, Script
from sandbox.demo.show import put, screen
from sandbox.demo.stage import Stage, StageError
from sandbox.demo.stay import stay
from sandbox.demo.summary import summary

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sandbox.demo.fleet import Member

BROKEN = (
    ControlPlaneError,
    KubectlError,
    StageError,
    ToolchainError,
    WatchError,
    subprocess.SubprocessError,
    OSError,
)
"""What can go wrong on a machine; the text says it all."""


def run(options: argparse.Namespace) -> int:
    """Run, end everything, and return the exit status.

    Raises:
        KeyboardInterrupt: It was interrupted; everything has been ended.
    """
    fleet = mixed_fleet(options.migrations, options.stop_seconds)
    stage = Stage(
        fleet, options.stop_seconds, put, options=() if options.stay else OPERATOR_OPTIONS
    )
    try:
        with stage:
            if options.stay:
                stay(stage, fleet)
                return 0
            status = play(stage, fleet, options)
    except BROKEN as error:
        say(str(error))
        status = 1
    if stage.kept:
        say(f"Logs and manifests are kept in {stage.kept}.")
    return status


def play(stage: Stage, fleet: Sequence[Member], options: argparse.Namespace) -> int:
    """Play the script, print the summary, and return the exit status."""
    put(f"The operator's orders wait up to {WINDOW_IDLE_S:g} s for more tasks (--batch-idle-s).")
    with screen() as shown:
        measured = Script(stage, fleet, shown).play(options.stop_seconds)
    put()
    put(summary(fleet, measured))
    wrong = verdict.mismatches(fleet, measured)
    stage.keep = bool(wrong)
    return 1 if wrong else 0
