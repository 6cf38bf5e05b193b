"""Kubeconfigs as people have them, beside the real kubectl: the same server and the same user.

Each file of `tests/cases/kubeconfigs` has its row below; what they leave out, such as tokens, is
filled in. Where kubectl gets through and the operator does not, the row says in which words.
"""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest
import yaml

from cluster.kube.relay import Relay
from dcs_migration_operator.kube.api import KubeApi
from dcs_migration_operator.kube.errors import ApiError
from dcs_migration_operator.kube.login import NoCluster, login
from sandbox.control_plane.plane import KubectlError
from support.checkout import CASES
from support.operator.gate import Gate
from support.operator.process import run_command

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox.control_plane import ControlPlane

KUBECONFIGS: Final = CASES / "kubeconfigs"

WHO: Final = "/apis/authentication.k8s.io/v1/selfsubjectreviews"

SECRET: Final = "no-token-of-this-cluster"

ADMIN: Final = ("admin", ["system:authenticated", "system:masters"])


class Ground:
    """A folder, the control plane, and other ways to it.

    Attributes:
        token: Of somebody with all rights.
    """

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane, self.folder = plane, folder
        whole = yaml.safe_load(plane.kubeconfig.read_text(encoding="utf-8"))
        self.token = whole["users"][0]["user"]["token"]
        self.ca = plane.ca_file.read_text(encoding="ascii")
        (folder / "sub").mkdir()
        for place in (folder, folder / "sub"):
            (place / "ca.crt").write_text(self.ca, encoding="ascii")
            (place / "token.txt").write_text(f"{self.token}\n", encoding="ascii")

    def case(self, name: str, server: str = "") -> Path:
        """Write a case with what it leaves out; returns its path."""
        text = (KUBECONFIGS / name).read_text(encoding="utf-8")
        config: dict[str, Any] = yaml.safe_load(text.replace("/path/to", str(self.folder)))
        for one in config["clusters"] or ():
            cluster = one["cluster"]
            if "certificate-authority-data" in cluster:
                cluster["certificate-authority-data"] = base64.b64encode(self.ca.encode()).decode()
            cluster["server"] = server or cluster["server"].replace(
                "https://127.0.0.1:47743", self.plane.url
            )
        for one in config["users"] or ():
            if "token" in one["user"]:
                one["user"]["token"] = self.token
        return self.write(name, config)

    def write(self, name: str, config: object) -> Path:
        """Write a kubeconfig; returns its path."""
        path = self.folder / name
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        return path

    def kubectl(self, kubeconfig: Path | str) -> tuple[str, list[str]]:
        """Return whom kubectl acts as, and which groups that is in."""
        said = self.plane.kubectl("auth", "whoami", "-o", "json", kubeconfig=Path(kubeconfig))
        return _who(json.loads(said))

    def both(self, kubeconfig: Path | str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Any]:
        """Return whom the operator acts as, after it was found to be whom kubectl does."""
        monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
        found = asyncio.run(_ours())
        assert found == self.kubectl(kubeconfig)
        return found


def _who(review: dict[str, Any]) -> tuple[str, list[str]]:
    info = review["status"]["userInfo"]
    return str(info["username"]), sorted(info.get("groups", ()))


async def _ours() -> tuple[str, list[str]]:
    """Return whom the operator acts as with the kubeconfig of the environment."""
    async with KubeApi(login("", "/nowhere"), connections_max=1) as api:
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        return _who(await api._call("POST", WHO, sent=body))  # noqa: SLF001 - of no use elsewhere


@pytest.fixture
def ground(control_plane: ControlPlane, tmp_path: Path) -> Ground:
    """Give a folder with what the cases name."""
    return Ground(control_plane, tmp_path)


