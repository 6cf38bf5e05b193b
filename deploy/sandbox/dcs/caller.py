"""A small client that signs by hand: for tests and scripts, independent of product and SDKs.

It can also send what the SDKs cannot: unsigned hosts, wrong dates, tampered or chunked bodies,
addresses that begin with two slashes.
"""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import quote

import aiohttp
from yarl import URL

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as received."""

    status: int
    headers: Mapping[str, str]
    """Names are case-insensitive."""
    body: bytes

    @property
    def json(self) -> Any:
        """The parsed body; raises `ValueError` if it is not JSON."""
        return json.loads(self.body)

    @property
    def error_code(self) -> str:
        """The code of an error answer."""
        return str(self.json["error_code"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Signs with one key, exactly as the scheme specifies."""

    access_key: str
    secret_key: str

    def authorize(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> str:
        """Return the header `Authorization`; `target` has a sorted query, all `headers` count."""
        path, _, query = target.partition("?")
        names = sorted(name.lower() for name in headers)
        values = {name.lower(): value for name, value in headers.items()}
        canonical = [method, f"{path.rstrip('/')}/", query]
        canonical += [f"{name}:{values[name]}" for name in names]
        canonical += ["", ";".join(names), hashlib.sha256(body).hexdigest()]
        digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
        to_sign = f"SDK-HMAC-SHA256\n{values.get('x-sdk-date', '')}\n{digest}"
        signature = hmac.new(self.secret_key.encode(), to_sign.encode(), "sha256").hexdigest()
        return (
            f"SDK-HMAC-SHA256 Access={self.access_key}, SignedHeaders={';'.join(names)}, "
            f"Signature={signature}"
        )


class Caller:
    """Calls a DCS; use as an asynchronous context manager.

    Args:
        endpoint: `http://HOST:PORT`.
        project_id: Used in the path and in `X-Project-Id`.
        signer: Signs with the key of the caller.
    """

    def __init__(self, endpoint: str, project_id: str, signer: Signer) -> None:
        self.endpoint = endpoint
        self.project_id = project_id
        self.signer = signer
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(trust_env=False, auto_decompress=False)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    async def batch_stop(self, task_ids: Iterable[object]) -> Reply:
        """One batch-stop."""
        body = json.dumps({"migration_tasks": list(task_ids)}).encode()
        return await self.send("POST", "/migration-task/batch-stop", body)

    async def show(self, task_id: str) -> Reply:
        """One show."""
        return await self.send("GET", f"/migration-task/{task_id}")

    async def list(self, query: str = "limit=1000") -> Reply:
        """One page of the list; the query must be sorted."""
        return await self.send("GET", f"/migration-tasks?{query}")

    async def send(self, method: str, path: str, body: bytes = b"") -> Reply:
        """Call as the Python SDK would; `path` is the part after the project id."""
        target = f"/v2/{quote(self.project_id, safe='')}{path}"
        headers = {
            "Content-Type": JSON,
            "Host": self.endpoint.partition("://")[2],
            "X-Project-Id": self.project_id,
            "X-Sdk-Date": sdk_date(datetime.now(UTC)),
        }
        headers["Authorization"] = self.signer.authorize(method, target, headers, body)
        return await self.send_raw(method, target, headers, body)

    async def send_raw(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterator[bytes] = b"",
    ) -> Reply:
        """Send exactly this request, without redirects; an iterator makes a chunked body."""
        if self._session is None:
            raise RuntimeError("a Caller is used as an asynchronous context manager")
        url = URL(self.endpoint + target, encoded=True)
        async with self._session.request(
            method, url, headers=headers, data=body or None, allow_redirects=False
        ) as response:
            content = await response.read()
            return Reply(response.status, response.headers, content)


def sdk_date(time: datetime) -> str:
    """Return the header `X-Sdk-Date`."""
    return time.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
