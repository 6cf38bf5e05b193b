"""Echoes of our own writes stay out of a watch; everything else passes untouched."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.kube.echoes import (
    PASSED_EVERY,
    numbers_of,
)
from dcs_migration_operator.kube.responses import response_class
from dcs_migration_operator.kube.session import Cluster, open_session
from unit.kube.apiserver import ApiServer, Reply, serving

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcs_migration_operator.kube.echoes import IsEcho

# What a tenant writes there may look like anything, also like what is looked for.
NAMES = st.text(max_size=12) | st.sampled_from(["generation", "resourceVersion", "uid"])
TEXTS = st.text(max_size=12) | st.sampled_from(
    ["7", '"generation":7,', '"resourceVersion":"7","uid":"other"}', '\\"resourceVersion\\":\\"7']
)
MAPS = st.dictionaries(NAMES, TEXTS, max_size=4)


def event(
    uid: str = "u1", generation: int = 1, version: int = 10, kind: str = "MODIFIED", **more: Any
) -> bytes:
    """Return an event as kube-apiserver writes it: compact, keys in order."""
    metadata = {"uid": uid, "generation": generation, "resourceVersion": str(version)} | more
    body = {"metadata": metadata, "spec": {"stopped": True}, "status": {"phase": "TERMINATING"}}
    inner = json.dumps(body, sort_keys=True, separators=(",", ":"))
    return f'{{"type":"{kind}","object":{inner}}}'.encode()


@given(MAPS, MAPS, st.integers(1, 10**6), st.integers(1, 10**18))
def test_the_numbers_are_those_of_the_object(
    labels: dict[str, str], annotations: dict[str, str], generation: int, version: int
) -> None:
    """For all labels and annotations: nobody can write other numbers into a line."""
    line = event("u1", generation, version, labels=labels, annotations=annotations)
    assert numbers_of(line) == ("u1", generation, version)


@pytest.mark.parametrize("kind", ["ADDED", "DELETED", "BOOKMARK", "ERROR"])
def test_only_a_change_can_be_an_echo(kind: str) -> None:
    """What comes, goes, or fails is never left out."""
    assert numbers_of(event(kind=kind)) is None


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{}",
        b'{"type":"MODIFIED","object":{}}',
        b'{"type":"MODIFIED","object":{"metadata":{"generation":1,"resourceVersion":"1"}}}',
        b'{"type":"MODIFIED","object":{"metadata":{"resourceVersion":"1","uid":"u1"}}}',
        b'{"type": "MODIFIED", "object": {"metadata": {"generation": 1}}}',
    ],
)
def test_a_line_of_another_form_is_left_to_kopf(line: bytes) -> None:
    """A server that writes otherwise costs time, and nothing else."""
    assert numbers_of(line) is None


def no_page(path: str, objects: object, *, last: bool) -> None:
    """Receive the page of a list; here is none."""
    raise AssertionError(path, objects, last)


async def read(
    is_echo: IsEcho,
    body: bytes,
    size: int = 1 << 20,
    query: str = "?watch=true",
    heard: Callable[[str], None] = lambda _: None,
) -> Any:
    """Return what arrives of a body that is read in pieces of so many bytes."""
    async with (
        serving(ApiServer(Reply(body=body))) as url,
        open_session(
            Cluster(server=url, namespace="default"),
            connections_max=0,
            response_class=response_class(is_echo=is_echo, heard=heard, page=no_page),
        ) as session,
        session.get(f"{url}/apis{query}") as response,
    ):
        return b"".join([chunk async for chunk in response.content.iter_chunked(size)])


@pytest.mark.parametrize("size", [1, 7, 100, 1 << 20])
async def test_echoes_are_left_out_however_the_pieces_fall(size: int) -> None:
    """Whole lines arrive, in their order; what a killed API server left unfinished does not."""
    lines = [event("mine", version=n) if n % 2 else event("theirs", version=n) for n in range(9)]
    arrived = await read(lambda uid, *_: uid == "mine", b"\n".join(lines) + b"\nrest", size)
    assert arrived == b"\n".join(lines[::2]) + b"\n"


async def test_what_is_told_of_a_line() -> None:
    """Uid, generation and version, once for each change."""
    told: list[tuple[str, int, int]] = []

    def is_echo(*numbers: Any) -> bool:
        told.append(numbers)
        return False

    body = event("a", 1, 10) + b"\n" + event("b", 2, 11) + b"\n" + event("c", kind="ADDED") + b"\n"
    assert await read(is_echo, body) == body
    assert told == [("a", 1, 10), ("b", 2, 11)]


async def test_some_echoes_pass_so_that_the_position_in_the_stream_is_known() -> None:
    """Exactly one of fifty does."""
    count = 5 * PASSED_EVERY
    body = b"".join(event(version=n) + b"\n" for n in range(1, count + 1))
    arrived = (await read(lambda *_: True, body)).splitlines()
    versions = [json.loads(line)["object"]["metadata"]["resourceVersion"] for line in arrived]
    assert versions == [str(n) for n in range(PASSED_EVERY, count + 1, PASSED_EVERY)]


async def test_every_piece_is_a_sign_of_life() -> None:
    """Also one with nothing but echoes, so that a busy watch is not called silent."""
    heard: list[str] = []
    body = event() + b"\n" + event() + b"\n"
    arrived = await read(lambda *_: True, body, len(event()) + 1, heard=heard.append)
    assert (arrived, heard) == (b"", ["/apis"] * 2)


async def test_only_a_watch_is_read_so() -> None:
    """A listing is left as it is."""
    body = event() + b"\n"
    assert await read(lambda *_: True, body, query="") == body


async def test_a_refused_watch_can_be_read_as_any_answer() -> None:
    """The message of the API server is not lost."""
    server = ApiServer(Reply(status=403, body=b'{"message": "no"}'))
    reads = response_class(is_echo=lambda *_: True, heard=lambda _: None, page=no_page)
    async with (
        serving(server) as url,
        open_session(Cluster(server=url, namespace="default"), 0, response_class=reads) as session,
        session.get(f"{url}/apis?watch=true") as response,
    ):
        assert (await asyncio.wait_for(response.json(), timeout=10))["message"] == "no"
