"""Builds the image from this checkout and writes it to a file."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import yaml

from sandbox.image import archive, base, budget
from sandbox.image.engines import Recipe, choose
from sandbox.shell import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.image.base import Base
    from sandbox.image.engines import Engine

CHART: Final = ROOT / "deploy" / "chart"
FOLDER: Final = ROOT / "build" / "image"
"""The folder of the results: the archive, the list of contents; not under version control."""

TAG: Final = "localhost/dcs-migration-operator:candidate"
"""Its name in the engine; nothing here is ever pushed."""

GIT_S_MAX: Final = 30.0


@dataclass(frozen=True)
class Built:
    """An image that was built.

    Attributes:
        name: Its name in the chart with default values.
        archive: The image as a file, in which its name is `TAG`.
    """

    engine: Engine
    base: Base
    name: str
    archive: Path
    sizes: budget.Sizes


def build(engine: str, choice: str, say: Callable[[str], None], folder: Path = FOLDER) -> Built:
    """Build the image from this checkout.

    Args:
        engine: Which engine; empty for the first that works.
        choice: Which base, see `base.CHOICES`.
        say: Called with what is used and with the result.
        folder: Where the results go.

    Raises:
        NoEngineError: No engine works here.
        BaseError: There is no base to build on.
        EngineError: The build failed.
    """
    chosen = choose(engine)
    folder.mkdir(parents=True, exist_ok=True)
    on = base.obtain(chosen, choice, folder, say)
    say(f"Building deploy/Dockerfile with {chosen.program}.")
    version = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"]
    replaced = {on.pinned.reference: on.local} if on.stand_in else {}
    arguments = {"VERSION": version, "REVISION": _revision()}
    chosen.build(
        Recipe(context=ROOT, file=base.DOCKERFILE, tag=TAG, arguments=arguments, replaced=replaced)
    )
    path = folder / "operator.tar"
    chosen.save(TAG, path)
    layers = chosen.layers(on.local)
    found = budget.sizes(archive.read(path), layers, stand_in=on.stand_in)
    say(f"Image: {found}")
    return Built(chosen, on, default_name(), path, found)


def default_name() -> str:
    """Return the name of the image in the chart with default values."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    image = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["image"]
    return f"{image['repository']}:{image['tag'] or chart['appVersion']}"


def _revision() -> str:
    """Return the commit of the checkout, or `unknown` outside of one."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed command
            command, cwd=ROOT, capture_output=True, text=True, timeout=GIT_S_MAX, check=False
        )
    except OSError:
        return "unknown"
    return answer.stdout.strip() or "unknown"
