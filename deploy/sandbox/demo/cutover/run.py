"""One run from the start of the stage to its end: the script, its summary and its verdict."""

from __future__ import annotations

from sandbox.control_plane.gobuild import say
from sandbox.demo.cutover import verdict
from sandbox.demo.cutover.fleet import STOP_S, wave_fleet
from sandbox.demo.cutover.script import OPERATOR_OPTIONS, Script
from sandbox.demo.cutover.summary import summary
from sandbox.demo.run import BROKEN
from sandbox.demo.show import put
from sandbox.demo.stage import Stage


def run() -> int:
    """Run, end everything, and return the exit status.

    Raises:
        KeyboardInterrupt: It was interrupted; everything has been ended.
    """
    fleet = wave_fleet()
    stage = Stage(fleet, STOP_S, put, options=OPERATOR_OPTIONS)
    try:
        with stage:
            measured = Script(stage, fleet).play()
            put()
            put(summary(fleet, measured))
            wrong = verdict.mismatches(fleet, measured)
            stage.keep = bool(wrong)
            status = 1 if wrong else 0
    except BROKEN as error:
        say(str(error))
        status = 1
    if stage.kept:
        say(f"Logs and manifests are kept in {stage.kept}.")
    return status
