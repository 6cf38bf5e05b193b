"""Servers of older Kubernetes: which there are, how they are asked for, how one more is added."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sandbox.control_plane import ToolchainError, releases, toolchain
from sandbox.control_plane.toolchain import KUBERNETES, RELEASE_VARIABLE, SERVERS

if TYPE_CHECKING:
    from pathlib import Path

UPSTREAM = """module k8s.io/kubernetes

go 1.22.3

require github.com/x/y v1.0.0

replace (
\tk8s.io/api => ./staging/src/k8s.io/api
\tk8s.io/kubelet => ./staging/src/k8s.io/kubelet
\tgithub.com/x/y => github.com/x/z v1.0.0
)
"""

FAKE_GO = """#!/bin/sh
echo "$* in ${PWD##*/}" >> "$FAKE_GO_LOG"
case "$2" in
    download) echo '{"GoMod": "'"$FAKE_UPSTREAM"'"}' ;;
    tidy) echo sums > go.sum ;;
esac
"""

BROKEN_GO = "#!/bin/sh\necho 'not available' >&2\nexit 1\n"

OLDER = [release for release in toolchain.releases() if release != list(toolchain.releases())[-1]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Give an environment in which no release is asked for, to be changed."""
    monkeypatch.delenv(RELEASE_VARIABLE, raising=False)
    monkeypatch.delenv(toolchain.ASSETS_VARIABLE, raising=False)
    return monkeypatch


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty folder of releases and a stand-in for Go, which notes what it is asked."""
    (tmp_path / "path").mkdir()
    (tmp_path / "upstream.mod").write_text(UPSTREAM, encoding="utf-8")
    go(tmp_path, FAKE_GO)
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.setenv("FAKE_GO_LOG", str(tmp_path / "go.log"))
    monkeypatch.setenv("FAKE_UPSTREAM", str(tmp_path / "upstream.mod"))
    monkeypatch.setattr(releases, "RELEASES_DIR", tmp_path / "releases")
    return tmp_path


def go(folder: Path, text: str) -> None:
    """Put a stand-in for Go on PATH."""
    path = folder / "path" / "go"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def test_the_newest_is_the_one_of_the_sandbox() -> None:
    """Releases are in order, and each folder has the minor version that it is named for."""
    known = toolchain.releases()
    assert list(known) == sorted(known, key=lambda release: int(release.split(".")[1]))
    for release, module in known.items():
        assert toolchain.version_of(KUBERNETES, module).startswith(f"v{release}.")
    assert list(known.values())[-1].folder == toolchain.SANDBOX_DIR


@pytest.mark.parametrize("release", OLDER)
def test_a_release_is_written_as_its_program_writes_it(release: str) -> None:
    """All parts of Kubernetes have the version that belongs to it, and no other replaces any."""
    module = toolchain.releases()[release]
    text = (module.folder / "go.mod").read_text(encoding="utf-8")
    version = toolchain.version_of(KUBERNETES, module)
    replaced = re.findall(r"^(?:replace )?\t?(\S+) => (\S+) (\S+)$", text, re.MULTILINE)
    assert len(replaced) > 20
    assert {(name == by, at) for name, by, at in replaced} == {(True, f"v0{version[2:]}")}
    assert toolchain.version_of("go", module) == toolchain.version_of("go")


@pytest.mark.parametrize("release", OLDER)
def test_servers_of_a_release_are_other_binaries(asked: pytest.MonkeyPatch, release: str) -> None:
    """Their folder is named by the version; everything else stays what it was."""
    before = {name: toolchain.cached(name) for name in toolchain.PACKAGES}
    asked.setenv(RELEASE_VARIABLE, release)
    after = {name: toolchain.cached(name) for name in toolchain.PACKAGES}
    assert {name for name in after if after[name] != before[name]} == set(SERVERS)
    assert after["kube-apiserver"].parent.name.startswith(f"v{release}.")
    flags = toolchain.link_flags(toolchain.releases()[release])
    assert f"component-base/version.gitVersion=v{release}." in flags
    assert "helm" not in flags


def test_the_newest_may_be_asked_for_by_its_name(asked: pytest.MonkeyPatch) -> None:
    """It is the same as asking for nothing."""
    before = toolchain.cached("kube-apiserver")
    asked.setenv(RELEASE_VARIABLE, list(toolchain.releases())[-1])
    assert toolchain.cached("kube-apiserver") == before


def test_an_unknown_release_is_refused_with_those_there_are(asked: pytest.MonkeyPatch) -> None:
    """In one line that says what to do."""
    asked.setenv(RELEASE_VARIABLE, "1.2")
    expected = f"^SANDBOX_KUBERNETES is 1.2: choose from {', '.join(toolchain.releases())}, or"
    with pytest.raises(ToolchainError, match=expected):
        toolchain.ensure("kube-apiserver")


def test_a_release_that_is_asked_for_comes_before_the_assets(
    asked: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whose servers are of some other version; kubectl is still taken from there."""
    for name, text in {"kube-apiserver": "v1.35.0", "kubectl": "v1.35.0"}.items():
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho Kubernetes {text}\n", encoding="utf-8")
        path.chmod(0o755)
    asked.setenv(toolchain.ASSETS_VARIABLE, str(tmp_path))
    asked.setattr(toolchain, "CACHE_DIR", tmp_path / "cache")
    assert toolchain.find("kube-apiserver") == tmp_path / "kube-apiserver"
    asked.setenv(RELEASE_VARIABLE, OLDER[0])
    assert toolchain.find("kube-apiserver") is None
    assert toolchain.find("kubectl") == tmp_path / "kubectl"


