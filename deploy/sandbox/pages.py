"""Reads a page that a process on this machine serves by plain HTTP."""

from __future__ import annotations

import http.client

ANSWER_S_MAX = 10.0
"""For one page: it takes milliseconds, on a busy machine a second."""


def read_page(address: str, path: str, timeout_s: float = ANSWER_S_MAX) -> tuple[int, str]:
    """Return the HTTP status and the text of a page; `address` is HOST:PORT.

    Raises:
        OSError: Nobody answers there, or not in time.
    """
    connection = http.client.HTTPConnection(address, timeout=timeout_s)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()
