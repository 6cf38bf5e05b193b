"""The calls to the API server: what is asked, what is read, and how errors come out."""

from __future__ import annotations

import asyncio
import json
from contextlib import closing
from socket import socket
from typing import Any

import pytest
from aiohttp import web

from dcs_migration_operator.core.kinds import PROJECTS, TASKS
from dcs_migration_operator.core.model import ObjectRef
from dcs_migration_operator.kube.api import METADATA_ONLY, KubeApi
from dcs_migration_operator.kube.errors import ApiError
from dcs_migration_operator.kube.session import Cluster
from unit.kube.apiserver import ApiServer, Asked, Reply, api_of, ok, refusal, serving

BASE = "/apis/dcs.huaweicloud.com/v1alpha1"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/system/leases"
REF = ObjectRef(TASKS, "team-a", "cache", "uid-1")
PATCHED = {"metadata": {"resourceVersion": "42"}}


def items(*pairs: tuple[str, str]) -> list[dict[str, Any]]:
    """Return list items with these uids and versions."""
    return [{"metadata": {"uid": uid, "resourceVersion": version}} for uid, version in pairs]


class TestStatus:
    """The one write of the product."""

    async def test_a_status_replaces_the_old_one_of_the_same_object(self) -> None:
        """The uid is tested in the same request; the new version is returned."""
        server = ApiServer(ok(PATCHED))
        async with api_of(server) as api:
            assert await api.patch_status(REF, {"phase": "TERMINATED"}) == 42
        (asked,) = server.asked
        assert (asked.method, asked.path) == (
            "PATCH",
            f"{BASE}/namespaces/team-a/migrationtasks/cache/status",
        )
        assert asked.headers["Content-Type"] == "application/json-patch+json"
        assert json.loads(asked.body) == [
            {"op": "test", "path": "/metadata/uid", "value": "uid-1"},
            {"op": "add", "path": "/status", "value": {"phase": "TERMINATED"}},
        ]

    async def test_other_kinds_have_their_own_path(self) -> None:
        """The status of a project is written in the same way."""
        server = ApiServer(ok(PATCHED))
        async with api_of(server) as api:
            await api.patch_status(ObjectRef(PROJECTS, "team-a", "default", "uid-2"), {})
        assert server.asked[0].path == f"{BASE}/namespaces/team-a/dcsprojects/default/status"

    @pytest.mark.parametrize("body", [{}, [], {"metadata": {}}, {"metadata": {"name": "x"}}])
    async def test_an_answer_without_a_version_is_an_error_of_the_call(self, body: object) -> None:
        """A proxy in between may answer 200 with something else; the write is tried again."""
        async with api_of(ApiServer(ok(body))) as api:
            with pytest.raises(ApiError):
                await api.patch_status(REF, {})


