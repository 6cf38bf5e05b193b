"""Compares the size of the image with its budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.image.archive import Image

MB: Final = 1_000_000
"""Bytes in a megabyte, as registries and `docker images` count."""

STAND_IN_MB_MAX: Final = 170
"""The whole image on the stand-in: what it takes today and some room, so that a careless dependency
is noticed. On the pinned base most of the image is not ours, so its size is only reported."""

OURS_MB_MAX: Final = 45
"""Our own layers on any base: 37 MB today, nearly all of it the locked packages."""


@dataclass(frozen=True)
class Sizes:
    """Bytes; `compressed` is the download size of the whole image."""

    whole: int
    ours: int
    compressed: int
    stand_in: bool

    def __str__(self) -> str:
        return (
            f"{self.whole / MB:.1f} MB, of which {self.ours / MB:.1f} MB are ours;"
            f" {self.compressed / MB:.1f} MB to pull"
        )


def sizes(image: Image, base_layers: Sequence[str], *, stand_in: bool) -> Sizes:
    """Measure an image; its lowest layers are those of its base."""
    digests = [layer.digest for layer in image.layers]
    if digests[: len(base_layers)] != list(base_layers):
        raise ValueError("the image does not begin with the layers of its base")
    ours = sum(layer.size_bytes for layer in image.layers[len(base_layers) :])
    return Sizes(image.size_bytes, ours, image.compressed_bytes, stand_in)


def excesses(found: Sizes) -> list[str]:
    """Return what is over budget, each as a sentence; none if all is within."""
    over = []
    if found.ours > OURS_MB_MAX * MB:
        over.append(f"Our own layers take {found.ours / MB:.1f} MB; {OURS_MB_MAX} MB are allowed.")
    if found.stand_in and found.whole > STAND_IN_MB_MAX * MB:
        over.append(f"The image takes {found.whole / MB:.1f} MB; {STAND_IN_MB_MAX} are allowed.")
    return over
