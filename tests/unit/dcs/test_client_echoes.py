"""Answers that repeat what they were sent: nothing of it leaves the client."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from sandbox.dcs import ACCESS_KEY, SECRET_KEY
from unit.dcs import wire

if TYPE_CHECKING:
    from collections.abc import Callable


async def test_a_request_id_is_scrubbed() -> None:
    """It is a header of somebody else: what it repeats of the key does not leave, nor its bells."""
    for said in (f"req {SECRET_KEY}", f"req {SECRET_KEY[:12]}", "req\x07\xff"):
        head = b"HTTP/1.1 500 No\r\nX-Request-Id: %b\r\n\r\n" % said.encode("latin-1")
        async with wire.fixed_server(head) as endpoint:
            client = wire.client_of(endpoint)
            request_id = (await wire.error_of(client, "list", "")).detail.request_id
            client.close()
        assert request_id.startswith("req")
        assert SECRET_KEY[:8] not in request_id
        assert request_id.isprintable()


async def test_headers_that_cannot_be_read_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The library would repeat them in a warning, and they may repeat the key."""
    head = b"HTTP/1.1 500 No\r\nX: y\r\n%b no header\r\n\r\n" % SECRET_KEY.encode()
    async with wire.fixed_server(head) as endpoint:
        client = wire.client_of(endpoint)
        await wire.error_of(client, "list", "")
        client.close()
    assert SECRET_KEY not in caplog.text
    assert [record.name for record in caplog.records if record.levelname != "DEBUG"] == []


ECHOED: dict[str, Callable[[bytes], bytes]] = {
    "as it came": bytes,
    "in base64": base64.b64encode,
    "as JSON": lambda head: json.dumps(head.decode()).encode(),
    "percent-encoded": lambda head: quote(head).encode(),
    "in hex": lambda head: head.hex().encode(),
}


@pytest.mark.parametrize("form", ECHOED)
@pytest.mark.parametrize("verb", wire.VERBS)
async def test_an_answer_that_repeats_the_request_is_not_repeated(form: str, verb: str) -> None:
    """Neither the key nor the token, the signature or the path, wherever the echo stands."""
    token = f"{SECRET_KEY[::-1]}/+=" * 40
    asked: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(*wire.GONE):
            head = await reader.readuntil(b"\r\n\r\n")
            asked.append(head)
            said = ECHOED[form](head).decode("latin-1")
            fields = {"error_code": said[-90:], "error_msg": f"bad signature: {said}"}
            body = json.dumps(fields).encode()
            writer.write(
                b"HTTP/1.1 403 No\r\nX-Request-Id: %b\r\nContent-Length: %d\r\n\r\n%b"
                % (said[:200].replace("\r\n", " ").encode("latin-1"), len(body), body)
            )
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server:
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        client = wire.client_of(endpoint, security_token=token)
        error = await wire.error_of(client, verb, "id")
        client.close()
    told = f"{error!r} {error.detail!r}".lower()
    signature = asked[0].rpartition(b"Signature=")[2][:64].decode()
    for hidden in (SECRET_KEY, token, ACCESS_KEY, signature):
        for start in range(len(hidden) - 8):
            piece = hidden[start : start + 8].lower()
            assert piece not in told
            assert piece.encode().hex() not in told
    assert "/v2/" not in told
    assert error.detail.message.startswith("bad signature")
