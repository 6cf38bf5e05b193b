"""Kubeconfigs: what is found, and what is said of those that cannot be used."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from kubectl_dcs.login import log_in
from kubectl_dcs.problems import Problem
from kubectl_dcs.where import Where

if TYPE_CHECKING:
    from pathlib import Path

    from unit.plugin.conftest import Run
    from unit.plugin.fake_api import FakeApi

SECRET = "TOKEN-THAT-NOBODY-SEES"

pytestmark = pytest.mark.usefixtures("alone")


def config(**changes: Any) -> dict[str, Any]:
    """Return a kubeconfig."""
    return {
        "current-context": "a",
        "contexts": [
            {"name": "a", "context": {"cluster": "c", "user": "u", "namespace": "shop"}},
            {"name": "b", "context": {"cluster": "c", "user": "u"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1/"}}],
        "users": [{"name": "u", "user": {"token": SECRET}}],
    } | changes


def written(path: Path, body: Any) -> str:
    """Write a kubeconfig and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(body if isinstance(body, str) else json.dumps(body), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    "where, namespace",
    [
        (Where(), "shop"),
        (Where(context="b"), "default"),
        (Where(namespace="other"), "other"),
        (Where(context="b", namespace="other"), "other"),
    ],
)
def test_the_namespace_is_that_of_the_context_unless_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: Where, namespace: str
) -> None:
    """As kubectl has it."""
    monkeypatch.setenv("KUBECONFIG", written(tmp_path / "config", config()))
    login = log_in(where)
    assert login.namespace == namespace
    assert login.host == "http://127.0.0.1:1"
    assert login.headers() == {"authorization": f"Bearer {SECRET}"}


def test_a_context_can_be_named_where_none_is_current(tmp_path: Path) -> None:
    """A kubeconfig need not have a current one."""
    body = config()
    del body["current-context"]
    path = written(tmp_path / "config", body)
    assert log_in(Where(kubeconfig=path, context="a")).namespace == "shop"


def test_the_file_in_the_home_folder_is_found(tmp_path: Path) -> None:
    """It is what most people have."""
    written(tmp_path / "home" / ".kube" / "config", config())
    assert log_in(Where()).namespace == "shop"


def test_several_files_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """KUBECONFIG is a list, and some of its files need not be there."""
    first = written(tmp_path / "first", config(users=[]))
    second = written(tmp_path / "second", {"users": config()["users"]})
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path}/none:{second}")
    assert log_in(Where()).headers() == {"authorization": f"Bearer {SECRET}"}


def exec_user(tmp_path: Path, script: str) -> dict[str, Any]:
    """Return a user whose token comes from a program."""
    program = tmp_path / "login.py"
    program.write_text(script, encoding="utf-8")
    api = "client.authentication.k8s.io/v1"
    return {"exec": {"apiVersion": api, "command": sys.executable, "args": [str(program)]}}


def test_an_exec_plugin_gives_the_token(tmp_path: Path) -> None:
    """As cloud providers and OIDC log people in."""
    script = (
        "import json; print(json.dumps({'apiVersion': 'client.authentication.k8s.io/v1',"
        " 'kind': 'ExecCredential', 'status': {'token': 'FRESH'}}))"
    )
    users = [{"name": "u", "user": exec_user(tmp_path, script)}]
    path = written(tmp_path / "config", config(users=users))
    assert log_in(Where(kubeconfig=path)).headers() == {"authorization": "Bearer FRESH"}


@pytest.mark.parametrize(
    "body, why",
    [
        pytest.param("a: [b", "it is not YAML at line", id="not YAML"),
        pytest.param("", "", id="empty"),
        pytest.param("[]", "it is malformed", id="a list"),
        pytest.param(config(contexts=[]), "Expected object with name a", id="no context"),
        pytest.param(config(clusters=[]), "Expected object with name c", id="no cluster"),
        pytest.param(config(users=[{"name": "u", "token": SECRET}]), "", id="no user"),
        pytest.param(config(users=[{"user": {"token": SECRET}}]), "", id="a user without a name"),
        pytest.param(config(users={"token": SECRET}), "", id="users are no list"),
        pytest.param(f"users: [{{token: {SECRET}", "it is not YAML", id="a token in bad YAML"),
        pytest.param(
            config(
                clusters=[
                    {"name": "c", "cluster": {"server": "https://x", "certificate-authority": "no"}}
                ]
            ),
            "File does not exist",
            id="no certificate",
        ),
    ],
)
def test_a_kubeconfig_that_cannot_be_used_is_named_and_nothing_of_it_is_quoted(
    bare_run: Run, tmp_path: Path, body: Any, why: str
) -> None:
    """One line, and no token, which the client's own errors may hold."""
    path = written(tmp_path / "config", body)
    ran = bare_run("status", "--kubeconfig", path)
    assert ran.status == 1
    assert ran.err.count("\n") == 1
    assert f"the kubeconfig {path} cannot be used: " in ran.err
    assert why in ran.err
    assert SECRET not in ran.err


def test_a_server_that_is_no_url_is_named(tmp_path: Path) -> None:
    """It would be asked in a way that nobody expects."""
    clusters = [{"name": "c", "cluster": {"server": "k8s.example.com"}}]
    path = written(tmp_path / "config", config(clusters=clusters))
    with pytest.raises(Problem, match=r"names a server that is not a URL: k8s\.example\.com"):
        log_in(Where(kubeconfig=path))


def test_an_exec_plugin_that_fails_is_told(tmp_path: Path) -> None:
    """With what it said itself."""
    users = [{"name": "u", "user": exec_user(tmp_path, "import sys; sys.exit('log in first')")}]
    path = written(tmp_path / "config", config(users=users))
    with pytest.raises(Problem, match=r"process returned 1\. log in first"):
        log_in(Where(kubeconfig=path))


def test_without_a_kubeconfig_the_line_says_where_it_looked(bare_run: Run) -> None:
    """And which variable names another."""
    ran = bare_run("status")
    assert ran.status == 1
    assert ran.err == (
        "kubectl dcs: no cluster: there is no kubeconfig at ~/.kube/config; set KUBECONFIG\n"
    )


def test_a_proxy_of_the_kubeconfig_is_used(api: FakeApi, tmp_path: Path, bare_run: Run) -> None:
    """The request arrives there, with the whole address in it."""
    body = json.loads(api.kubeconfig(tmp_path).read_text())
    body["clusters"][0]["cluster"] = {"server": "http://far.example.com", "proxy-url": api.url}
    path = written(tmp_path / "proxied", body)
    bare_run("status", "--kubeconfig", path)
    assert api.asked[0].headers["Host"] == "far.example.com"
