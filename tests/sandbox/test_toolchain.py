"""Where the control plane's binaries come from, tried with a stand-in for Go."""

from __future__ import annotations

import fcntl
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from sandbox.control_plane import ToolchainError, gobuild, toolchain
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

FAKE_GO = """#!/bin/sh
while [ $# -gt 0 ]; do
    if [ "$1" = -o ]; then out=$2; fi
    last=$1
    shift
done
echo "${PWD##*/}: $last cgo=$CGO_ENABLED work=$GOWORK" >> "$FAKE_GO_LOG"
echo built > "$out"
"""

BROKEN_GO = """#!/bin/sh
echo "go: something is wrong" >&2
exit 1
"""


class Workshop:
    """A machine with an empty cache, and nothing on PATH but what a test puts there."""

    def __init__(self, folder: Path) -> None:
        self.cache = folder / "cache"
        self.path = folder / "path"
        self.assets = folder / "assets"
        self.go_log = folder / "go.log"
        self.announced: list[str] = []
        self.path.mkdir()
        self.assets.mkdir()

    def script(self, folder: Path, name: str, text: str) -> Path:
        """Put a program into a folder."""
        path = folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755)
        return path

    def ensure(self, *names: str) -> dict[str, Path]:
        """Ask the toolchain, recording what it announces."""
        return toolchain.ensure(*names, announce=self.announced.append)

    def builds(self) -> list[str]:
        """Return the lines that the stand-in for Go wrote, one per build."""
        return self.go_log.read_text(encoding="utf-8").splitlines() if self.go_log.exists() else []


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """Make a machine without Go and without binaries."""
    workshop = Workshop(tmp_path)
    monkeypatch.setattr(toolchain, "CACHE_DIR", workshop.cache)
    monkeypatch.setenv("PATH", str(workshop.path))
    monkeypatch.setenv("FAKE_GO_LOG", str(workshop.go_log))
    monkeypatch.delenv(toolchain.ASSETS_VARIABLE, raising=False)
    return workshop


def test_a_missing_binary_is_built_once(workshop: Workshop) -> None:
    """The first request builds, the second finds it in the cache."""
    workshop.script(workshop.path, "go", FAKE_GO)
    first = workshop.ensure("etcd")
    assert first == workshop.ensure("etcd") == {"etcd": toolchain.cached("etcd")}
    assert workshop.builds() == ["sandbox: go.etcd.io/etcd/server/v3 cgo=0 work=off"]
    assert os.listdir(first["etcd"].parent) == ["etcd"]  # noqa: PTH208 - hidden files count


def test_a_build_says_what_it_does(workshop: Workshop) -> None:
    """Which tools, that it happens once, and how far it is."""
    workshop.script(workshop.path, "go", FAKE_GO)
    workshop.ensure("etcd", "helm")
    assert workshop.announced[0].startswith("Building etcd, helm from source. This happens once")
    assert workshop.announced[1].startswith("  1/2 etcd: built in 0:0")
    assert workshop.announced[2].startswith("  2/2 helm: built in 0:0")