class TestErrors:
    """One class for everything, without anybody's body in it."""

    @pytest.mark.parametrize("code", [400, 401, 403, 404, 409, 422, 429, 500, 503])
    async def test_a_refusal_keeps_its_status_and_message(self, code: int) -> None:
        """And is not asked again."""
        server = ApiServer(refusal(code, "because"))
        async with api_of(server) as api:
            with pytest.raises(ApiError, match=r"^because$") as caught:
                await api.patch_status(REF, {})
        assert caught.value.status == code
        assert len(server.asked) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            Reply(502, b"<html>SECRET</html>", "text/html"),
            Reply(502, b'{"message": SECRET'),
            ok(["SECRET"], 502),
            ok({"error": "SECRET"}, 502),
            ok("SECRET", 502),
            Reply(502),
        ],
    )
    async def test_a_body_that_is_no_status_is_not_repeated(self, answer: Reply) -> None:
        """Whoever wrote it, it may hold anything."""
        async with api_of(ApiServer(answer)) as api:
            with pytest.raises(ApiError, match=r"^HTTP 502$"):
                await api.probe_list(TASKS, "")

    async def test_a_long_message_is_cut(self) -> None:
        """It is cut after 256 characters."""
        async with api_of(ApiServer(refusal(400, "x" * 5000))) as api:
            with pytest.raises(ApiError, match=r"^x{256}$"):
                await api.probe_list(TASKS, "")

    @pytest.mark.parametrize("body", [b"<html>", b"{", b""])
    async def test_a_success_that_is_no_json_is_an_error(self, body: bytes) -> None:
        """It never counts as done."""
        async with api_of(ApiServer(Reply(200, body, "text/html"))) as api:
            with pytest.raises(ApiError) as caught:
                await api.patch_status(REF, {})
        assert caught.value.status == 0

    async def test_a_redirect_is_an_error(self) -> None:
        """It would take the token elsewhere."""
        server = ApiServer(Reply(302, headers={"Location": "/elsewhere"}))
        async with api_of(server) as api:
            with pytest.raises(ApiError) as caught:
                await api.probe_list(TASKS, "")
        assert (caught.value.status, len(server.asked)) == (302, 1)

    async def test_nobody_there_is_status_0(self) -> None:
        """As is an answer that does not come."""
        with closing(socket()) as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
            async with KubeApi(Cluster(server=url, namespace="x"), connections_max=1) as api:
                with pytest.raises(ApiError, match="cannot be reached") as caught:
                    await api.probe_list(TASKS, "")
        assert caught.value.status == 0

    async def test_an_answer_that_does_not_come_in_time_is_status_0(
        self,
    ) -> None:
        """The limit holds for the call as a whole."""
        released = asyncio.Event()

        async def wait(request: web.Request) -> web.StreamResponse:
            await released.wait()
            return web.Response(text=request.path)

        server = ApiServer(ok({}))
        server.handle = wait  # type: ignore[method-assign]
        async with (
            serving(server) as url,
            KubeApi(Cluster(server=url, namespace="x"), 1, timeout_s=0.05) as api,
        ):
            with pytest.raises(ApiError, match="did not answer in time") as caught:
                await api.probe_list(TASKS, "")
            released.set()
        assert caught.value.status == 0

    async def test_the_api_servers_clock_is_known_from_its_answers(self) -> None:
        """Whatever the answer is; one that does not tell leaves it as it was."""
        dates = ["Fri, 27 Nov 2026 15:00:00 GMT", "yesterday", "Fri, 27 Nov 2026 16:00:00 GMT"]
        answers = [Reply(404, b"{}", headers={"Date": date}) for date in dates]
        async with api_of(ApiServer(*answers)) as api:
            assert api.server_now() is None
            for expected in (1_795_791_600, 1_795_791_600, 1_795_795_200):
                with pytest.raises(ApiError):
                    await api.probe_list(TASKS, "")
                assert api.server_now() == pytest.approx(expected, abs=30.0)

    async def test_calls_need_the_context(self) -> None:
        """Without it, the error speaks of the program and not of the cluster."""
        with pytest.raises(RuntimeError, match="outside of its context"):
            await KubeApi(Cluster("http://127.0.0.1:1", "x"), connections_max=1).served()


