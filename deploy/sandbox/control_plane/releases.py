"""Writes the `go.mod` and `go.sum` from which the servers of an older Kubernetes are built.

    PYTHONPATH=deploy .venv/bin/python -m sandbox.control_plane.releases v1.31.13

Owns how such a module is made: `k8s.io/kubernetes` names its own parts by folders, which other
modules have to replace by versions. It is run by hand, for a new minor version or patch; its result
is committed, so that a build needs no resolving and every download is checked.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.control_plane.gobuild import ToolchainError, say
from sandbox.control_plane.toolchain import (
    KUBERNETES,
    PACKAGES,
    RELEASES_DIR,
    SANDBOX_DIR,
    SERVERS,
    version_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = re.compile(r"^\s*(k8s\.io/\S+) => \./staging/", re.MULTILINE)
"""How Kubernetes' own go.mod says that a module lies in its repository."""

GO_S_MAX = 900.0
"""For resolving one release: a minute or two, and as long again for a slow download."""


def module_text(version: str, upstream: str) -> str:
    """Return the `go.mod` for a release.

    Args:
        version: Such as `v1.31.13`.
        upstream: The release's own `go.mod`.

    Raises:
        ToolchainError: That names no parts or no Go version: it is no `go.mod` of Kubernetes.
    """
    parts = PARTS.findall(upstream)
    language = re.search(r"^go (\d+\.\d+)", upstream, re.MULTILINE)
    if not parts or language is None:
        raise ToolchainError(f"{KUBERNETES} {version} does not look like Kubernetes.")
    tools = "".join(f"\t{PACKAGES[name].path}\n" for name in SERVERS)
    # The parts of v1.31.13 have the version v0.31.13.
    replaced = "".join(f"\t{part} => {part} v0{version[2:]}\n" for part in parts)
    return (
        f"// The servers of Kubernetes {version}. Written by control_plane/releases.py.\n"
        "module kubernetes\n\n"
        f"go {version_of('go')}\n\n"
        "// What the standard library does where Go versions differ: as when this was released.\n"
        f"godebug default=go{language[1]}\n\n"
        f"tool (\n{tools})\n\nrequire {KUBERNETES} {version}\n\nreplace (\n{replaced})\n"
    )


def write(version: str) -> Path:
    """Write the module of a release and return its folder.

    Raises:
        ToolchainError: The version is no release, or one of its modules cannot be had.
    """
    match = re.fullmatch(r"v(1\.\d+)\.\d+", version)
    if match is None:
        raise ToolchainError(f"{version} is no release of Kubernetes: name one such as v1.31.13.")
    download = _go(SANDBOX_DIR, "mod", "download", "-json", f"{KUBERNETES}@{version}")
    found: dict[str, Any] = json.loads(download)
    text = module_text(version, Path(found["GoMod"]).read_text(encoding="utf-8"))
    folder = RELEASES_DIR / match[1]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "go.mod").write_text(text, encoding="utf-8")
    # Sums of an earlier patch would stay for ever.
    (folder / "go.sum").unlink(missing_ok=True)
    _go(folder, "mod", "tidy")
    return folder


def _go(folder: Path, *arguments: str) -> str:
    """Run Go in a folder and return what it prints."""
    answer = subprocess.run(  # noqa: S603 - the Go on PATH
        ["go", *arguments],  # noqa: S607 - the same
        cwd=folder,
        env=os.environ | {"GOWORK": "off"},
        capture_output=True,
        text=True,
        timeout=GO_S_MAX,
        check=False,
    )
    if answer.returncode != 0:
        raise ToolchainError(f"go {' '.join(arguments)} failed:\n{answer.stderr or answer.stdout}")
    return answer.stdout


def main(versions: Sequence[str]) -> int:
    """Write the modules of the releases that are named; returns the exit status."""
    if not versions:
        say("Name releases of Kubernetes, such as v1.31.13.")
        return 2
    try:
        for version in versions:
            say(f"written: {write(version).relative_to(RELEASES_DIR)}")
    except ToolchainError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
