"""One method per DCS verb over HTTPS: signed, bounded in time and size. The only door to requests.

Environment proxies, `.netrc`, cookies and redirects are off: they change where a signed request
goes, or replace its signature. Nothing is retried here; what a failure means is said by its class.
"""

from __future__ import annotations

import ipaddress
import json
import re
import socket
import time
from datetime import UTC, datetime
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

import requests
import urllib3

from dcs_migration_operator.core.cloud import BATCH_IDS_MAX, LIST_ROWS_MAX, Operation
from dcs_migration_operator.core.errors import (
    DcsError,
    EndpointRefused,
    OutcomeUnknown,
    Throttled,
    Unavailable,
)
from dcs_migration_operator.core.model import ErrorDetail, Observation, task_key
from dcs_migration_operator.dcs import answers
from dcs_migration_operator.dcs.auth import sign
from dcs_migration_operator.dcs.codes import error_class
from dcs_migration_operator.dcs.transport import Adapter, NoTls, Session, set_deadline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcs_migration_operator.core.cloud import Page
    from dcs_migration_operator.core.model import Account, StopAnswer

BODY_BYTES_MAX: Final = 16 * 2**20
"""A full page of the list is about 1 MB; a larger body is not DCS speaking."""

CHUNK_BYTES: Final = 64 * 2**10

NO_NAME: Final = "the endpoint's name cannot be resolved"

_WINDOW = re.compile(r"(\d+)\s*(second|minute|hour)s?\b", re.IGNORECASE)
_WINDOW_S: Final = {"second": 1.0, "minute": 60.0, "hour": 3600.0}


