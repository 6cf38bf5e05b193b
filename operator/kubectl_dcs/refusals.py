"""Refusals of the API server, and failures to reach it, as sentences that say what to do."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING

import urllib3

from kubectl_dcs.problems import OLD_CRDS, ApiProblem, NotFound

if TYPE_CHECKING:
    from kubectl_dcs.kinds import Kind


def refusal(status: int, data: bytes, kind: Kind | None) -> ApiProblem:
    """Return the API server's message, with advice where the message has none."""
    try:
        said = json.loads(data)
        text, details = str(said["message"]), said.get("details") or {}
    except (ValueError, KeyError, TypeError):
        text, details = f"HTTP {status}", {}
    if status == HTTPStatus.UNAUTHORIZED:
        return ApiProblem(
            "the API server does not accept your credentials, or no longer does: log in again;"
            " `kubectl auth whoami` shows whether it worked",
            status,
        )
    if status == HTTPStatus.FORBIDDEN:
        return ApiProblem(f"{text} (docs/kubectl-dcs.md lists the rights of each command)", status)
    if status == HTTPStatus.NOT_FOUND and kind and not details.get("name"):
        return ApiProblem(f"this cluster does not know the kind {kind.kind}: {OLD_CRDS}", status)
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(text, status)
    if "unknown field" in text:
        return ApiProblem(f"the CRDs of this cluster are older than this plugin: {text}", status)
    return ApiProblem(text, status)


def cause_of(error: BaseException) -> BaseException:
    """Return the innermost of the errors that urllib3 nests."""
    reason = getattr(error, "reason", None)
    return cause_of(reason) if isinstance(reason, BaseException) else error


def in_words(error: BaseException) -> str:
    """Describe an error of urllib3, in words that follow the name of the server."""
    match error:
        case urllib3.exceptions.NameResolutionError():
            return "cannot be reached: its name cannot be resolved"
        case urllib3.exceptions.ProxyError():
            return "cannot be reached: the proxy does not let the connection through"
        case urllib3.exceptions.NewConnectionError():
            return "cannot be reached: it refuses connections"
        case urllib3.exceptions.ConnectTimeoutError():  # the base of the two above
            return "cannot be reached: connecting timed out"
        case urllib3.exceptions.SSLError():
            return (
                "cannot be trusted: the kubeconfig has a different certificate authority, or none"
            )
        case urllib3.exceptions.ReadTimeoutError():
            return "did not answer in time"
        case _:
            return "broke the connection"
