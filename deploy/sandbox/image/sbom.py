"""Lists what is in the image, as CycloneDX: Debian's packages and Python's, in one file.

Owns which tool provides what. debsbom reads Debian's own records and merges both lists,
cyclonedx-py reads those of the packages installed by pip; both are well maintained, come from PyPI,
and run nothing from the image. The list is checked here against the image's own records.
"""

from __future__ import annotations

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sandbox.image import archive
from sandbox.shell import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.image.build import Built

TOOLS: Final = ROOT / ".venv" / "sbom" / "bin"
"""Where `make image` installs the tools: separate from everything else, by hash."""

TOOL_S_MAX: Final = 300.0
"""Time limit of one run of a tool, which takes seconds."""

SAID_LINES_MAX: Final = 15

DPKG_STATUS: Final = "var/lib/dpkg/status"

PACKAGES: Final = "opt/operator/lib/python*/site-packages"

WANTED: Final = (
    "var/lib/dpkg/*",
    "var/lib/apt/extended_states",
    "usr/share/doc/*/copyright",
    "etc/os-release",
    "usr/lib/os-release",
    f"{PACKAGES}/*.dist-info/*",
)
"""What the tools read; nothing else leaves the archive."""


class SbomError(Exception):
    """The list cannot be made, or does not match the contents of the image."""


def write(built: Built, target: Path, tools: Path = TOOLS) -> dict[str, int]:
    """Write the list and return how many packages of each kind it has.

    Raises:
        SbomError: A tool is missing or failed, or the list lacks something that the image contains.
    """
    with tempfile.TemporaryDirectory(prefix="dcs-sbom-") as name:
        folder = Path(name)
        root = folder / "root"
        root.mkdir()
        archive.extract(built.archive, root, wanted)
        debian, python = folder / "debian", folder / "python.cdx.json"
        common = ["--sbom-type=cdx", f"--add-meta-data=base={built.base.local}"]
        title = "--distro-name=debian-packages"
        _run(tools / "debsbom", "generate", *common, title, f"--root={root}", f"--out={debian}")
        environment = environment_of(root, folder / "environment")
        project = f"--pyproject={ROOT / 'pyproject.toml'}"
        _run(tools / "cyclonedx-py", "environment", environment, project, f"--output-file={python}")
        joined = folder / "joined"
        sources = [f"{debian}.cdx.json", str(python)]
        title = f"--distro-name={built.name.partition(':')[0].rpartition('/')[2]}-image"
        _run(tools / "debsbom", "merge", *common, title, f"--out={joined}", *sources)
        found = json.loads(Path(f"{joined}.cdx.json").read_text(encoding="utf-8"))
        held = packages_of(root)
        lacking = missing(found, held)
        if lacking:
            raise SbomError(f"The SBOM lacks {', '.join(lacking)}.")
        shutil.copyfile(f"{joined}.cdx.json", target)
    return {kind: len(names) for kind, names in held.items()}


def wanted(path: str) -> bool:
    """Return whether the tools read a file of the image."""
    return any(fnmatch.fnmatchcase(path, pattern) for pattern in WANTED)


def environment_of(root: Path, target: Path) -> Path:
    """Return a virtual environment that holds the records of the image's Python packages.

    cyclonedx-py asks an interpreter for the location of its packages. The image's own does not run
    outside of it, so this machine's is used; it only reads their metadata.
    """
    venv.create(target, with_pip=False)
    (place,) = target.glob("lib/python*/site-packages")
    (packages,) = root.glob(PACKAGES)
    shutil.copytree(packages, place, dirs_exist_ok=True)
    return target


def packages_of(root: Path) -> dict[str, dict[str, str]]:
    """Return names and versions of installed packages, by the image's records: `deb`, `pypi`."""
    debian = {}
    for entry in (root / DPKG_STATUS).read_text(encoding="utf-8").split("\n\n"):
        fields = dict(re.findall(r"^(Package|Status|Version): (.+)$", entry, re.MULTILINE))
        if fields.get("Status", "").endswith(" installed"):
            debian[fields["Package"]] = fields["Version"]
    python = {}
    (packages,) = root.glob(PACKAGES)
    for record in packages.glob("*.dist-info/METADATA"):
        head = record.read_text(encoding="utf-8").partition("\n\n")[0]
        fields = dict(re.findall(r"^(Name|Version): (.+)$", head, re.MULTILINE))
        python[normal(fields["Name"])] = fields["Version"]
    return {"deb": debian, "pypi": python}


def missing(found: Mapping[str, Any], held: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return what the image contains and a list of contents lacks, or has in another version."""
    named = {
        (normal(one["name"]), one.get("version", ""))
        for one in [*found["components"], *_roots(found["components"])]
    }
    return [
        f"{name} {version}"
        for packages in held.values()
        for name, version in sorted(packages.items())
        # The operator itself is the root of a list and has no version there.
        if (normal(name), version) not in named and (normal(name), "") not in named
    ]


def _roots(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the components and what they consist of."""
    return [part for one in components for part in one.get("components", ())]


def normal(name: str) -> str:
    """Return the name of a package as indexes compare them (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _run(*command: str | Path) -> None:
    """Run a tool."""
    try:
        answer = subprocess.run(  # noqa: S603 - the command lines above
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TOOL_S_MAX,
            check=False,
        )
    except FileNotFoundError:
        name = Path(command[0]).name
        raise SbomError(f"{name} is not installed; `make image` does that.") from None
    if answer.returncode != 0:
        lines = (answer.stdout + answer.stderr).splitlines()[-SAID_LINES_MAX:]
        sys.stderr.write("\n".join(lines) + "\n")
        raise SbomError(f"{Path(command[0]).name} failed.")