def test_a_release_is_added_by_its_version(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its parts are replaced by their versions; then Go resolves the rest."""
    assert releases.main(["v1.31.13"]) == 0
    made = folder / "releases" / "1.31"
    text = (made / "go.mod").read_text(encoding="utf-8")
    assert "require k8s.io/kubernetes v1.31.13\n" in text
    assert "\tk8s.io/api => k8s.io/api v0.31.13\n\tk8s.io/kubelet => k8s.io/kubelet v0.31" in text
    assert "github.com" not in text
    assert "\ngodebug default=go1.22\n" in text
    assert all(f"\tk8s.io/kubernetes/cmd/{name}\n" in text for name in SERVERS)
    assert (made / "go.sum").read_text(encoding="utf-8") == "sums\n"
    assert (folder / "go.log").read_text(encoding="utf-8").splitlines() == [
        "mod download -json k8s.io/kubernetes@v1.31.13 in sandbox",
        "mod tidy in 1.31",
    ]
    assert capsys.readouterr().err == "written: 1.31\n"


@pytest.mark.parametrize(
    "arguments, status, told",
    [
        ([], 2, "Name releases of Kubernetes"),
        (["1.31"], 1, "1.31 is no release of Kubernetes: name one such as v1.31.13."),
        (["v2.0.0"], 1, "v2.0.0 is no release"),
    ],
)
def test_what_is_no_release_is_refused(
    arguments: list[str],
    status: int,
    told: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Before anything is written."""
    assert releases.main(arguments) == status
    assert told in capsys.readouterr().err
    assert not (folder / "releases").exists()


def test_a_module_that_cannot_be_had_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In Go's own words: not every patch of Kubernetes has all of its parts everywhere."""
    go(folder, BROKEN_GO)
    assert releases.main(["v1.31.13"]) == 1
    assert "go mod download -json k8s.io/kubernetes@v1.31.13 failed:\nnot available" in (
        capsys.readouterr().err
    )


def test_another_module_is_not_taken_for_kubernetes(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without parts to be replaced, what it would build is something else."""
    (folder / "upstream.mod").write_text("module other\n\ngo 1.22\n", encoding="utf-8")
    assert releases.main(["v1.31.13"]) == 1
    assert "does not look like Kubernetes" in capsys.readouterr().err
    assert not (folder / "releases").exists()
