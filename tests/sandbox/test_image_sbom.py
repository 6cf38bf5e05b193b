"""The list of contents: what the tools are given, and that nothing is missing from it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

import pytest

from sandbox.image import sbom
from support.checkout import ROOT

if TYPE_CHECKING:
    from pathlib import Path

STATUS = """\
Package: libc6
Status: install ok installed
Version: 2.41-12

Package: gone
Status: deinstall ok config-files
Version: 1.0

Package: python3
Status: install ok installed
Version: 3.13.5-1
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Make the records of a small image."""
    status = tmp_path / sbom.DPKG_STATUS
    status.parent.mkdir(parents=True)
    status.write_text(STATUS, encoding="utf-8")
    record = tmp_path / "opt/operator/lib/python3.13/site-packages/PyYAML-6.0.3.dist-info/METADATA"
    record.parent.mkdir(parents=True)
    record.write_text(
        "Metadata-Version: 2.1\nName: PyYAML\nVersion: 6.0.3\n\nName: not this\n", encoding="utf-8"
    )
    return tmp_path


def test_what_is_installed_is_read_from_the_images_own_records(root: Path) -> None:
    """Debian's packages that are really installed, and Python's by their normal name."""
    assert sbom.packages_of(root) == {
        "deb": {"libc6": "2.41-12", "python3": "3.13.5-1"},
        "pypi": {"pyyaml": "6.0.3"},
    }


def test_a_package_that_is_not_listed_is_named(root: Path) -> None:
    """In the version that the image holds: another one is as good as none."""
    listed = [
        {"name": "libc6", "version": "2.41-12"},
        {"name": "PyYAML", "version": "6.0.2"},
        {"name": "root", "components": [{"name": "python3", "version": "3.13.5-1"}]},
    ]
    assert sbom.missing({"components": listed}, sbom.packages_of(root)) == ["pyyaml 6.0.3"]


@pytest.mark.parametrize(
    "path,expected",
    [
        ("var/lib/dpkg/status", True),
        ("usr/share/doc/libc6/copyright", True),
        ("opt/operator/lib/python3.13/site-packages/kopf-1.45.dist-info/METADATA", True),
        ("opt/operator/lib/python3.13/site-packages/kopf/__init__.py", False),
        ("usr/bin/python3", False),
    ],
)
def test_only_records_leave_the_image(path: str, *, expected: bool) -> None:
    """No program of it is unpacked here, let alone run."""
    assert sbom.wanted(path) is expected


def test_the_tools_find_the_images_packages(root: Path, tmp_path: Path) -> None:
    """An environment is made that holds their records and nothing of this machine's."""
    made = sbom.environment_of(root, tmp_path / "environment")
    assert [path.name for path in made.glob("lib/python*/site-packages/*")] == [
        "PyYAML-6.0.3.dist-info"
    ]


def test_a_tool_that_is_missing_is_named(tmp_path: Path) -> None:
    """The line says which command installs it."""
    with pytest.raises(sbom.SbomError, match=r"debsbom is not installed; `make image` does that\."):
        sbom._run(tmp_path / "debsbom", "generate")  # noqa: SLF001 - its message


def test_the_tools_are_locked() -> None:
    """Each with its hashes, and as pyproject.toml wants it."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = {one.partition(">=")[0] for one in groups["dependency-groups"]["sbom"]}
    lock = (ROOT / "requirements" / "sbom.txt").read_text(encoding="utf-8")
    pins = [line for line in lock.splitlines() if "==" in line]
    assert wanted <= {line.partition("==")[0] for line in pins}
    assert lock.count("--hash=sha256:") >= len(pins)
