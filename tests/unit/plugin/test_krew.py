"""What krew installs: its manifest, and the script that runs the plugin."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from dcs_migration_operator import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

KREW = Path(__file__).resolve().parents[3] / "deploy" / "krew"
SCRIPT = KREW / "kubectl-dcs"

PACKAGE = f"dcs-migration-operator[cli]=={__version__}"

DESCRIPTION_CHARS_MAX = 50
"""What krew's guide for names and descriptions asks for."""


def test_the_manifest_is_one_once_a_release_has_filled_it_in() -> None:
    """With the fields that krew requires, and the files that the archive has."""
    text = (KREW / "dcs.yaml").read_text(encoding="utf-8")
    filled = text.replace("{{ .TagName }}", "v1.0.0", 1)
    filled = re.sub(
        r"\{\{ addURIAndSha .* \}\}\n",
        f'uri: https://example.com/a.tar.gz\n      sha256: "{"0" * 64}"\n',
        filled,
    )
    assert "{{" not in filled
    body = yaml.safe_load(filled)
    assert body["apiVersion"] == "krew.googlecontainertools.github.com/v1alpha2"
    spec = body["spec"]
    assert spec.keys() == {
        *("version", "homepage", "shortDescription", "description", "caveats", "platforms"),
    }
    assert len(spec["shortDescription"]) <= DESCRIPTION_CHARS_MAX
    (platform,) = spec["platforms"]
    assert platform.keys() == {"selector", "uri", "sha256", "bin", "files"}
    assert platform["bin"] == SCRIPT.name
    for one in platform["files"]:
        assert (KREW / one["from"]).exists() or (KREW.parents[1] / one["from"]).exists()


def fake(folder: Path, name: str) -> None:
    """Put a program on the PATH that prints its arguments, one per line."""
    path = folder / name
    path.write_text('#!/bin/sh\nprintf "%s\\n" "$0" "$@"\nexit 3\n', encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize(
    "there, ran",
    [
        (["uvx"], ["uvx", "--quiet", "--from", PACKAGE, "kubectl-dcs"]),
        (["pipx"], ["pipx", "run", "--spec", PACKAGE, "kubectl-dcs"]),
        (["pipx", "uvx"], ["uvx", "--quiet", "--from", PACKAGE, "kubectl-dcs"]),
    ],
)
def test_the_script_runs_the_plugin_of_its_own_version(
    tmp_path: Path, there: Sequence[str], ran: list[str]
) -> None:
    """With whatever keeps environments, the arguments as they were, and its exit status."""
    for name in there:
        fake(tmp_path, name)
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/sh", str(SCRIPT), "wait", "-l", "a=b c"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    program, *arguments = done.stdout.splitlines()
    assert [Path(program).name, *arguments] == [*ran, "wait", "-l", "a=b c"]
    assert done.returncode == 3


def test_without_either_the_line_says_what_to_install(tmp_path: Path) -> None:
    """And the exit status is that of a person who is needed."""
    done = subprocess.run(  # noqa: S603 - our own script
        ["/bin/sh", str(SCRIPT)],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"install uv or pipx, or the plugin itself with pip: pip install '{PACKAGE}'" in (
        done.stderr
    )


def test_the_script_can_be_run() -> None:
    """Archives keep its permissions."""
    assert os.access(SCRIPT, os.X_OK)