@pytest.mark.parametrize(
    "name", ["plain", "trailing-slash", "token-file", "sub/relative-ca", "impersonate"]
)
def test_it_is_whom_kubectl_is(ground: Ground, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The API server sees the same user in the same groups."""
    nobody = ("system:serviceaccount:default:nobody", ["system:authenticated"])
    expected = nobody if name == "impersonate" else ADMIN
    found = ground.both(ground.case(name), monkeypatch)
    assert (found[0], set(expected[1]) <= set(found[1])) == (expected[0], True)


def test_a_server_behind_a_path_is_reached(
    ground: Ground, control_plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Rancher serves many clusters; by plain http, over which kubectl would send no token."""
    with Gate(control_plane.kubeconfig, tmp_path, prefix="/k8s/clusters/c-abcde") as gate:
        config = yaml.safe_load(gate.kubeconfig.read_text(encoding="utf-8"))
        origin = config["clusters"][0]["cluster"]["server"]
        path = ground.case("rancher", f"{origin}/k8s/clusters/c-abcde")
        monkeypatch.setenv("KUBECONFIG", str(path))
        assert asyncio.run(_ours())[0] == "admin"


@pytest.mark.parametrize("host", ["127.0.0.2", "::1"])
def test_another_name_is_expected_of_the_server(
    ground: Ground, control_plane: ControlPlane, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its certificate holds neither address, but what `tls-server-name` says."""
    address = urlsplit(control_plane.url)
    with Relay((str(address.hostname), address.port or 0), host) as relay:
        server = f"https://{relay.address}"
        assert ground.both(ground.case("tls-server-name", server), monkeypatch)[0] == "admin"
        plain = ground.case("plain", server)
        with pytest.raises(KubectlError, match="certificate is valid for"):
            ground.kubectl(plain)
        ended = run_command("run", "--kubeconfig", plain, cwd=ground.folder)
        assert ended.returncode == 1
        assert f"IP address mismatch, certificate is not valid for '{host}'" in ended.stderr


def test_a_proxy_is_used(
    ground: Ground, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked for a tunnel for each connection; the one of the case refuses them."""
    path = ground.case("proxy")
    with pytest.raises(KubectlError, match="refused"):
        ground.kubectl(path)
    ended = run_command("run", "--kubeconfig", path, cwd=ground.folder)
    assert ended.returncode == 1
    assert "(the proxy: Connection refused)" in ended.stderr
    address = urlsplit(control_plane.url)
    target = (str(address.hostname), address.port or 0)
    with Relay(target, proxy=True) as relay:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        config["clusters"][0]["cluster"]["proxy-url"] = f"http://{relay.address}"
        assert ground.both(ground.write("proxied", config), monkeypatch)[0] == "admin"
        assert set(relay.tunnels) == {address.netloc}
        assert len(relay.tunnels) > 1


def test_a_missing_file_of_the_list_is_left_out(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As are empty names; the first file that says something wins."""
    plain = ground.case("plain")
    other = ground.write("other", {"current-context": "gone", "users": [{"name": "u"}]})
    folder = ground.folder
    assert ground.both(f"{folder}/missing::{plain}:{other}", monkeypatch)[0] == "admin"
    list_that_fails = f"{other}:{plain}"
    monkeypatch.setenv("KUBECONFIG", list_that_fails)
    with pytest.raises(KubectlError):
        ground.kubectl(list_that_fails)
    with pytest.raises(NoCluster, match='current-context "gone" does not exist'):
        login("", "/nowhere")


def test_nobody_has_more_rights_than_with_kubectl(ground: Ground) -> None:
    """Who acts for another is refused what the other may not do."""
    ended = run_command("run", "--kubeconfig", ground.case("impersonate"), cwd=ground.folder)
    assert ended.returncode == 1
    assert "no permission: " in ended.stderr
    assert "system:serviceaccount:default:nobody" in ended.stderr


REFUSED: Final = {
    "exec": ('user "u": exec is not supported', ""),
    "no-context": ("it has no current-context", "refused"),
    "ca-both": ("both certificate-authority and certificate-authority-data", "both specified"),
}
"""Case → what the operator says, and what kubectl says if it does not get through either."""


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused(ground: Ground, name: str) -> None:
    """By one line with the name of the field, and exit status 1."""
    said, by_kubectl = REFUSED[name]
    path = ground.case(name)
    if by_kubectl:
        with pytest.raises(KubectlError, match=by_kubectl):
            ground.kubectl(path)
    ended = run_command("run", cwd=ground.folder, KUBECONFIG=str(path))
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert said in line
    assert line.endswith("; name another with --kubeconfig")
    assert ground.token not in line


def test_a_program_that_makes_tokens_is_not_run(ground: Ground) -> None:
    """Kubectl runs it, and gets through."""
    plugin = ground.folder / "plugin.sh"
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": ground.token},
    }
    mark = ground.folder / "mark"
    script = f"#!/bin/sh\ntouch {mark}\necho '{json.dumps(credential)}'\n"
    plugin.write_text(script, encoding="utf-8")
    plugin.chmod(0o755)
    path = ground.case("exec")
    assert ground.kubectl(path)[0] == "admin"
    mark.unlink()
    assert run_command("run", "--kubeconfig", path, cwd=ground.folder).returncode == 1
    assert not mark.exists()


def _variations() -> Iterator[tuple[str, Callable[[Ground, dict[str, Any]], None]]]:
    """Yield changes of the plain case, by name."""

    def cluster(**fields: Any) -> Callable[[Ground, dict[str, Any]], None]:
        return lambda _, config: config["clusters"][0]["cluster"].update(fields)

    def user(**fields: Any) -> Callable[[Ground, dict[str, Any]], None]:
        return lambda _, config: config["users"][0]["user"].update(fields)

    def top(**fields: Any) -> Callable[[Ground, dict[str, Any]], None]:
        return lambda _, config: config.update(fields)

    def without_token(**fields: Any) -> Callable[[Ground, dict[str, Any]], None]:
        return lambda _, config: config["users"][0].update(user=fields)

    yield "insecure with a CA", cluster(**{"insecure-skip-tls-verify": True})
    yield (
        "insecure",
        cluster(**{"insecure-skip-tls-verify": True, "certificate-authority-data": None}),
    )
    yield "insecure as text", cluster(**{"insecure-skip-tls-verify": "true"})
    yield "no CA", cluster(**{"certificate-authority-data": ""})
    yield "CA that is none", cluster(**{"certificate-authority-data": "aGVsbG8="})
    yield "CA that is no base64", cluster(**{"certificate-authority-data": "***"})
    yield "no server", cluster(server="")
    yield "ftp", cluster(server="ftp://127.0.0.1")
    yield "another server name", cluster(**{"tls-server-name": "nobody.example"})
    yield "a server name", cluster(**{"tls-server-name": "kubernetes.default.svc"})
    yield "socks proxy", cluster(**{"proxy-url": "socks5://127.0.0.1:1"})
    yield "proxy that is none", cluster(**{"proxy-url": "ftp://127.0.0.1:1"})
    yield "unknown fields", cluster(more=1)
    yield "token as number", user(token=12345)
    yield "token with a newline", user(token=f"{SECRET}\n")
    yield "token and password", user(username="a", password=SECRET)
    program = {"command": "/nowhere", "interactiveMode": "Never"}
    program["apiVersion"] = "client.authentication.k8s.io/v1"
    yield "token beside a program", user(exec=program)
    yield "token and a file that is missing", user(tokenFile="/nowhere")
    yield "token file that is missing", without_token(tokenFile="/nowhere")
    yield "token file that is empty", without_token(tokenFile="/dev/null")
    yield "auth-provider", without_token(**{"auth-provider": {"name": "gcp"}})
    yield "nobody", without_token()
    yield "certificate without a key", without_token(**{"client-certificate-data": "aGVsbG8="})
    yield "groups alone", user(**{"as-groups": ["one"]})
    yield "group as text", user(**{"as": "bob", "as-groups": "one"})
    yield (
        "for another",
        user(
            **{"as": "bob", "as-uid": "7", "as-groups": ["b", "a"]},
            **{"as-user-extra": {"Scopes": ["one", "two"], "example.com/é": ["ü"]}},
        ),
    )
    yield "another kind", top(kind="Secret")
    yield "another version", top(apiVersion="v2")
    yield "neither", top(kind="", apiVersion="")
    yield "another context", top(**{"current-context": "gone"})
    yield "no users", top(users=None)
    yield "contexts as text", top(contexts="x")
    yield "users twice", lambda _, config: config["users"].append(config["users"][0])


VARIATIONS: Final = dict(_variations())


@pytest.mark.parametrize("name", VARIATIONS)
def test_it_gets_through_where_kubectl_does(
    ground: Ground, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reaches the API server exactly where kubectl does."""
    config = yaml.safe_load(ground.case("plain").read_text(encoding="utf-8"))
    VARIATIONS[name](ground, config)
    path = ground.write("varied", config)
    try:
        expected = ground.kubectl(path)
    except KubectlError:
        monkeypatch.setenv("KUBECONFIG", str(path))
        with pytest.raises((NoCluster, ApiError)) as caught:
            asyncio.run(_ours())
        assert SECRET not in str(caught.value)
        assert ground.token not in str(caught.value)
    else:
        assert ground.both(path, monkeypatch) == expected


def test_every_case_has_a_row() -> None:
    """A file that is added needs one."""
    named = {"plain", "trailing-slash", "token-file", "sub/relative-ca", "impersonate"}
    named |= {"rancher", "tls-server-name", "proxy", *REFUSED}
    found = {
        str(path.relative_to(KUBECONFIGS)) for path in KUBECONFIGS.rglob("*") if path.is_file()
    }
    assert found == named
