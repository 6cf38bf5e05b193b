"""Clients of a simulator, and a server that sends exactly the bytes it is told to."""

from __future__ import annotations

import asyncio
import contextlib
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.errors import DcsError
from dcs_migration_operator.core.model import Account, Credentials
from dcs_migration_operator.dcs.client import DcsClient
from sandbox.dcs import ACCESS_KEY, PROJECT_ID, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

    from dcs_migration_operator.core.model import StopAnswer
    from dcs_migration_operator.dcs.trust import Trust

GONE: Final = (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError)
"""How a caller that hangs up, or the end of a test, ends an answer."""

VERBS: Final = ("batch_stop", "list", "show")
"""The calls, as the simulator names them."""


def account_of(
    endpoint: str,
    *,
    project_id: str = PROJECT_ID,
    secret_key: str = SECRET_KEY,
    security_token: str | None = None,
    named: bool = True,
    ca_bundle: str = "",
) -> Account:
    """Return an account with the simulator's own key."""
    credentials = Credentials(ACCESS_KEY, secret_key, security_token=security_token)
    return Account(endpoint, project_id, credentials, named=named, ca_bundle=ca_bundle)


def client_of(
    endpoint: str,
    *,
    timeout_s: float = 10.0,
    connect_timeout_s: float = 5.0,
    trust: Trust | None = None,
    proxy_url: str | None = None,
    **account: Any,
) -> DcsClient:
    """Return a client of such an account."""
    return DcsClient(
        account_of(endpoint, **account),
        connect_timeout_s=connect_timeout_s,
        timeout_s=timeout_s,
        connections_max=4,
        trust=trust,
        proxy_url=proxy_url,
    )


def everything(task_ids: Sequence[str]) -> Sequence[str]:
    """Permit all that is asked for."""
    return task_ids


async def stop(client: DcsClient, task_ids: Sequence[str]) -> Mapping[str, StopAnswer]:
    """Request a stop for these ids, all of which are permitted."""
    return await asyncio.to_thread(client.batch_stop, task_ids, everything)


async def call(client: DcsClient, verb: str, task_id: str) -> Any:
    """Make one call in a thread, as the product does."""
    match verb:
        case "batch_stop":
            return await stop(client, [task_id])
        case "list":
            return await asyncio.to_thread(client.list_page, 0)
        case _:
            return await asyncio.to_thread(client.show, task_id)


async def error_of(client: DcsClient, verb: str, task_id: str) -> DcsError:
    """Make one call that has to fail, and return its error."""
    try:
        answer = await call(client, verb, task_id)
    except DcsError as error:
        return error
    raise AssertionError(f"{verb} answered {answer!r}")


@asynccontextmanager
async def raw_server(
    answer: Callable[[asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[str]:
    """Serve one scripted answer per connection; yields the endpoint."""
    running: set[asyncio.Task[Any] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        try:
            with contextlib.suppress(*GONE):
                head = await reader.readuntil(b"\r\n\r\n")
                length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
                await reader.readexactly(int(length[1]) if length else 0)
                await answer(writer)
                await writer.drain()
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        yield f"http://127.0.0.1:{port}"
        for task in filter(None, running):
            task.cancel()  # a script may still be asleep


@asynccontextmanager
async def fixed_server(*answers: bytes) -> AsyncIterator[str]:
    """Serve these bytes, one after another at the pace of the event loop, to every caller."""

    async def answer(writer: asyncio.StreamWriter) -> None:
        for part in answers:
            writer.write(part)
            await writer.drain()

    async with raw_server(answer) as endpoint:
        yield endpoint
