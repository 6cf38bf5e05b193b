"""Reads what a process on this machine serves by plain HTTP: pages, and the simulator's admin."""

from __future__ import annotations

import http.client
import json
from typing import Any

ANSWER_S_MAX = 10.0
"""For one page: it takes milliseconds, on a busy machine a second."""


def read_page(address: str, path: str, timeout_s: float = ANSWER_S_MAX) -> tuple[int, str]:
    """Return the HTTP status and the text of a page; `address` is HOST:PORT.

    Raises:
        OSError: No answer came, or it came too late.
    """
    return _exchange(address, "GET", path, None, timeout_s)


def ask(
    address: str, method: str, path: str, body: Any = None, timeout_s: float = ANSWER_S_MAX
) -> Any:
    """Return the decoded answer of the simulator's admin API, which speaks JSON both ways.

    Raises:
        OSError: Nobody answers there or not in time, or the simulator refused; then with its words.
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
