"""Small archives of images, as `docker save` writes them, for tests."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def layer(files: Mapping[str, str]) -> bytes:
    """Return a layer with these files."""
    return _tar({name: text.encode() for name, text in files.items()})


def image(path: Path, layers: Sequence[bytes], *, compressed: bool = False) -> Path:
    """Write an image of these layers, the lowest first."""
    digests = [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers]
    config = {"rootfs": {"type": "layers", "diff_ids": digests}}
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": ["test:1"], "Layers": names}]
    members = {"manifest.json": json.dumps(manifest), "config.json": json.dumps(config)}
    stored = [gzip.compress(one) if compressed else one for one in layers]
    content = {name: text.encode() for name, text in members.items()}
    path.write_bytes(_tar(content | dict(zip(names, stored, strict=True))))
    return path


def digests(layers: Sequence[bytes]) -> list[str]:
    """Return what layers are called."""
    return [f"sha256:{hashlib.sha256(one).hexdigest()}" for one in layers]


def _tar(files: Mapping[str, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return target.getvalue()
