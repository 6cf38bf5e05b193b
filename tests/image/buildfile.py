"""Reads deploy/Dockerfile and does what its build stage does, in a folder instead of a container.

Owns the few instructions that the file uses; another one is an error here, so that the tests never
pass by leaving something out. A base image is played by a fresh virtual environment.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass, field
from pathlib import Path

from support.checkout import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"

RUN_S_MAX = 300.0
"""For one instruction: without a cache some 30 packages are downloaded."""


@dataclass(frozen=True)
class Stage:
    """One stage: its base image, its name and its instructions, in order."""

    base: str
    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def arguments(self, instruction: str) -> list[str]:
        """Return what one kind of instruction says, in order."""
        return [argument for verb, argument in self.steps if verb == instruction]


def stages() -> list[Stage]:
    """Return the stages of the Dockerfile."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: list[Stage] = []
    for line in text.replace("\\\n", " ").splitlines():
        verb, _, argument = line.strip().partition(" ")
        if verb == "FROM":
            base, _, name = argument.partition(" AS ")
            found.append(Stage(base, name))
        elif verb:
            found[-1].steps.append((verb, argument.strip()))
    return found


def admitted(path: str) -> bool:
    """Tell whether .dockerignore lets a path into the build; the last rule that fits decides."""
    allowed = True
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        rule = line.strip().rstrip("/")
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!").removeprefix("**/")
        parts = Path(path).parts
        starts = range(len(parts)) if "**/" in rule else [0]
        ends = [parts[start] for start in starts]
        if any(fnmatch.fnmatch(part, pattern) for part in ends):
            allowed = rule.startswith("!")
    return allowed


class Build:
    """The build stage, done below a folder: `/src` is its `src`, and so on."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._workdir = root
        venv.create(root / "base", with_pip=True)
        # PIP_NO_CACHE_DIR keeps an image small; here a cache only saves downloads.
        self._variables = {"PATH": f"{root / 'base' / 'bin'}:/usr/bin:/bin"}

    def run(self, stage: Stage) -> None:
        """Do all instructions of a stage."""
        verbs = {"ENV": self._env, "WORKDIR": self._enter, "COPY": self._copy, "RUN": self._run}
        for verb, argument in stage.steps:
            verbs[verb](argument)

    def path(self, inside: str) -> Path:
        """Return where a path of the image is here."""
        return self._root / inside.removeprefix("/")

    def _env(self, argument: str) -> None:
        pairs = dict(pair.split("=", 1) for pair in shlex.split(argument))
        del pairs["PIP_NO_CACHE_DIR"]
        self._variables |= pairs

    def _enter(self, argument: str) -> None:
        self._workdir = self.path(argument)
        self._workdir.mkdir(parents=True, exist_ok=True)

    def _copy(self, argument: str) -> None:
        *sources, target = argument.split()
        for source in sources:
            assert admitted(source), f".dockerignore keeps {source} out"
            place = self._workdir / target
            if (ROOT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / source, place, ignore=ignored)
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, place)

    def _run(self, argument: str) -> None:
        command = argument.replace(" /opt/", f" {self._root}/opt/")
        # Where packages come from is the business of whoever runs this, as in an image build.
        kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
        answer = subprocess.run(  # noqa: S603 - our own Dockerfile
            ["/bin/sh", "-ec", command],
            cwd=self._workdir,
            env=kept | self._variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_S_MAX,
            check=False,
        )
        sys.stdout.write(answer.stdout)
        assert answer.returncode == 0, f"{command}\n{answer.stderr}"