class TestReading:
    """Discovery, probes and counts."""

    async def test_what_is_served(self) -> None:
        """It returns resources and subresources of the group."""
        names = [{"name": "migrationtasks"}, {"name": "migrationtasks/status"}]
        server = ApiServer(ok({"resources": names}))
        async with api_of(server) as api:
            assert await api.served() == {"migrationtasks", "migrationtasks/status"}
        assert server.asked[0].path == BASE

    async def test_without_the_crds_nothing_is_served(self) -> None:
        """The group is unknown then; any other refusal is an error."""
        async with api_of(ApiServer(refusal(404))) as api:
            assert await api.served() == set()
        async with api_of(ApiServer(refusal(403))) as api:
            with pytest.raises(ApiError):
                await api.served()

    @pytest.mark.parametrize(
        "namespace, path",
        [
            ("", f"{BASE}/migrationtasks"),
            ("team-a", f"{BASE}/namespaces/team-a/migrationtasks"),
        ],
    )
    async def test_a_probe_asks_for_one_object(self, namespace: str, path: str) -> None:
        """Its metadata is enough to learn whether listing is allowed."""
        server = ApiServer(ok({"items": []}))
        async with api_of(server) as api:
            await api.probe_list(TASKS, namespace)
        (asked,) = server.asked
        assert (asked.path, dict(asked.query)) == (path, {"limit": "1"})
        assert asked.headers["Accept"] == METADATA_ONLY

    async def test_versions_are_read_page_by_page(self) -> None:
        """Each page names the next one, also an empty page; versions are numbers."""
        server = ApiServer(
            ok({"metadata": {"continue": "c1"}, "items": items(("a", "7"), ("b", "10"))}),
            ok({"metadata": {"continue": "c2"}, "items": None}),
            ok({"metadata": {"continue": ""}, "items": items(("c", "9"))}),
        )
        async with api_of(server) as api:
            assert await api.versions(TASKS, ()) == {"a": 7, "b": 10, "c": 9}
        assert [asked.query.get("continue") for asked in server.asked] == [None, "c1", "c2"]
        assert {asked.query["limit"] for asked in server.asked} == {"500"}
        assert {asked.path for asked in server.asked} == {f"{BASE}/migrationtasks"}
        assert {asked.headers["Accept"] for asked in server.asked} == {METADATA_ONLY}

    async def test_each_namespace_is_counted_from_its_first_page(self) -> None:
        """A continuation of one is none of the next."""

        def answer(asked: Asked) -> Reply:
            following = "" if "continue" in asked.query else "more"
            uid = f"{asked.path}{asked.query.get('continue', '')}"
            return ok({"metadata": {"continue": following}, "items": items((uid, "1"))})

        server = ApiServer(answer)
        async with api_of(server) as api:
            assert len(await api.versions(PROJECTS, ("a", "b"))) == 4
        assert [(asked.path, asked.query.get("continue")) for asked in server.asked] == [
            (f"{BASE}/namespaces/{name}/dcsprojects", following)
            for name in "ab"
            for following in (None, "more")
        ]

    @pytest.mark.parametrize("body", [{}, [], {"kind": "Status"}, {"items": [{}]}])
    async def test_an_answer_that_is_no_list_is_an_error(self, body: object) -> None:
        """Read as an empty list it would look like the deletion of everything."""
        async with api_of(ApiServer(ok(body))) as api:
            with pytest.raises(ApiError):
                await api.versions(TASKS, ())

    async def test_a_page_that_expired_is_an_error(self) -> None:
        """The caller counts again; half a count would look like deletions."""
        server = ApiServer(ok({"metadata": {"continue": "c"}, "items": []}), refusal(410))
        async with api_of(server) as api:
            with pytest.raises(ApiError) as caught:
                await api.versions(TASKS, ())
        assert caught.value.status == 410


class TestLeases:
    """Read, create, replace."""

    async def test_the_three_calls(self) -> None:
        """Each on the Lease that was named, with its version where one is replaced."""
        lease = {
            "metadata": {"namespace": "system", "name": "operator", "resourceVersion": "5"},
            "spec": {"holderIdentity": "one"},
        }
        server = ApiServer(ok(lease), ok(lease, 201), ok(lease))
        async with api_of(server) as api:
            assert await api.get_lease("system", "operator") == lease
            await api.create_lease("system", "operator", {"holderIdentity": "one"})
            assert await api.put_lease(lease) == lease
        get, create, put = server.asked
        assert (get.method, get.path) == ("GET", f"{LEASES}/operator")
        assert (create.method, create.path) == ("POST", LEASES)
        assert json.loads(create.body) == {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"namespace": "system", "name": "operator"},
            "spec": {"holderIdentity": "one"},
        }
        assert (put.method, put.path) == ("PUT", f"{LEASES}/operator")
        assert json.loads(put.body)["metadata"]["resourceVersion"] == "5"
