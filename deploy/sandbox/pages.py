"""Reads pages and the simulator's admin API, which processes on this machine serve over HTTP."""

from __future__ import annotations

import http.client
import json
from typing import Any

ANSWER_S_MAX = 10.0
"""Time limit of one page: it takes milliseconds, or a second on a busy machine."""


def read_page(address: str, path: str, timeout_s: float = ANSWER_S_MAX) -> tuple[int, str]:
    """Return the HTTP status and the text of a page; `address` is HOST:PORT.

    Raises:
        OSError: No answer arrived in time.
    """
    return _exchange(address, "GET", path, None, timeout_s)


def ask(
    address: str, method: str, path: str, body: Any = None, timeout_s: float = ANSWER_S_MAX
) -> Any:
    """Return the decoded answer of the simulator's admin API, which uses JSON both ways.

    Raises:
        OSError: No answer arrived in time, or the simulator refused; then with its message.
    """
    sent = None if body is None else json.dumps(body)
    status, text = _exchange(address, method, path, sent, timeout_s)
    answer = json.loads(text)
    if status >= http.HTTPStatus.BAD_REQUEST:
        raise OSError(f"The simulated DCS refused {method} {path}: {answer['error']}")
    return answer


def _exchange(
    address: str, method: str, path: str, body: str | None, timeout_s: float
) -> tuple[int, str]:
    connection = http.client.HTTPConnection(address, timeout=timeout_s)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()
