"""The session to the API server: its token, its environment, and what it tells of itself."""

from __future__ import annotations

import os
import ssl
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import pytest

from dcs_migration_operator.core.kinds import TASKS
from dcs_migration_operator.core.model import ObjectRef
from dcs_migration_operator.kube.api import KubeApi
from dcs_migration_operator.kube.errors import ApiError
from dcs_migration_operator.kube.pulse import Pulse
from dcs_migration_operator.kube.session import USER_AGENT, Cluster, open_session
from dcs_migration_operator.kube.tls import context
from unit.kube.apiserver import ApiServer, api_of, ok, refusal, serving
from unit.kube.authorities import OLD, authority, issued

if TYPE_CHECKING:
    from pathlib import Path

EMPTY: Final[dict[str, object]] = {"items": [], "metadata": {"resourceVersion": "1"}}

REF: Final = ObjectRef(TASKS, "team-a", "cache", "uid-1")

Call = Callable[[KubeApi], Awaitable[object]]


async def read(api: KubeApi) -> None:
    """Make a call as most are."""
    await api.probe_list(TASKS, "")


async def write_status(api: KubeApi) -> None:
    """Make a call of the kind that has a shorter way to the connection."""
    await api.patch_status(REF, {})


@pytest.fixture(params=[read, write_status])
def call(request: pytest.FixtureRequest) -> Call:
    """Return either kind of call: what a session promises, it promises for both."""
    found: Call = request.param
    return found


def write(path: Path, token: str, version: int) -> None:
    """Write a token as the kubelet does, with a time of change that tells it from the last one."""
    path.write_text(token)
    os.utime(path, ns=(version, version))


async def test_a_token_is_read_again_when_its_file_changes(tmp_path: Path, call: Call) -> None:
    """Each request carries what the file holds, without the newline at its end."""
    path = tmp_path / "token"
    write(path, "first\n", 1)
    server = ApiServer(ok(EMPTY))
    async with api_of(server, token_file=str(path)) as api:
        await call(api)
        await call(api)
        write(path, "second\n", 2)
        await call(api)
    assert [asked.headers["Authorization"] for asked in server.asked] == [
        "Bearer first",
        "Bearer first",
        "Bearer second",
    ]


async def test_a_token_file_that_is_gone_is_an_error_of_the_call(
    tmp_path: Path, call: Call
) -> None:
    """The kubelet swaps it; the next call finds it again."""
    path = tmp_path / "token"
    server = ApiServer(ok(EMPTY))
    async with api_of(server, token_file=str(path)) as api:
        with pytest.raises(ApiError) as caught:
            await call(api)
        write(path, "back", 1)
        await call(api)
    assert caught.value.status == 0
    assert len(server.asked) == 1


async def test_a_fixed_token_is_sent_with_each_request(call: Call) -> None:
    """From a kubeconfig; it is never part of a text."""
    server = ApiServer(refusal(401, "Unauthorized"))
    async with api_of(server, headers={"Authorization": "Bearer FIXED"}) as api:
        with pytest.raises(ApiError) as caught:
            await call(api)
        assert "FIXED" not in f"{caught.value!r} {api.cluster!r}"
    assert server.asked[0].headers["Authorization"] == "Bearer FIXED"


async def test_a_server_with_a_path_keeps_it(call: Call) -> None:
    """As behind a proxy that serves many clusters; a slash at its end does not matter."""
    server = ApiServer(ok(EMPTY))
    async with serving(server) as url:
        cluster = Cluster(server=f"{url}/clusters/one/", namespace="x")
        async with KubeApi(cluster, connections_max=1) as api:
            await call(api)
    start = "/clusters/one/apis/dcs.huaweicloud.com/v1alpha1/"
    assert server.asked[0].path.startswith(start)