def test_a_long_build_shows_that_it_is_alive(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From time to time a line says what is being built and for how long."""
    monkeypatch.setattr(gobuild, "PROGRESS_S_LOG", 0.01)
    workshop.script(
        workshop.path, "go", FAKE_GO.replace("echo built", "/bin/sleep 0.3; echo built")
    )
    workshop.ensure("etcd")
    assert "  1/1 etcd: building, 0:00 min" in workshop.announced


def test_assets_of_the_developer_come_first(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is built of what the folder in KUBEBUILDER_ASSETS has."""
    monkeypatch.setenv(toolchain.ASSETS_VARIABLE, str(workshop.assets))
    etcd = workshop.script(workshop.assets, "etcd", "#!/bin/sh\n")
    server = workshop.script(
        workshop.assets, "kube-apiserver", "#!/bin/sh\necho Kubernetes v1.31.0\n"
    )
    cached = toolchain.cached("etcd")
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert workshop.ensure("etcd", "kube-apiserver") == {"etcd": etcd, "kube-apiserver": server}


def test_assets_that_are_too_old_are_passed_over(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An API server without selectable fields is not used, and a line says why."""
    monkeypatch.setenv(toolchain.ASSETS_VARIABLE, str(workshop.assets))
    workshop.script(workshop.assets, "kube-apiserver", "#!/bin/sh\necho Kubernetes v1.30.9\n")
    workshop.script(workshop.path, "go", FAKE_GO)
    found = workshop.ensure("kube-apiserver")
    assert found == {"kube-apiserver": toolchain.cached("kube-apiserver")}
    assert "kube-apiserver is older than Kubernetes 1.31: not used." in workshop.announced[0]


def test_what_the_assets_lack_is_built(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with some of the tools is completed from the cache or by a build."""
    monkeypatch.setenv(toolchain.ASSETS_VARIABLE, str(workshop.assets))
    etcd = workshop.script(workshop.assets, "etcd", "#!/bin/sh\n")
    workshop.script(workshop.path, "go", FAKE_GO)
    assert workshop.ensure("etcd", "helm") == {"etcd": etcd, "helm": toolchain.cached("helm")}


def test_without_go_one_line_says_what_to_install(workshop: Workshop) -> None:
    """The message names Go, its version, what is missing, and the other way out."""
    with pytest.raises(ToolchainError) as refusal:
        workshop.ensure("etcd", "kubectl")
    assert str(refusal.value) == (
        "Install Go 1.26.0 or newer and put it on PATH, to build etcd, kubectl; or set"
        " KUBEBUILDER_ASSETS to a folder that has them."
    )


def test_without_go_the_cache_is_enough(workshop: Workshop) -> None:
    """Go is needed for building only."""
    cached = toolchain.cached("etcd")
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert workshop.ensure("etcd") == {"etcd": cached}


def test_a_failed_build_shows_the_end_of_its_output(workshop: Workshop) -> None:
    """Go's own words are part of the message, and no half binary is left."""
    workshop.script(workshop.path, "go", BROKEN_GO)
    with pytest.raises(ToolchainError, match="go: something is wrong"):
        workshop.ensure("etcd")
    assert not toolchain.cached("etcd").exists()


def test_two_processes_do_not_build_at_once(workshop: Workshop) -> None:
    """The second waits, says so, and takes what the first has built."""
    workshop.script(workshop.path, "go", FAKE_GO)
    workshop.cache.mkdir()
    with ThreadPoolExecutor() as pool, (workshop.cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        second = pool.submit(workshop.ensure, "etcd")
        eventually(lambda: "waiting for it" in workshop.announced[0])
        cached = toolchain.cached("etcd")
        cached.parent.mkdir(parents=True)
        cached.touch()
        fcntl.flock(lock, fcntl.LOCK_UN)
        assert second.result() == {"etcd": cached}
    assert workshop.builds() == []


def test_unknown_tools_are_named(workshop: Workshop) -> None:
    """A typing error is answered with the names there are."""
    with pytest.raises(ToolchainError, match=r"Unknown tool etdc: choose from etcd, kubectl, "):
        workshop.ensure("etdc")


def test_each_tool_is_built_in_its_own_module(workshop: Workshop) -> None:
    """One request may reach into several modules; each names its own versions."""
    workshop.script(workshop.path, "go", FAKE_GO)
    found = workshop.ensure("etcd", "promtool")
    assert [line.split(" ")[0] for line in workshop.builds()] == ["sandbox:", "monitoring:"]
    assert found["promtool"].parent.name.startswith(
        toolchain.version_of(toolchain.PROMETHEUS, toolchain.PACKAGES["promtool"].module)
    )


@pytest.mark.parametrize("changed", ["go.mod", "go.sum", "main.go"])
def test_a_change_in_a_module_means_another_cache(
    workshop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """After a change nothing old is found, while the tools of other modules stay."""
    source = toolchain.PACKAGES["etcd"].module
    folder = tmp_path / "module"
    folder.mkdir()
    for name in ("go.mod", "go.sum"):
        (folder / name).write_bytes((source.folder / name).read_bytes())
    package = toolchain.Package(toolchain.Module(folder, source.main), "etcd")
    monkeypatch.setitem(toolchain.PACKAGES, "copy", package)
    before = {name: toolchain.cached(name) for name in ("copy", "etcd", "promtool")}
    # A copy of the module is the same module: where it lies is no part of a build.
    assert before["copy"].parent == before["etcd"].parent
    with (folder / changed).open("a", encoding="utf-8") as file:
        file.write("// changed\n")
    assert toolchain.cached("copy").parent != before["copy"].parent
    assert {name: toolchain.cached(name) for name in ("etcd", "promtool")} == {
        name: before[name] for name in ("etcd", "promtool")
    }
    assert toolchain.cached("copy").is_relative_to(workshop.cache)


def test_a_version_that_go_mod_lacks_is_named() -> None:
    """The message says which file was read and what it does not name."""
    with pytest.raises(ToolchainError, match=r"sandbox/go\.mod does not name example\.org/none\."):
        toolchain.version_of("example.org/none")


def test_the_node_is_of_the_same_kubernetes_as_its_control_plane() -> None:
    """Though the two are pinned apart, since a change of one must not rebuild the other."""
    ours = toolchain.PACKAGES["kubelet"].module
    assert toolchain.version_of(toolchain.KUBERNETES, ours) == toolchain.version_of(
        toolchain.KUBERNETES
    )
    assert "helm" not in toolchain.link_flags(ours)


def test_the_node_shares_its_versions_with_the_control_plane() -> None:
    """Then what Go compiled for one is found for the other: two minutes of a build, not ten."""
    first, second = (
        dict(re.findall(r"^\t(\S+) (v\S+)", (folder / "go.mod").read_text(), re.MULTILINE))
        for folder in (toolchain.SANDBOX_DIR, toolchain.PACKAGES["kubelet"].module.folder)
    )
    common = first.keys() & second.keys()
    assert len(common) > 100
    assert {name: first[name] for name in common} == {name: second[name] for name in common}


def test_the_versions_are_linked_in() -> None:
    """The API server says the version that go.mod pins, in all three forms."""
    version = toolchain.version_of(toolchain.KUBERNETES)
    major, minor, _ = version.removeprefix("v").split(".")
    flags = toolchain.link_flags()
    assert f"-X k8s.io/component-base/version.gitVersion={version}" in flags
    assert f"-X k8s.io/component-base/version.gitMajor={major}" in flags
    assert f"-X k8s.io/component-base/version.gitMinor={minor}" in flags