class DcsClient:
    """Calls DCS for one account. Every method blocks and may be called from several threads.

    Args:
        connect_timeout_s: For the connection alone.
        timeout_s: For the whole call.
        connections_max: As many as there are threads; a call never waits for a connection.

    Every method raises a `DcsError`, and nothing else, when DCS does not do what was asked.
    """

    def __init__(
        self, account: Account, *, connect_timeout_s: float, timeout_s: float, connections_max: int
    ) -> None:
        self._account = account
        self._connect_timeout_s = connect_timeout_s
        self._timeout_s = timeout_s
        parts = urlsplit(account.endpoint)
        self._host = parts.netloc
        self._name = parts.hostname or ""
        self._port = parts.port or (80 if parts.scheme == "http" else 443)
        self._base = f"{parts.scheme}://{parts.netloc}"
        self._session = Session()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        adapter = Adapter(pool_connections=1, pool_maxsize=connections_max, max_retries=0)
        self._session.mount(self._base, adapter)

    def batch_stop(self, task_ids: Sequence[str]) -> Mapping[str, StopAnswer]:
        """Order a stop for up to 50 ids; one answer per id, by its key."""
        if not 1 <= len(task_ids) <= BATCH_IDS_MAX:
            raise ValueError(f"a batch has 1 to {BATCH_IDS_MAX} ids, not {len(task_ids)}")
        body = json.dumps({"migration_tasks": list(task_ids)}).encode()
        data, request_id = self._call(
            Operation.BATCH_STOP, "POST", "/migration-task/batch-stop", body=body
        )
        return answers.stop_answers(task_ids, data, request_id)

    def list_page(self, offset: int) -> Page:
        """Return up to 1,000 tasks of the project, from the given record on."""
        query = (("limit", str(LIST_ROWS_MAX)), ("offset", str(offset)))
        data, request_id = self._call(Operation.LIST, "GET", "/migration-tasks", query=query)
        return answers.list_page(data, request_id)

    def show(self, task_id: str) -> Observation:
        """Return what DCS says about one task."""
        path = f"/migration-task/{quote(task_id, safe='')}"
        data, request_id = self._call(Operation.SHOW, "GET", path)
        seen = answers.shown_task(data, request_id)
        if task_key(seen.task_id) != task_key(task_id):
            raise answers.bad_answer("about another task", request_id)
        return seen

    def close(self) -> None:
        """Close idle connections; a call under way ends by its own timeout."""
        self._session.close()

    def _call(
        self,
        operation: Operation,
        method: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> tuple[bytes, str]:
        """Return the body and the request id of a 2xx answer."""
        full_path = f"/v2/{quote(self._account.project_id, safe='')}{path}"
        uri, headers = sign(
            self._account,
            method=method,
            host=self._host,
            path=full_path,
            query=query,
            body=body,
            moment=datetime.now(UTC),
        )
        headers["Accept-Encoding"] = "identity"  # so that the bound on the body is a bound
        set_deadline(time.monotonic() + self._timeout_s)
        if not self._account.named:
            self._check_address()
        try:
            with self._session.request(
                method,
                self._base + uri,
                data=body or None,
                headers=headers,
                timeout=(self._connect_timeout_s, self._timeout_s),
                allow_redirects=False,
                stream=True,
            ) as response:
                return self._read(operation, response)
        except DcsError:
            raise
        except requests.exceptions.ConnectTimeout:
            raise Unavailable(_fault("connect-timeout", "no connection in time")) from None
        except requests.exceptions.SSLError:
            raise OutcomeUnknown(_fault("tls", "TLS failed after the handshake")) from None
        except requests.exceptions.ConnectionError as error:
            raise _connection_error(error) from None
        except (requests.exceptions.Timeout, TimeoutError, urllib3.exceptions.TimeoutError):
            raise OutcomeUnknown(_fault("timeout", "no answer in time")) from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError, OSError):
            raise OutcomeUnknown(_fault("connection-lost", "the answer broke off")) from None

    def _check_address(self) -> None:
        """Refuse an endpoint whose name leads into this machine or to a metadata service.

        The name may lead elsewhere a moment later; TLS, which such an endpoint must use, then ends
        the attempt.
        """
        try:
            found = socket.getaddrinfo(self._name, self._port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # a label of more than 63 characters
            raise Unavailable(_fault("name-resolution", NO_NAME)) from None
        for *_, address in found:
            ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
            ip = getattr(ip, "ipv4_mapped", None) or ip
            if ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast:
                raise EndpointRefused(_fault("endpoint", "its name leads to a local address"))

    def _read(self, operation: Operation, response: requests.Response) -> tuple[bytes, str]:
        request_id = response.headers.get("X-Request-Id", "")[:128]
        try:
            body = _body(response, request_id)
        except OutcomeUnknown:
            if response.status_code == requests.codes.ok:
                raise
            body = b""  # the status alone says enough
        if response.status_code == requests.codes.ok:
            return body, request_id
        detail = answers.fault_of(response.status_code, body, request_id)
        kind = error_class(operation, response.status_code, detail.code)
        status = response.status_code
        if kind is Throttled:
            after_s = _retry_after_s(response.headers.get("Retry-After"), detail)
            raise Throttled(detail, after_s, http_status=status)
        raise kind(detail, http_status=status)


def _body(response: requests.Response, request_id: str) -> bytes:
    """Return the body, within its bounds of time and size."""
    body = bytearray()
    try:
        while chunk := response.raw.read1(CHUNK_BYTES):
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise answers.bad_answer("with far more than it should", request_id)
    except (TimeoutError, urllib3.exceptions.TimeoutError):
        raise OutcomeUnknown(
            ErrorDetail("timeout", "the answer came too slowly", request_id)
        ) from None
    except (urllib3.exceptions.HTTPError, OSError):
        raise OutcomeUnknown(
            ErrorDetail("connection-lost", "the answer broke off", request_id)
        ) from None
    return bytes(body)


def _fault(code: str, message: str) -> ErrorDetail:
    return ErrorDetail(code, message)


def _connection_error(error: requests.exceptions.ConnectionError) -> DcsError:
    """Tell a connection that never was from one that broke with the request on its way."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(reason, NoTls):
        return Unavailable(_fault("tls", "the TLS handshake failed"))
    if isinstance(reason, urllib3.exceptions.NameResolutionError):
        return Unavailable(_fault("name-resolution", NO_NAME))
    if isinstance(reason, urllib3.exceptions.NewConnectionError):
        return Unavailable(_fault("no-connection", "the endpoint cannot be reached"))
    return OutcomeUnknown(_fault("connection-lost", "the connection broke"))


def _retry_after_s(header: str | None, detail: ErrorDetail) -> float | None:
    """Return the pause that the answer asks for: its header in seconds, else a window in its text.

    Texts name windows such as "200 times in 5 minutes" (VPC, 2021).
    """
    if header and header.strip().isdecimal():
        return float(header.strip())
    window = _WINDOW.search(detail.message)
    return float(window[1]) * _WINDOW_S[window[2].lower()] if window else None
