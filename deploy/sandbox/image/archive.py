"""Reads an image from the file that `docker save` and similar tools write: layers, sizes, files.

Owns the format, in which every engine can write, so that nothing here depends on one of them.
"""

from __future__ import annotations

import json
import posixpath
import tarfile
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PIECE_BYTES: Final = 1 << 20
"""How much is read at once."""

WHITEOUT: Final = ".wh."
"""Prefix of names that a layer removes from the layers below (OCI image specification)."""

OPAQUE: Final = ".wh..wh..opq"
"""A name that hides everything in its folder from the layers below."""

GZIP_MAGIC: Final = b"\x1f\x8b"


class ArchiveError(Exception):
    """The file is not an image as it should be."""


@dataclass(frozen=True)
class Layer:
    """One layer: its digest, and its size as a tar and as it travels, gzip-compressed."""

    digest: str
    size_bytes: int
    compressed_bytes: int


@dataclass(frozen=True)
class Image:
    """The contents of an archive."""

    layers: tuple[Layer, ...]
    config: dict[str, Any]

    @property
    def size_bytes(self) -> int:
        """All layers."""
        return sum(layer.size_bytes for layer in self.layers)

    @property
    def compressed_bytes(self) -> int:
        """The size that a node without any of the layers pulls."""
        return sum(layer.compressed_bytes for layer in self.layers)


def read(path: Path) -> Image:
    """Return the image of an archive.

    Raises:
        ArchiveError: It is not an image, or contains several.
    """
    with tarfile.open(path) as archive:
        manifest = _manifest(archive)
        config = json.loads(_bytes(archive, manifest["Config"]))
        digests = config["rootfs"]["diff_ids"]
        layers = tuple(
            Layer(digest, *_sizes(archive, name))
            for digest, name in zip(digests, manifest["Layers"], strict=True)
        )
    return Image(layers, config)


def extract(path: Path, target: Path, wanted: Callable[[str], bool]) -> None:
    """Write the selected files of an image below a folder, as a container would see them.

    Args:
        path: The archive.
        target: An empty folder.
        wanted: Decides by a path such as `usr/bin/python3`.
    """
    with tarfile.open(path) as archive:
        holders: dict[str, int] = {}
        names = _manifest(archive)["Layers"]
        for number, name in enumerate(names):
            with _opened(archive, name) as layer:
                for member in layer:
                    _place(holders, member, number)
        for number, name in enumerate(names):
            with _opened(archive, name) as layer:
                for member in layer:
                    inside = _inside(member.name)
                    if holders.get(inside) == number and member.isfile() and wanted(inside):
                        layer.extract(member, target, filter="data")


def _place(holders: dict[str, int], member: tarfile.TarInfo, number: int) -> None:
    """Record that a layer contains a path, or that it removes some from the layers below."""
    inside = _inside(member.name)
    folder, name = posixpath.split(inside)
    if name == OPAQUE:
        _forget(holders, f"{folder}/", number)
    elif name.startswith(WHITEOUT):
        removed = posixpath.join(folder, name.removeprefix(WHITEOUT))
        _forget(holders, f"{removed}/", number)
        holders.pop(removed, None)
    else:
        holders[inside] = number


def _forget(holders: dict[str, int], prefix: str, number: int) -> None:
    """Forget what lower layers contain below a folder."""
    for path in [one for one, held in holders.items() if one.startswith(prefix) and held < number]:
        del holders[path]


def _inside(name: str) -> str:
    return posixpath.normpath(name).lstrip("/")


def _manifest(archive: tarfile.TarFile) -> dict[str, Any]:
    try:
        (manifest,) = json.loads(_bytes(archive, "manifest.json"))
    except (KeyError, ValueError) as error:
        raise ArchiveError(f"This is not the archive of one image: {error}") from None
    return cast("dict[str, Any]", manifest)


def _bytes(archive: tarfile.TarFile, name: str) -> bytes:
    return _member(archive, name).read()


def _member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    found = archive.extractfile(name)  # follows the links with which podman names layers twice
    if found is None:
        raise ArchiveError(f"In the image, {name} is no file.")
    return found


def _opened(archive: tarfile.TarFile, name: str) -> tarfile.TarFile:
    return tarfile.open(fileobj=_member(archive, name), mode="r:*")


def _sizes(archive: tarfile.TarFile, name: str) -> tuple[int, int]:
    """Return the size of a layer as a tar and compressed."""
    if _member(archive, name).read(len(GZIP_MAGIC)) == GZIP_MAGIC:
        expand = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        pieces = list(_pieces(_member(archive, name)))
        size = sum(len(expand.decompress(piece)) for piece in pieces)
        return size, sum(map(len, pieces))
    pack = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    size = compressed = 0
    for piece in _pieces(_member(archive, name)):
        size += len(piece)
        compressed += len(pack.compress(piece))
    return size, compressed + len(pack.flush())


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(PIECE_BYTES):
        yield piece
