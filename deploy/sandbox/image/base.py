"""The base of the image: the one that the Dockerfile pins, or a stand-in where no registry is.

Owns the choice between the two, and how the stand-in is made: from Debian's own packages, with the
same release and the same Python as the pinned base, without what the slim images leave out.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sandbox.image.engines import BUILD_S_MAX, SAID_LINES_MAX, EngineError, Recipe
from sandbox.shell import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.image.engines import Engine

DOCKERFILE: Final = ROOT / "deploy" / "Dockerfile"

PULL_S_MAX: Final = 300.0
"""For the pinned base: 50 MB."""

PULL, STAND_IN, AUTO = "pull", "stand-in", "auto"
CHOICES: Final = (AUTO, PULL, STAND_IN)

PINNED: Final = re.compile(
    r"^FROM (?P<reference>\S+/python:(?P<python>\d+\.\d+)\.\d+-slim-(?P<suite>\w+)@sha256:\w+)",
    re.MULTILINE,
)

PACKAGES: Final = ("ca-certificates", "python3", "python3-venv")

LEFT_OUT: Final = ("doc", "info", "locale", "man")
"""Folders of /usr/share that Debian's slim images have no files in, copyright aside."""

HOOKS: Final = (
    # As in the pinned base: python and pip in /usr/local/bin, and no bytecode anywhere.
    'chroot "$1" python3 -m venv /usr/local',
    'find "$1/usr" -name __pycache__ -prune -exec rm -r {} +',
)

STAND_IN_FILE: Final = """\
FROM scratch
ADD base.tar /
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
"""


class BaseError(Exception):
    """There is no base to build on; the text says what to do."""


@dataclass(frozen=True)
class Pinned:
    """The base that the Dockerfile names.

    Attributes:
        python: Its Python, as in `3.13`.
        suite: Its release of Debian.
    """

    reference: str
    python: str
    suite: str


@dataclass(frozen=True)
class Base:
    """What the image is built on.

    Attributes:
        pinned: What the Dockerfile names.
        local: The engine's name of the image that is used.
    """

    pinned: Pinned
    local: str

    @property
    def stand_in(self) -> bool:
        """Whether another image stands in for the pinned one."""
        return self.local != self.pinned.reference


def pinned(text: str) -> Pinned:
    """Return the base that a Dockerfile names; all its stages share it."""
    found = {match.groups() for match in PINNED.finditer(text)}
    if len(found) != 1:
        raise BaseError(f"{DOCKERFILE.name} does not pin one python image: {sorted(found)}")
    return Pinned(*found.pop())


def obtain(engine: Engine, choice: str, folder: Path, say: Callable[[str], None]) -> Base:
    """Pull the pinned base, or make the stand-in if it cannot be pulled.

    Args:
        engine: The engine that has the base afterwards.
        choice: One of `CHOICES`; `auto` tries to pull.
        folder: Where the stand-in is made.
        say: Called with one line that names which of the two it is.

    Raises:
        BaseError: Neither is available.
    """
    wanted = pinned(DOCKERFILE.read_text(encoding="utf-8"))
    if choice != STAND_IN:
        try:
            if not engine.has(wanted.reference):
                engine.pull(wanted.reference, PULL_S_MAX)
        except EngineError as error:
            if choice == PULL:
                raise BaseError(f"The pinned base cannot be pulled. {error}") from None
        else:
            say(f"Base: as pinned, {wanted.reference}")
            return Base(wanted, wanted.reference)
    if engine.program == "docker":
        raise BaseError("The stand-in for the base needs podman or buildah: name one by --engine.")
    local = f"localhost/dcs-python:{wanted.suite}-{_recipe_key(wanted)}"
    say(
        f"Base: a stand-in from Debian {wanted.suite}'s packages, since"
        f" {wanted.reference.partition('@')[0]} cannot be pulled here"
    )
    if not engine.has(local):
        _make(engine, wanted, local, folder)
    return Base(wanted, local)


def _recipe_key(wanted: Pinned) -> str:
    """Return a key that changes whenever the stand-in would differ."""
    recipe = f"{wanted}{PACKAGES}{LEFT_OUT}{HOOKS}{STAND_IN_FILE}"
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def debootstrap_command(suite: str, target: Path) -> list[str]:
    """Return the command that makes a file system of Debian's packages."""
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in LEFT_OUT]
    kept = "--dpkgopt=path-include=/usr/share/doc/*/copyright"
    include = f"--include={','.join(PACKAGES)}"
    hooks = [f"--customize-hook={hook}" for hook in HOOKS]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", include, *excluded, kept, *hooks]
    return [*command, suite, str(target)]


def _make(engine: Engine, wanted: Pinned, local: str, folder: Path) -> None:
    """Make the stand-in: it takes a minute the first time, and is then cached.

    Raises:
        BaseError: The tools that make it are not installed.
        EngineError: It could not be made.
    """
    if shutil.which("mmdebstrap") is None or os.geteuid() != 0:
        raise BaseError("The stand-in for the base needs mmdebstrap and root: make image-tools.")
    context = folder / "base"
    context.mkdir(parents=True, exist_ok=True)
    archive = context / "base.tar"
    try:
        answer = subprocess.run(  # noqa: S603 - the command line is built above
            debootstrap_command(wanted.suite, archive),
            capture_output=True,
            text=True,
            timeout=BUILD_S_MAX,
            check=False,
        )
        if answer.returncode != 0:
            said = "\n".join(answer.stderr.splitlines()[-SAID_LINES_MAX:])
            raise EngineError(f"mmdebstrap failed:\n{said}")
        file = context / "Dockerfile"
        file.write_text(STAND_IN_FILE, encoding="utf-8")
        engine.build(Recipe(context=context, file=file, tag=local))
    finally:
        shutil.rmtree(context, ignore_errors=True)
