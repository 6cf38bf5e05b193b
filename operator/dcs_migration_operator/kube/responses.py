"""The responses that kopf reads: watches without echoes, and lists whose objects were handed on.

kopf starts a task and a queue for each object that it lists, and runs its whole machinery to pass
the object to a handler: 0.3 to 0.5 ms each, two thirds of the start at 10,000 resources. The facts
in a list need none of that, since the intake compares versions. So the objects of a page go there
as soon as the page is parsed; kopf keeps what it is here for, the order of list and watch, and the
position from which the watch continues.
"""

from __future__ import annotations

import json
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol, cast

import aiohttp

from dcs_migration_operator.kube.echoes import Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aiohttp.connector import Connection

    from dcs_migration_operator.kube.echoes import IsEcho


class TakePage(Protocol):
    """Receives the path of a list, the objects of one of its pages, and whether it is the last."""

    def __call__(self, path: str, objects: Sequence[Mapping[str, Any]], *, last: bool) -> None:
        """Take the page in."""


def response_class(
    *, is_echo: IsEcho, heard: Callable[[str], None], page: TakePage
) -> type[aiohttp.ClientResponse]:
    """Return the class of the responses of a session that only lists and watches our kinds.

    Args:
        is_echo: Recognizes the events that watches leave out.
        heard: Called with the path of a watch for each chunk that arrives, even if it holds only
            echoes.
        page: Called with each page of a list.
    """

    class Response(aiohttp.ClientResponse):
        """The response to a request of kopf."""

        async def start(self, connection: Connection) -> aiohttp.ClientResponse:
            """Begin to read; wrap the body of a watch in the echo filter."""
            await super().start(connection)
            if self.url.query.get("watch") == "true":
                lines = Lines(self.content, is_echo, partial(heard, self.url.path))
                self.content = cast("aiohttp.StreamReader", lines)
            return self

        async def json(
            self,
            *,
            encoding: str | None = None,
            loads: Callable[[str], Any] = json.loads,
            content_type: str | None = "application/json",
        ) -> Any:
            """Return the parsed body; hand on the objects of a list and leave them out."""
            body = await super().json(encoding=encoding, loads=loads, content_type=content_type)
            if self.status == HTTPStatus.OK and isinstance(body, dict) and "items" in body:
                objects = [one for one in body["items"] or () if isinstance(one, dict)]
                last = not (body.get("metadata") or {}).get("continue")
                page(self.url.path, objects, last=last)
                body["items"] = []
            return body

    return Response
