"""Which engine builds on which base, what it is told, and how a pod becomes a container."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.image import base, engines
from sandbox.image.base import AUTO, PULL, STAND_IN, BaseError, obtain, pinned
from sandbox.image.build import default_name
from sandbox.image.container import Place, UnknownFieldError, run_command
from sandbox.image.engines import Engine, EngineError, NoEngineError, Recipe, build_arguments
from sandbox.image.tools import PACKAGES, obstacle
from support.checkout import ROOT


class FakeEngine(Engine):
    """An engine that has some images and reaches some others."""

    def __init__(self, program: str = "podman", has: set[str] | None = None) -> None:
        super().__init__(program)
        object.__setattr__(self, "images", set(has or ()))
        object.__setattr__(self, "reached", set())
        object.__setattr__(self, "built", [])

    images: set[str]
    reached: set[str]
    built: list[Recipe]

    def has(self, reference: str) -> bool:
        """Tell whether the test gave it that image."""
        return reference in self.images

    def pull(self, reference: str, timeout_s: float = 0) -> None:
        """Pull what the test lets it reach."""
        del timeout_s
        if reference not in self.reached:
            raise EngineError("podman pull failed:\nno such host")

    def build(self, recipe: Recipe) -> None:
        """Note what is built."""
        self.built.append(recipe)


@pytest.fixture
def wanted() -> base.Pinned:
    """Give the base that the Dockerfile names."""
    return pinned((ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8"))


def test_the_base_is_read_from_the_dockerfile(wanted: base.Pinned) -> None:
    """Its Python and its release of Debian are part of its name."""
    assert wanted.reference.startswith("docker.io/library/python:3.")
    assert wanted.reference.partition("@")[0].endswith(f"-slim-{wanted.suite}")
    assert f":{wanted.python}." in wanted.reference


def test_a_dockerfile_with_two_bases_is_refused(wanted: base.Pinned) -> None:
    """There would be no single one to stand in for."""
    other = wanted.reference.replace("slim-", "slim-old")
    with pytest.raises(BaseError, match="does not pin one python image"):
        pinned(f"FROM {wanted.reference} AS build\nFROM {other}\n")


@pytest.mark.parametrize("choice", [AUTO, PULL])
def test_the_pinned_base_is_used_where_it_can_be_pulled(
    wanted: base.Pinned, tmp_path: Path, choice: str
) -> None:
    """And one line says so."""
    engine, said = FakeEngine(), list[str]()
    engine.reached.add(wanted.reference)
    found = obtain(engine, choice, tmp_path, said.append)
    assert (found.local, found.stand_in) == (wanted.reference, False)
    assert said == [f"Base: as pinned, {wanted.reference}"]


def test_a_stand_in_is_used_where_it_cannot(wanted: base.Pinned, tmp_path: Path) -> None:
    """One line says so, and what is there already is not made again."""
    engine, said = FakeEngine(), list[str]()
    local = f"localhost/dcs-python:{wanted.suite}-{base._recipe_key(wanted)}"  # noqa: SLF001
    engine.images.add(local)
    found = obtain(engine, AUTO, tmp_path, said.append)
    assert (found.local, found.stand_in, engine.built) == (local, True, [])
    assert len(said) == 1
    assert "a stand-in from Debian trixie's packages, since docker.io" in said[0]


def test_whoever_insists_on_the_pinned_base_gets_no_other(tmp_path: Path) -> None:
    """The engine's own words are in the message."""
    with pytest.raises(BaseError, match=r"cannot be pulled.*\n?.*no such host"):
        obtain(FakeEngine(), PULL, tmp_path, print)


def test_docker_takes_no_stand_in(tmp_path: Path) -> None:
    """It would ask a registry for the local image; the message says what does."""
    with pytest.raises(BaseError, match="needs podman or buildah"):
        obtain(FakeEngine("docker"), STAND_IN, tmp_path, print)


def test_the_stand_in_is_made_of_the_same_release(tmp_path: Path) -> None:
    """Debian's own tool makes it, with licenses but without the documentation, as slim images."""
    command = base.debootstrap_command("trixie", tmp_path / "base.tar")
    assert command[0] == "mmdebstrap"
    assert command[-2:] == ["trixie", str(tmp_path / "base.tar")]
    assert "--dpkgopt=path-exclude=/usr/share/man/*" in command
    assert "--dpkgopt=path-include=/usr/share/doc/*/copyright" in command


def test_the_stand_in_replaces_the_reference_and_nothing_is_pulled(tmp_path: Path) -> None:
    """The Dockerfile stays as it is."""
    file = tmp_path / "Dockerfile"
    recipe = Recipe(context=tmp_path, file=file, tag="t:1", replaced={"python@sha256:1": "local:2"})
    told = build_arguments("podman", recipe)
    assert "--build-context=python@sha256:1=container-image://local:2" in told
    assert "--pull-never" in told
    assert "--pull-never" not in build_arguments(
        "podman", Recipe(context=tmp_path, file=file, tag="t")
    )


