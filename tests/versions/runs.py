"""Tests in another environment: the command, its log, and what came of each suite, as a file.

Owns the shape of what is kept: `.cache/versions/NAME.json` beside the logs. What is run against
what is said by `pythons.py` and `kubernetes.py`; `page.py` reads the files.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from sandbox.control_plane.processes import guarded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / ".cache" / "versions"

COMMAND_S_MAX: Final = 3600.0
"""For one command: the cluster tests take some minutes, on a machine that is building several
times that; a single test that hangs ends much earlier by its own limit."""

TAIL_LINES_MAX: Final = 40
"""How much of a failed command's log is printed: pytest names what failed at the end."""

TESTS_FAILED: Final = 1
"""pytest's exit status when tests failed and nothing else was wrong."""


class RunError(Exception):
    """A command could not do its work; the text ends with the last lines of its log."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one suite: how many tests, and their time together."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Run:
    """What ran with which versions.

    Attributes:
        python: The full version of the interpreter.
        kubernetes: That of the API server, or an empty text if none was needed.
        at: The day on which it ran, in UTC.
        suites: What came of each suite, by its name.
    """

    python: str
    kubernetes: str
    at: str
    suites: Mapping[str, Outcome]

    @property
    def key(self) -> tuple[str, str]:
        """The minor versions: a later run of the same ones replaces an earlier one."""
        return minor(self.kubernetes), minor(self.python)

    @property
    def failed(self) -> int:
        """How many tests failed."""
        return sum(outcome.failed for outcome in self.suites.values())


def minor(version: str) -> str:
    """Return `1.31` of `v1.31.13`, and an empty text of an empty one."""
    return ".".join(version.removeprefix("v").split(".")[:2])


def order(version: str) -> tuple[int, ...]:
    """Return what versions are sorted by: 1.9 comes before 1.31."""
    return tuple(int(part) for part in version.removeprefix("v").split(".") if part)


def today() -> str:
    """Return the day as it is written down."""
    return datetime.now(UTC).date().isoformat()


def command(
    arguments: Sequence[str | Path], log: Path, environment: Mapping[str, str], *, may_fail: int = 0
) -> float:
    """Run a command in the checkout with its output in a log; returns the seconds it took.

    Args:
        arguments: The command line.
        log: Where its output goes.
        environment: Variables on top of this process's own.
        may_fail: One exit status other than 0 that is none of a command that broke.

    Raises:
        RunError: It is not there, ended with another status, or took far too long.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    # What a parent `make` tells its children would make an inner one wait for its job server.
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    program = shutil.which(arguments[0])
    if program is None:
        raise RunError(f"{arguments[0]} is not on PATH.")
    started = time.monotonic()
    with log.open("wb") as output:
        try:
            status = subprocess.run(  # noqa: S603 - our own command lines
                guarded([program, *map(str, arguments[1:])]),
                cwd=ROOT,
                env=inherited | dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=COMMAND_S_MAX,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise RunError(f"{arguments[0]} took more than {COMMAND_S_MAX:.0f} s: {log}") from None
    if status not in {0, may_fail}:
        raise RunError(f"status {status}; the whole log is {log}:\n{tail(log)}")
    return time.monotonic() - started


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-TAIL_LINES_MAX:])


def pytest(
    python: Path,
    paths: Sequence[str],
    suites: Mapping[str, str],
    log: Path,
    environment: Mapping[str, str],
    *,
    workers: int = 0,
) -> dict[str, Outcome]:
    """Run tests under an interpreter and return what came of each suite.

    Args:
        python: Of an environment in which the project is installed.
        paths: What to run.
        suites: The suites, each with the beginning of the dotted names of its modules.
        log: Where the output goes.
        environment: Variables on top of this process's own.
        workers: Processes that share the modules; 0 means none besides pytest itself.

    Raises:
        RunError: The tests could not be run, or one belongs to no suite.
    """
    report = log.with_suffix(".xml")
    report.unlink(missing_ok=True)
    # Several run at once: what pytest remembers for the next time is left to the usual ones.
    options = ["-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    options += [f"--numprocesses={workers}", "--dist=loadfile"] if workers else []
    command([python, "-m", "pytest", *options, *paths], log, environment, may_fail=TESTS_FAILED)
    return counted(report, suites)


def counted(report: Path, suites: Mapping[str, str]) -> dict[str, Outcome]:
    """Return what a report of pytest says of each suite, in the order in which they are given."""
    found = {suite: Outcome() for suite in suites}
    for module, result, seconds in _cases(report):
        suite = next((name for name, prefix in suites.items() if module.startswith(prefix)), None)
        if suite is None:
            raise RunError(f"{module} belongs to no suite: {', '.join(suites.values())}")
        so_far = asdict(found[suite])
        so_far[result] += 1
        so_far["seconds"] += seconds
        found[suite] = Outcome(**so_far)
    return found


def _cases(report: Path) -> Iterator[tuple[str, str, float]]:
    """Yield module, result and seconds of each test."""
    tree = ET.parse(report)  # noqa: S314 - written by the pytest that was just run
    for case in tree.iter("testcase"):
        marks = {child.tag for child in case}
        result = "failed" if marks & {"failure", "error"} else "passed"
        if "skipped" in marks:
            result = "skipped"
        yield case.get("classname", ""), result, float(case.get("time", "0"))


def line(run: Run) -> str:
    """Return one line about a run."""
    counts = ", ".join(
        f"{suite} {one.passed} passed" + (f" and {one.failed} FAILED" if one.failed else "")
        for suite, one in run.suites.items()
    )
    against = f"Kubernetes {run.kubernetes}, " if run.kubernetes else ""
    seconds = sum(one.seconds for one in run.suites.values())
    return f"{against}Python {run.python}: {counts}; {seconds:.0f} s"


def save(run: Run, folder: Path | None = None) -> Path:
    """Write a run down, in the place of an earlier one with the same minor versions."""
    kubernetes, python = run.key
    name = f"kubernetes-{kubernetes}-{python}" if kubernetes else f"python-{python}"
    path = (folder or FOLDER) / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document(run), indent=1) + "\n", encoding="utf-8")
    return path


def document(run: Run) -> dict[str, Any]:
    """Return a run as it is written down; tenths of seconds are enough."""
    made = asdict(run)
    for outcome in made["suites"].values():
        outcome["seconds"] = round(outcome["seconds"], 1)
    return made


def load(made: dict[str, Any]) -> Run:
    """Return a run that was written down."""
    suites = {name: Outcome(**one) for name, one in made["suites"].items()}
    return Run(**made | {"suites": suites})
