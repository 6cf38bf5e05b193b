"""The blocking DCS client: one method per verb, signed, and bounded in time and size.

A stop request asks for permission right before it is sent. Nothing is retried; the class of an
error says what a failure means. Every text from DCS, in a value or in an error, goes through
`scrub`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from dcs_migration_operator.core.cloud import (
    BATCH_IDS_MAX,
    LIST_ROWS_MAX,
    LOG_LINES_MAX,
    Operation,
)
from dcs_migration_operator.core.errors import OutcomeUnknown, Throttled
from dcs_migration_operator.core.model import ErrorDetail, Observation, task_key
from dcs_migration_operator.dcs import answers
from dcs_migration_operator.dcs.auth import sign
from dcs_migration_operator.dcs.codes import error_class
from dcs_migration_operator.dcs.pauses import pause_s, window_s
from dcs_migration_operator.dcs.proxy import proxy_of
from dcs_migration_operator.dcs.scrub import Scrub
from dcs_migration_operator.dcs.transport import Request, Route, Transport
from dcs_migration_operator.dcs.trust import context_of

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence
    from typing import NoReturn

    from dcs_migration_operator.core.cloud import LogPage, Page, Permit, Stats
    from dcs_migration_operator.core.model import Account, StopAnswer
    from dcs_migration_operator.dcs.transport import Answer
    from dcs_migration_operator.dcs.trust import Trust


BODY_BYTES_MAX: Final = 16 * 2**20
"""Largest body of an answer; a full page of the list is about 1 MB."""

BATCH_STOP_PATH: Final = "/migration-task/batch-stop"

PERMIT_ROUNDS_MAX: Final = 5
"""A request whose permitted ids shrink this many times within milliseconds is not sent at all."""

REQUEST_ID_CHARS_MAX: Final = 128


class DcsClient:
    """Calls DCS for one account. Every method blocks and may be called from several threads.

    Args:
        connect_timeout_s: Time limit for connecting.
        timeout_s: Time limit for the whole call.
        connections_max: At least the number of threads, so that no call waits for a connection.
        trust: Certificates to trust in addition to the public ones and the account's own.
        proxy_url: URL of the proxy to use, as in `http://user:password@proxy.example.com:3128`.

    Every method raises a `DcsError`, and nothing else, when DCS does not do what was asked.
    """

    def __init__(
        self,
        account: Account,
        *,
        connect_timeout_s: float,
        timeout_s: float,
        connections_max: int,
        trust: Trust | None = None,
        proxy_url: str | None = None,
    ) -> None:
        self._account = account
        parts = urlsplit(account.endpoint)
        self._host = parts.netloc
        self._root = f"/v2/{quote(account.project_id, safe='')}"
        self._trust = trust
        proxy = proxy_of(proxy_url) if proxy_url else None
        credentials = account.credentials
        self._scrub = Scrub(
            [
                credentials.access_key,
                credentials.secret_key,
                credentials.security_token or "",
                *(proxy.secrets if proxy else ()),
            ]
        )
        route = Route(
            base=f"{parts.scheme}://{parts.netloc}",
            host=parts.hostname or "",
            port=parts.port or (80 if parts.scheme == "http" else 443),
            context=self._context,
            anywhere=account.named,
            proxy=proxy,
        )
        self._transport = Transport(
            route,
            connect_timeout_s=connect_timeout_s,
            timeout_s=timeout_s,
            connections_max=connections_max,
        )

    def batch_stop(self, task_ids: Sequence[str], permit: Permit) -> Mapping[str, StopAnswer]:
        """Request a stop for each id; return one answer per id that was sent, by its key.

        Args:
            task_ids: 1 to 50 ids.
            permit: Returns those of the ids that may still be stopped. It is called in this thread
                once the connection is established, right before the first byte is written; the
                request leaves out all other ids. If it returns none, nothing is written.
        """
        if not 1 <= len(task_ids) <= BATCH_IDS_MAX:
            raise ValueError(f"a batch has 1 to {BATCH_IDS_MAX} ids, not {len(task_ids)}")
        call = _BatchStop(self, task_ids, permit)
        path = self._root + BATCH_STOP_PATH
        answer = self._transport.exchange("POST", path, call.compose, BODY_BYTES_MAX)
        if answer is None:
            return {}
        body, request_id, scrub = self._success(Operation.BATCH_STOP, answer)
        return answers.stop_answers(call.task_ids, body, request_id, scrub)

    def list_page(self, offset: int) -> Page:
        """Return up to 1,000 tasks of the project, starting at the given record."""
        query = (("limit", str(LIST_ROWS_MAX)), ("offset", str(offset)))
        return answers.list_page(*self._get(Operation.LIST, "/migration-tasks", query))

    def show(self, task_id: str) -> Observation:
        """Return what DCS says about one task."""
        body, request_id, scrub = self._get(Operation.SHOW, _path_of(task_id))
        seen = answers.shown_task(body, request_id, scrub)
        if task_key(seen.task_id) != task_key(task_id):
            raise answers.bad_answer("about another task", request_id)
        return seen

    def stats(self, task_id: str) -> Stats:
        """Return the progress of one online task."""
        body, request_id, _ = self._get(Operation.STATS, f"{_path_of(task_id)}/stats")
        return answers.task_stats(body, request_id)

    def logs(self, task_id: str, offset: int, limit: int) -> LogPage:
        """Return lines of DCS's own log of one task, starting at the given line."""
        if not 1 <= limit <= LOG_LINES_MAX:
            raise ValueError(f"a page of a log has 1 to {LOG_LINES_MAX} lines, not {limit}")
        query = (("limit", str(limit)), ("offset", str(offset)))
        return answers.log_page(*self._get(Operation.SHOW, f"{_path_of(task_id)}/logs", query))

    def trust_instead(self, trust: Trust | None) -> None:
        """Trust these certificates and the public ones, starting with the next connection."""
        self._trust = trust

    def close(self) -> None:
        """Close idle connections; a call in progress ends by its own timeout."""
        self._transport.close()

    def signed(
        self, method: str, path: str, query: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Request:
        """Return a request of this account, signed at this moment.

        It holds wall clock time, because the gateway compares it with its own clock.
        """
        uri, headers = sign(
            self._account,
            method=method,
            host=self._host,
            path=self._root + path,
            query=query,
            body=body,
            moment=datetime.now(UTC),
        )
        headers["Accept-Encoding"] = "identity"  # so that the bound on the body is a bound
        return Request(method, uri, headers, body)

    def _context(self) -> ssl.SSLContext:
        return context_of(self._trust.pem if self._trust else "", self._account.ca_bundle)

    def _get(
        self, operation: Operation, path: str, query: Sequence[tuple[str, str]] = ()
    ) -> tuple[bytes, str, Scrub]:
        answer = self._transport.exchange(
            "GET", self._root + path, lambda: self.signed("GET", path, query), BODY_BYTES_MAX
        )
        if answer is None:
            raise AssertionError("a question is always composed")
        return self._success(operation, answer)

    def _success(self, operation: Operation, answer: Answer) -> tuple[bytes, str, Scrub]:
        """Return the body of a success, the request id, and the scrubber for its texts."""
        signature = answer.request.headers["Authorization"].rpartition("Signature=")[2]
        scrub = self._scrub.of_request(signature)
        request_id = scrub.text(answer.headers.get("X-Request-Id", ""), REQUEST_ID_CHARS_MAX)
        if answer.status != answers.OK:
            _fail(operation, answer, request_id, scrub)
        if answer.broken:
            detail = ErrorDetail(*answer.broken, request_id)
            raise OutcomeUnknown(detail, http_status=answer.status)
        return answer.body, request_id, scrub


class _BatchStop:
    """One batch-stop, reduced to the permitted ids right before it is written."""

    def __init__(self, client: DcsClient, task_ids: Sequence[str], permit: Permit) -> None:
        self._client, self._permit = client, permit
        self.task_ids = list(task_ids)

    def compose(self) -> Request | None:
        """Return a signed request of exactly the ids that are still permitted; None if none is."""
        for _ in range(PERMIT_ROUNDS_MAX):
            body = json.dumps({answers.ROWS: self.task_ids}).encode()
            request = self._client.signed("POST", BATCH_STOP_PATH, body=body)
            permitted = frozenset(self._permit(tuple(self.task_ids)))
            kept = [task_id for task_id in self.task_ids if task_id in permitted]
            if len(kept) == len(self.task_ids):
                return request
            if not kept:
                return None
            self.task_ids = kept
        return None


def _path_of(task_id: str) -> str:
    return f"/migration-task/{quote(task_id, safe='', errors='replace')}"


def _fail(operation: Operation, answer: Answer, request_id: str, scrub: Scrub) -> NoReturn:
    """Raise the error for an unsuccessful answer; if its body is broken, judge by the status."""
    body = b"" if answer.broken else answer.body
    detail = answers.fault_of(answer.status, body, request_id, scrub)
    kind = error_class(operation, answer.status, detail.code)
    if kind is Throttled:
        raise Throttled(
            detail,
            pause_s(answer.headers.get("Retry-After"), _moment_of(answer)),
            window_s=window_s(detail.message),
            http_status=answer.status,
        )
    raise kind(detail, http_status=answer.status)


def _moment_of(answer: Answer) -> datetime:
    """Return the time of the answer by the server's clock or, if that is not given, by ours."""
    try:
        moment = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (ValueError, OverflowError):
        return datetime.now(UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
