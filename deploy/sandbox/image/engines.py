"""The container engines of a machine: docker, podman or buildah, and their command lines.

Owns their command lines and their differences. `build.py` owns what is built, and on which base.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PROGRAMS: Final = ("docker", "podman", "buildah")
"""In the order of preference; buildah comes last, since it cannot run containers."""

ANSWER_S_MAX: Final = 60.0
"""Time limit of a query to an engine: it takes a fraction of a second."""

BUILD_S_MAX: Final = 1800.0
"""For a build or a transfer of an image: minutes where packages come slowly."""

SAID_LINES_MAX: Final = 15
"""How much of a failed command's output is shown; the cause is at its end."""

FILES_MAX, PROCESSES_MAX = 20_000, 32_768
"""Limits in a container where this process may not raise its own, which podman would try to."""

CA_BUNDLE: Final = Path("/etc/ssl/certs/ca-certificates.crt")
"""The CAs that this machine trusts; pip in a build must trust the same."""


class EngineError(Exception):
    """An engine failed; the text ends with its output."""


class NoEngineError(Exception):
    """This machine has no engine that works; the text says what was tried."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One build.

    Attributes:
        context: Folder that is built from.
        file: The Dockerfile.
        tag: The name of the image.
        arguments: Values of its ARGs.
        replaced: Image references of FROM and the local image that stands in for each.
    """

    context: Path
    file: Path
    tag: str
    arguments: dict[str, str] = field(default_factory=dict)
    replaced: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Engine:
    """One of the programs."""

    program: str

    @property
    def runs(self) -> bool:
        """Whether it can run containers too."""
        return self.program != "buildah"

    def command(self, *arguments: str | Path) -> list[str]:
        """Return a command line of this engine."""
        # Settings for cgroups and events that work with and without systemd; runc if available,
        # since crun does not run in the mixed cgroups of some machines.
        plain = ["--cgroup-manager=cgroupfs", "--events-backend=file"]
        runtime = ["--runtime=runc"] if shutil.which("runc") else []
        options = [*plain, *runtime] if self.program == "podman" else []
        return [self.program, *options, *map(str, arguments)]

    def call(self, *arguments: str | Path, timeout_s: float = ANSWER_S_MAX) -> str:
        """Run the engine and return what it printed.

        Raises:
            EngineError: It failed, or takes too long.
        """
        command = self.command(*arguments)
        title = f"{self.program} {arguments[0]}"
        try:
            answer = subprocess.run(  # noqa: S603 - the command line is built above
                command, capture_output=True, text=True, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            raise EngineError(f"{title} did not end within {timeout_s:g} s.") from None
        except OSError as error:
            raise EngineError(f"{title}: {error.strerror}") from None
        if answer.returncode != 0:
            said = (answer.stdout + answer.stderr).strip().splitlines()[-SAID_LINES_MAX:]
            raise EngineError("\n".join([f"{title} failed:", *said]))
        return answer.stdout

    def answers(self) -> bool:
        """Return whether it is installed and works."""
        question = ["version", "--format={{.Server.Version}}"]
        try:
            self.call(*(question if self.program == "docker" else ["info"]))
        except EngineError:
            return False
        return True

    def has(self, reference: str) -> bool:
        """Return whether an image is on this machine."""
        try:
            self.layers(reference)
        except EngineError:
            return False
        return True

    def layers(self, reference: str) -> tuple[str, ...]:
        """Return the digests of an image's layers, the lowest first."""
        if self.program == "buildah":
            found = json.loads(self.call("inspect", "--type=image", reference))
            return tuple(found["OCIv1"]["rootfs"]["diff_ids"])
        shape = "--format={{json .RootFS.Layers}}"
        return tuple(json.loads(self.call("image", "inspect", shape, reference)))

    def pull(self, reference: str, timeout_s: float = BUILD_S_MAX) -> None:
        """Fetch an image from its registry."""
        self.call("pull", "--quiet", reference, timeout_s=timeout_s)

    def build(self, recipe: Recipe) -> None:
        """Build an image; a previous one of the same name is removed."""
        before = self._id(recipe.tag)
        self.call(*build_arguments(self.program, recipe), timeout_s=BUILD_S_MAX)
        if before not in {"", self._id(recipe.tag)}:
            # It is kept if something else still uses it.
            with contextlib.suppress(EngineError):
                self.call("rmi", before)

    def save(self, reference: str, path: Path) -> None:
        """Write an image to a file in docker's format."""
        path.unlink(missing_ok=True)
        if self.program == "buildah":
            target = f"docker-archive:{path}:{reference}"
            self.call("push", "--quiet", reference, target, timeout_s=BUILD_S_MAX)
        else:
            self.call("save", "--output", path, reference, timeout_s=BUILD_S_MAX)

    def _id(self, reference: str) -> str:
        """Return the id of an image; empty if none has that name."""
        try:
            return self.call("images", "--quiet", "--no-trunc", reference).strip()
        except EngineError:
            return ""


def build_arguments(program: str, recipe: Recipe) -> list[str]:
    """Return the arguments of a build for one engine."""
    options = ["--network=host", f"--file={recipe.file}", f"--tag={recipe.tag}"]
    options += [f"--build-arg={name}={value}" for name, value in recipe.arguments.items()]
    if program != "docker":
        # In the file system of the build and with this machine's network, so that neither a
        # network of its own nor a right beyond root's is needed. Nothing is kept for a next build.
        options += ["--isolation=chroot", "--layers=false", *limits()]
        if CA_BUNDLE.is_file():
            options.append(f"--volume={CA_BUNDLE}:{CA_BUNDLE}:ro")
        for reference, local in recipe.replaced.items():
            options.append(f"--build-context={reference}=container-image://{local}")
        if recipe.replaced:
            options.append("--pull-never")
    return ["build", *options, str(recipe.context)]


def limits() -> list[str]:
    """Return the limits of a container, for podman and buildah."""
    return [f"--ulimit=nofile={FILES_MAX}:{FILES_MAX}", f"--ulimit=nproc={PROCESSES_MAX}"]


def choose(wanted: str = "") -> Engine:
    """Return the requested engine, or the first that works.

    Raises:
        NoEngineError: None does.
    """
    for program in [wanted] if wanted else PROGRAMS:
        engine = Engine(program)
        if shutil.which(program) and engine.answers():
            return engine
    tried = wanted or ", ".join(PROGRAMS)
    why = "" if os.geteuid() == 0 else " (podman and buildah need root here)"
    raise NoEngineError(f"No container engine works on this machine, tried {tried}{why}.")