async def test_the_environment_has_no_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, call: Call
) -> None:
    """Neither a proxy nor `.netrc` is used."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    server = ApiServer(ok(EMPTY))
    async with api_of(server) as api:
        await call(api)
    assert "Authorization" not in server.asked[0].headers


async def test_the_proxy_of_a_kubeconfig_is_used(call: Call) -> None:
    """The request goes to it, for the server that was meant."""
    server = ApiServer(ok(EMPTY))
    async with serving(server) as url:
        cluster = Cluster(server="http://cluster.invalid", namespace="x", proxy=url)
        async with KubeApi(cluster, connections_max=1) as api:
            await call(api)
    assert server.asked[0].headers["Host"] == "cluster.invalid"


async def test_whoever_listens_hears_requests_and_answers() -> None:
    """So that a watch without any sign of life is noticed."""
    heard: list[int] = []
    async with serving(ApiServer(ok(EMPTY))) as url:
        cluster = Cluster(server=url, namespace="x")
        async with (
            open_session(
                cluster, 0, lambda: heard.append(1), lambda: None, Pulse(float)
            ) as session,
            session.get(url) as response,
        ):
            begun = len(heard)
            await response.read()
    assert begun == 1
    assert len(heard) > begun


@pytest.mark.parametrize(
    "query, listings",
    [
        ("?limit=500", 1),
        ("?limit=500&continue=x", 0),
        ("?watch=true&resourceVersion=1", 0),
        ("", 0),
    ],
)
async def test_whoever_listens_hears_when_a_listing_begins(query: str, listings: int) -> None:
    """Its first page alone counts."""
    listed: list[int] = []
    async with serving(ApiServer(ok(EMPTY))) as url:
        cluster = Cluster(server=url, namespace="x")
        async with (
            open_session(
                cluster, 0, lambda: None, lambda: listed.append(1), Pulse(float)
            ) as session,
            session.get(f"{url}/apis/x/tasks{query}"),
        ):
            pass
    assert len(listed) == listings


@pytest.mark.parametrize(
    "query, status, proven",
    [("?watch=true", 200, True), ("?watch=true", 410, False), ("?limit=500", 200, False)],
)
async def test_a_watch_is_proven_by_its_answer(query: str, status: int, *, proven: bool) -> None:
    """By the begin of a good one; a request alone proves nothing, and a listing nothing of it."""
    now = 0.0
    pulse = Pulse(lambda: now)
    async with serving(ApiServer(ok(EMPTY, status))) as url:
        cluster = Cluster(server=url, namespace="x")
        async with open_session(cluster, 0, lambda: None, lambda: None, pulse) as session:
            pulse.asked("/apis/x/tasks")
            now = 10.0
            async with session.get(f"{url}/apis/x/tasks{query}"):
                pass
    assert pulse.unproven_s() == (0.0 if proven else 10.0)


async def test_it_says_who_asks(call: Call) -> None:
    """In audit logs, and in the managedFields of what is written: not a library's name."""
    server = ApiServer(ok(EMPTY))
    async with api_of(server) as api:
        await call(api)
    assert server.asked[0].headers["User-Agent"] == USER_AGENT
    assert USER_AGENT.startswith("dcs-migration-operator/")


async def test_a_user_may_act_for_another(call: Call) -> None:
    """Each request says so, with every group of the other."""
    server = ApiServer(ok(EMPTY))
    headers = (("Impersonate-User", "me"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
    async with api_of(server, impersonation=headers) as api:
        await call(api)
    found = server.asked[0].headers
    assert [(name, value) for name, value in found.items() if "Impersonate" in name] == [*headers]


async def why_not(cluster: Cluster, call: Call) -> str:
    """Return why a server cannot be reached."""
    async with KubeApi(cluster, connections_max=1) as api:
        with pytest.raises(ApiError, match=r"^the API server cannot be reached") as caught:
            await call(api)
    assert caught.value.status == 0
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_why_a_certificate_was_not_believed_is_told(tmp_path: Path, call: Call) -> None:
    """By OpenSSL's own words, which people find when they search for them."""
    ca, stranger = (authority(tmp_path / name, OLD) for name in ("ca", "stranger"))
    start = "the API server cannot be reached (its certificate does not verify: "
    for names, trusted, reason in (
        ("DNS:elsewhere", ca, "IP address mismatch, certificate is not valid for '127.0.0.1')"),
        ("IP:127.0.0.1", stranger, "certificate signature failure)"),
    ):
        server = issued(ca, tmp_path, "server", names)
        serves = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serves.load_cert_chain(server.certificate, server.key)
        async with serving(ApiServer(ok(EMPTY)), serves) as url:
            said = await why_not(Cluster(url, "x", ssl=context(authority=trusted.pem)), call)
        assert said == start + reason


async def test_why_nobody_answers_is_told(tmp_path: Path, call: Call) -> None:
    """The system's words: a refused connection, a name, a proxy, a token that is gone."""
    assert "(Connection refused)" in await why_not(Cluster("http://127.0.0.1:1", "x"), call)
    assert "(its name cannot be resolved)" in await why_not(Cluster("http://x.invalid", "x"), call)
    proxy = Cluster("http://x.invalid", "x", proxy="http://user:SECRET@127.0.0.1:1")
    assert "(the proxy: Connection refused)" in await why_not(proxy, call)
    gone = Cluster("http://127.0.0.1:1", "x", token_file=str(tmp_path / "gone"))
    assert f"({tmp_path}/gone: No such file or directory)" in await why_not(gone, call)
    async with serving(ApiServer(ok(EMPTY))) as url:
        tls = await why_not(Cluster(url.replace("http", "https"), "x"), call)
    assert "(it does not speak TLS as it should)" in tls


async def test_a_proxy_that_refuses_is_told(call: Call) -> None:
    """It wants a password, or does not let anybody through to there."""
    async with serving(ApiServer(ok(EMPTY))) as url:  # a server that tunnels nothing
        cluster = Cluster("https://x.invalid", "x", proxy=url)
        assert "(the proxy answers 404)" in await why_not(cluster, call)
