"""Finds the tools that tests and the demo start, and has missing ones built.

Owns where binaries come from: first `KUBEBUILDER_ASSETS` (what Go projects set for their tests),
then this project's cache, then a build from a pinned `go.mod`. There are several, so that a change
of one rebuilds nothing of the others; `SANDBOX_KUBERNETES=1.31` takes the servers from that of an
older Kubernetes. Building is `gobuild.py`; starting anything is `plane.py`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.control_plane import gobuild
from sandbox.control_plane.gobuild import Build, ToolchainError, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SANDBOX_DIR = Path(__file__).resolve().parents[1]
CACHE_DIR = SANDBOX_DIR.parents[1] / ".cache" / "bin"

ASSETS_VARIABLE = "KUBEBUILDER_ASSETS"

KUBERNETES = "k8s.io/kubernetes"
HELM = "helm.sh/helm/v4"
PROMETHEUS = "github.com/prometheus/prometheus"
CONTAINERD = "github.com/containerd/containerd/v2"
KUBE_ROUTER = "github.com/cloudnativelabs/kube-router/v2"


@dataclass(frozen=True)
class Module:
    """A folder with a `go.mod`, which pins everything that is built there.

    Attributes:
        folder: Where `go.mod`, `go.sum` and our own Go code are, if there is any.
        main: The dependency whose version names the folder in the cache; `go` for the language's.
        tags: Go build tags.
    """

    folder: Path
    main: str
    tags: str = ""


@dataclass(frozen=True)
class Package:
    """What one tool is built from: a Go package, as seen from a module."""

    module: Module
    path: str


_CLUSTER = Module(SANDBOX_DIR, KUBERNETES)
# Without the tag, the SDKs of a dozen clouds are compiled, for finding targets there.
_MONITORING = Module(SANDBOX_DIR / "monitoring", PROMETHEUS, tags="remove_all_sd")
_KSTATUS = Module(SANDBOX_DIR / "kstatus", "sigs.k8s.io/cli-utils")
# Without these file systems, for which the headers of a C library would be needed.
_CONTAINERD = Module(
    SANDBOX_DIR / "node" / "containerd", CONTAINERD, tags="no_btrfs no_devmapper no_zfs"
)
_KUBE_ROUTER = Module(SANDBOX_DIR / "node" / "kube-router", KUBE_ROUTER)
_NODE = Module(SANDBOX_DIR / "node" / "kubernetes", KUBERNETES)
_PAUSE = Module(SANDBOX_DIR / "node" / "pause", "go")

PACKAGES = {
    "etcd": Package(_CLUSTER, "go.etcd.io/etcd/server/v3"),
    "kubectl": Package(_CLUSTER, f"{KUBERNETES}/cmd/kubectl"),
    "kube-apiserver": Package(_CLUSTER, f"{KUBERNETES}/cmd/kube-apiserver"),
    "kube-controller-manager": Package(_CLUSTER, f"{KUBERNETES}/cmd/kube-controller-manager"),
    "helm": Package(_CLUSTER, f"{HELM}/cmd/helm"),
    "prometheus": Package(_MONITORING, f"{PROMETHEUS}/cmd/prometheus"),
    "promtool": Package(_MONITORING, f"{PROMETHEUS}/cmd/promtool"),
    "kstatus": Package(_KSTATUS, "."),
    "kubelet": Package(_NODE, f"{KUBERNETES}/cmd/kubelet"),
    "kube-scheduler": Package(_NODE, f"{KUBERNETES}/cmd/kube-scheduler"),
    "containerd": Package(_CONTAINERD, f"{CONTAINERD}/cmd/containerd"),
    "containerd-shim-runc-v2": Package(_CONTAINERD, f"{CONTAINERD}/cmd/containerd-shim-runc-v2"),
    "ctr": Package(_CONTAINERD, f"{CONTAINERD}/cmd/ctr"),
    "kube-router": Package(_KUBE_ROUTER, f"{KUBE_ROUTER}/cmd/kube-router"),
    "pause": Package(_PAUSE, "."),
}
"""What can be asked for, with what it is built from."""

CORE = ("etcd", "kubectl", "kube-apiserver")
"""What every start needs. The others are built when something first asks for them."""

SERVERS = ("kube-apiserver", "kube-controller-manager")
"""What an older Kubernetes is made of here; kubectl and helm stay, as they do on a user's desk."""

RELEASES_DIR = SANDBOX_DIR / "kubernetes"
"""One folder per older minor version, with its `go.mod`: `releases.py` writes it."""

RELEASE_VARIABLE = "SANDBOX_KUBERNETES"
"""Names the minor version whose servers are run, such as 1.31; by default the newest."""

KUBERNETES_MINOR_MIN = 31
"""The CRDs use `selectableFields`, which Kubernetes 1.31 was the first to serve by default."""

CRD_MINOR_MIN = 30
"""The first that knows the field at all; an older one refuses it, unless kubectl only warns."""

VERSION_TIMEOUT_S = 30
"""For a binary to tell its version: it takes 0.1 s, on a busy machine some seconds."""


def ensure(*names: str, announce: Callable[[str], None] = say) -> dict[str, Path]:
    """Return the path of each named binary, building those that exist nowhere.

    The first build takes minutes; `announce` is told what is being built and for how long.

    Raises:
        ToolchainError: A name is unknown, Go is missing, or the build failed.
    """
    unknown = [name for name in names if name not in PACKAGES]
    if unknown:
        raise ToolchainError(
            f"Unknown tool {', '.join(unknown)}: choose from {', '.join(PACKAGES)}."
        )
    found = {name: path for name in names if (path := find(name, announce))}
    missing = [name for name in names if name not in found]
    if missing:
        go = _find_go(missing)
        with _build_lock(announce):
            # The previous holder of the lock may have built them.
            still = [name for name in missing if not cached(name).exists()]
            gobuild.build_all(go, [_build(name) for name in still], announce)
        found |= {name: cached(name) for name in missing}
    return {name: found[name] for name in names}


