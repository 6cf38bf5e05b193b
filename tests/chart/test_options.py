"""The arguments of the container against the operator's own command line.

A value that is not set changes nothing; one that is set reaches the operator's settings; and no
option of the operator is forgotten.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from dcs_migration_operator import cli
from dcs_migration_operator.settings import ChannelSettings, Settings
from support.chart.helm import CHART, Helm, Manifest, only
from support.starting import Started, alone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOT_VALUES = {
    "--help": "prints and ends",
    "--namespace": "the value `scope`",
    "--all-namespaces": "the value `scope`",
    "--listen": "the value `port`",
    "--ca-file": "the value `caBundle`, which mounts it",
    "--kubeconfig": "the chart's roles are for the pod's own ServiceAccount",
    "--service-account-dir": "the same; `extraArgs` can name it",
    "--operator-namespace": "the chart's roles are for Secrets of the release's namespace",
}
"""Options that are no values below `operator`, and why."""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Have the command line end where the operator would begin."""
    yield from alone(monkeypatch)


def settings_of(manifests: list[Manifest], started: Started) -> Settings:
    """Return the settings that the operator makes of the container's arguments."""
    (container,) = only(manifests, "Deployment")["spec"]["template"]["spec"]["containers"]
    assert container["command"] == [cli.PROGRAM]
    assert cli.main(container["args"]) == 0
    return started.pop()


def values_of(name: str) -> Path:
    """Return a file of values."""
    return CHART / "ci" / f"{name}-values.yaml"


DEFAULTS = Settings(log_format="json", listen_host="")
"""Those of an operator whose standard error is no terminal, and which listens on every address."""


def test_defaults_are_the_operators_own(helm: Helm, started: Started) -> None:
    """Only the name of the Lease and where it listens are the chart's."""
    assert settings_of(helm.template(), started) == replace(
        DEFAULTS, lease_name="dcs-dcs-migration-operator"
    )


def test_every_value_reaches_the_operator(helm: Helm, started: Started) -> None:
    """Each option differs from its default in these values, and arrives as written."""
    assert settings_of(helm.template("--values", values_of("operator")), started) == Settings(
        channel=ChannelSettings(
            batch_size=25,
            batch_idle_s=0.5,
            batch_max_wait_s=5.0,
            poll_min_s=3.0,
            poll_max_s=20.0,
            poll_observe_s=86400.0,
            poll_settled_s=0.0,
            request_timeout_s=15.0,
            proxy_url="http://proxy.example.com:3128",
        ),
        allow_endpoints=(
            "https://dcs.*.myhuaweicloud.com",
            "https://dcs.private.example.com:8443",
        ),
        cluster_projects=False,
        listen_host="",
        listen_port=9090,
        lease_namespace="leases",
        lease_name="stopper",
        status_writers=8,
        log_format="json",
        log_level="debug",
        service_account_dir="/var/run/secrets/other",
    )


def test_a_list_of_namespaces_is_watched(helm: Helm, started: Started) -> None:
    """Without cluster-scoped projects, for which there are no rights then."""
    assert settings_of(helm.template("--values", values_of("namespaced")), started) == replace(
        DEFAULTS,
        namespaces=("team-a", "team-b"),
        cluster_projects=False,
        lease_name="dcs-dcs-migration-operator",
    )


def test_a_single_pod_may_do_without_a_lease(helm: Helm, started: Started) -> None:
    """It is replaced only after it has ended, and has no right to touch Leases."""
    manifests = helm.template("--values", values_of("single"))
    assert settings_of(manifests, started).leader_elect is False
    assert only(manifests, "Deployment")["spec"]["strategy"] == {"type": "Recreate"}
    assert not [body for body in manifests if body["kind"] == "Role"]


def test_no_option_is_forgotten(capsys: pytest.CaptureFixture[str]) -> None:
    """Each option of `run` is a value below `operator`, or has a reason not to be one."""
    with pytest.raises(SystemExit):
        cli.main(["run", "--help"])
    options = set(re.findall(r"(?m)^  (--[a-z-]+)", capsys.readouterr().out))
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))["operator"]
    named = {"--" + re.sub("(?<=.)([A-Z])", r"-\1", key).lower() for key in values}
    assert named | NOT_VALUES.keys() == options | {"--help"}
    assert not named & NOT_VALUES.keys()