def test_docker_is_told_only_what_it_knows(tmp_path: Path) -> None:
    """It has neither isolation nor volumes for a build."""
    recipe = Recipe(context=tmp_path, file=tmp_path / "f", tag="t:1", arguments={"VERSION": "1"})
    told = build_arguments("docker", recipe)
    assert told == [
        *("build", "--network=host", f"--file={tmp_path / 'f'}", "--tag=t:1"),
        *("--build-arg=VERSION=1", str(tmp_path)),
    ]


def test_without_an_engine_one_line_says_what_was_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All three of them, or the one that was asked for."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoEngineError, match="tried docker, podman, buildah"):
        engines.choose()
    with pytest.raises(NoEngineError, match="tried buildah"):
        engines.choose("buildah")


def test_an_engine_that_does_not_answer_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A docker without its daemon is as good as none."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name, status in {"docker": 1, "podman": 0, "buildah": 0}.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\nexit {status}\n", encoding="utf-8")
        program.chmod(0o755)
    assert engines.choose() == Engine("podman")
    assert not Engine("buildah").runs


def test_a_failure_ends_with_what_the_engine_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last lines, under the name of what was tried."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program = tmp_path / "podman"
    program.write_text("#!/bin/sh\necho the cause >&2\nexit 125\n", encoding="utf-8")
    program.chmod(0o755)
    with pytest.raises(EngineError, match="podman pull failed:\nthe cause"):
        Engine("podman").pull("x")


def deployment() -> dict[str, Any]:
    """Return the chart's Deployment with its default values."""
    text = (ROOT / "tests" / "chart" / "snapshots" / "default.yaml").read_text(encoding="utf-8")
    (found,) = (one for one in yaml.safe_load_all(text) if one and one["kind"] == "Deployment")
    template: dict[str, Any] = found["spec"]["template"]
    return template


PLACE = Place(
    name="pod-1",
    account=Path("/account"),
    api_host="127.0.0.1",
    api_port=6443,
    listen="127.0.0.1:1234",
)


def test_a_container_is_what_the_chart_says() -> None:
    """User, root, capabilities, memory, command and arguments are its own; passwd has no entry."""
    told = run_command(Engine("docker"), deployment(), "image:1", PLACE)
    assert told == [
        *("docker", "run", "--rm", "--name=pod-1", "--network=host", "--pull=never"),
        *("--user=65532:65532", "--group-add=65532", "--read-only"),
        *("--security-opt=no-new-privileges", "--cap-drop=ALL", "--memory=256m"),
        "--volume=/account:/var/run/secrets/kubernetes.io/serviceaccount:ro",
        "--env=KUBERNETES_SERVICE_HOST=127.0.0.1",
        "--env=KUBERNETES_SERVICE_PORT=6443",
        *("--env=HOSTNAME=pod-1", "--entrypoint=dcs-migration-operator", "image:1"),
        *("run", "--listen=:8080", "--all-namespaces", "--cluster-projects"),
        *("--lease-name=dcs-dcs-migration-operator", "--listen=127.0.0.1:1234"),
    ]
    assert "--passwd=false" in run_command(Engine("podman"), deployment(), "image:1", PLACE)


@pytest.mark.parametrize("where", ["pod", "container", "security"])
def test_a_field_that_is_not_carried_over_is_an_error(where: str) -> None:
    """So that a change of the chart is never tried without it."""
    template = deployment()
    (container,) = template["spec"]["containers"]
    places = {
        "pod": template["spec"],
        "container": container,
        "security": container["securityContext"],
    }
    places[where]["somethingNew"] = True
    with pytest.raises(UnknownFieldError, match="somethingNew"):
        run_command(Engine("podman"), template, "image:1", PLACE)


def test_the_name_is_the_one_of_the_default_values() -> None:
    """So that a node which has the image under it needs no value and no registry."""
    (container,) = deployment()["spec"]["containers"]
    repository, _, tag = default_name().rpartition(":")
    assert container["image"].rpartition(":")[0] == repository
    assert tag


@pytest.mark.parametrize(
    "apt,root,words",
    [
        (True, True, ""),
        (False, True, "There is no apt-get here; install what corresponds to: podman runc"),
        (
            True,
            False,
            "Only root can do it: sudo apt-get install --no-install-recommends podman runc",
        ),
    ],
)
def test_where_tools_cannot_be_installed_one_line_says_so(
    *, apt: bool, root: bool, words: str
) -> None:
    """With the names of what is missing."""
    assert obstacle(apt=apt, root=root, missing=["podman", "runc"]) == words
    assert {"podman", "runc", "mmdebstrap", "iptables", "ipset"} <= set(PACKAGES)