def find(name: str, announce: Callable[[str], None] = say) -> Path | None:
    """Return where a binary already is, or None if it has to be built."""
    assets = os.environ.get(ASSETS_VARIABLE)
    if assets and not (name in SERVERS and os.environ.get(RELEASE_VARIABLE)):
        path = Path(assets) / name
        if os.access(path, os.X_OK):
            if _is_fit(name, path):
                return path
            announce(f"{path} is older than Kubernetes 1.{KUBERNETES_MINOR_MIN}: not used.")
    path = cached(name)
    return path if path.exists() else None


def releases() -> dict[str, Module]:
    """Return the minor versions of Kubernetes whose servers can be built, the oldest first."""
    folders = sorted(RELEASES_DIR.glob("1.*"), key=lambda folder: int(folder.name[2:]))
    _, newest, _ = version_of(KUBERNETES).split(".", 2)
    return {folder.name: Module(folder, KUBERNETES) for folder in folders} | {
        f"1.{newest}": _CLUSTER
    }


def _package(name: str) -> Package:
    """Return what a tool is built from, in the release that was asked for."""
    package = PACKAGES[name]
    release = os.environ.get(RELEASE_VARIABLE)
    if not release or name not in SERVERS:
        return package
    known = releases()
    if release not in known:
        raise ToolchainError(
            f"{RELEASE_VARIABLE} is {release}: choose from {', '.join(known)}, or unset it."
        )
    return Package(known[release], package.path)


def cached(name: str) -> Path:
    """Return where this project keeps the binary; it need not exist.

    The folder's name changes with everything that goes into a build, so that a binary of other
    versions is never mistaken for this one; and with nothing else.
    """
    module = _package(name).module
    sources = [module.folder / "go.mod", module.folder / "go.sum"]
    sources += sorted(module.folder.glob("*.go"))
    settings = f"{link_flags(module)} {platform.system()} {platform.machine()}{module.tags}"
    content = b"".join(source.read_bytes() for source in sources) + settings.encode()
    key = hashlib.sha256(content).hexdigest()[:12]
    return CACHE_DIR / f"{version_of(module.main, module)}-{key}" / name


def version_of(dependency: str, module: Module = _CLUSTER) -> str:
    """Return the version that `go.mod` pins, such as `v1.37.2`; for `go`, the language version."""
    version = _pinned(dependency, module)
    if version is None:
        raise ToolchainError(f"{module.folder.name}/go.mod does not name {dependency}.")
    return version


def _pinned(dependency: str, module: Module) -> str | None:
    text = (module.folder / "go.mod").read_text(encoding="utf-8")
    match = re.search(rf"^(?:require)?\s*{re.escape(dependency)} (v?[\d.]+)", text, re.MULTILINE)
    return match and match[1]


def link_flags(module: Module = _CLUSTER) -> str:
    """Return the linker flags: no debug information, and Kubernetes' versions linked in.

    Without them the API server calls itself v0.0.0, and a chart that states a `kubeVersion`
    refuses it.
    """
    values = {}
    if module.main == KUBERNETES:
        kubernetes = version_of(KUBERNETES, module)
        major, minor, _ = kubernetes.removeprefix("v").split(".", 2)
        values = {
            "k8s.io/component-base/version.gitVersion": kubernetes,
            "k8s.io/component-base/version.gitMajor": major,
            "k8s.io/component-base/version.gitMinor": minor,
        }
    helm = _pinned(HELM, module)
    if helm:
        values[f"{HELM}/internal/version.version"] = helm
    return " ".join(["-s", "-w", *(f"-X {key}={value}" for key, value in values.items())])


def _build(name: str) -> Build:
    """Return what has to be built for one tool."""
    package = _package(name)
    module = package.module
    return Build(name, module.folder, package.path, cached(name), link_flags(module), module.tags)


def _is_fit(name: str, path: Path) -> bool:
    """Tell whether a binary from elsewhere can serve this project's CRDs."""
    if name not in {"kube-apiserver", "kubectl"}:
        return True
    arguments = ["version", "--client"] if name == "kubectl" else ["--version"]
    command = [str(path), *arguments]
    answer = subprocess.run(  # noqa: S603 - the developer's own binary, named by them
        command, capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False
    )
    match = re.search(r"v1\.(\d+)\.", answer.stdout)
    return match is not None and int(match[1]) >= KUBERNETES_MINOR_MIN


def _find_go(missing: list[str]) -> str:
    """Return the Go command, or say what to install."""
    go = shutil.which("go")
    if go is None:
        versions = {version_of("go", _package(name).module) for name in missing}
        newest = max(versions, key=lambda version: [int(part) for part in version.split(".")])
        raise ToolchainError(
            f"Install Go {newest} or newer and put it on PATH, to build"
            f" {', '.join(missing)}; or set {ASSETS_VARIABLE} to a folder that has them."
        )
    return go


@contextlib.contextmanager
def _build_lock(announce: Callable[[str], None]) -> Iterator[None]:
    """Let one process build at a time; the system drops the lock if its holder dies."""
    CACHE_DIR.mkdir(parents=True, exist_ok=True)
    with (CACHE_DIR / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            announce("Another process is building tools; waiting for it ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
