"""What the tests of the board share: the fake API server of the plugin, and a running board."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

from unit.plugin.conftest import alone, api, bare_run, no_pauses, run
from unit.plugin.fake_api import Asked, FakeApi, Reply, refusal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from kubectl_dcs.board.access import BoardCluster

__all__ = ["alone", "api", "bare_run", "no_pauses", "run"]

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class Reviews(Protocol):
    """Lets access reviews be answered; returns what they ask for, as it comes."""

    def __call__(self, *, allowed: bool) -> list[dict[str, Any]]:
        """Answer them so."""


@pytest.fixture
def cluster(
    alone: None, no_pauses: None, api: FakeApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> BoardCluster:
    """Give the fake cluster as the board sees it."""
    del alone, no_pauses
    from kubectl_dcs.board import access  # noqa: PLC0415 - imports the official client
    from kubectl_dcs.where import Where  # noqa: PLC0415 - as above

    monkeypatch.setenv("KUBECONFIG", str(api.kubeconfig(tmp_path)))
    return access.connect(Where())


@pytest.fixture
def reviews(api: FakeApi) -> Reviews:
    """Give a way to answer access reviews, which returns what was asked."""

    def answering(*, allowed: bool) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []

        def answer(request: Asked) -> Reply | None:
            if request.path != REVIEWS:
                return None
            asked.append(request.body["spec"]["resourceAttributes"])
            return Reply(201, {"status": {"allowed": allowed, "reason": "RBAC says so"}})

        api.faults.append(answer)
        return asked

    return answering


def namespace_fault(word: str) -> Callable[[Asked], Reply | None]:
    """Return a fault that answers for the namespace: `there`, `missing`, `terminating` or `no`."""
    phase = "Terminating" if word == "terminating" else "Active"
    replies = {
        "missing": refusal(404, 'namespaces "shop" not found', {"name": "shop"}),
        "no": refusal(403, "you may not"),
    }
    there = Reply(body={"metadata": {"name": "shop"}, "status": {"phase": phase}})

    def answer(asked: Asked) -> Reply | None:
        return replies.get(word, there) if asked.path == "/api/v1/namespaces/shop" else None

    return answer
