"""Which token a request came with, read from the API server's audit log."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.node.steps.tokens import CREDENTIAL, POD, Use, token_id, used_late, uses_in

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def event(pod: str, credential: str, at: datetime) -> dict[str, Any]:
    """Return a line of the log."""
    extra = {POD: [pod], CREDENTIAL: [f"JTI={credential}"]}
    return {"user": {"extra": extra}, "requestReceivedTimestamp": at.isoformat()}


def use(pod: str, token: str, after_s: float) -> Use:
    """Return a request some seconds after noon."""
    return Use(pod, token, NOON + timedelta(seconds=after_s))


def test_requests_are_read_with_pod_and_token() -> None:
    """Those of users without a projected token are left out."""
    lines = [json.dumps(event("a", "1", NOON)), json.dumps({"user": {"username": "admin"}})]
    assert uses_in(lines) == [use("a", "1", 0)]


def test_the_old_token_after_the_new_one_is_told() -> None:
    """By the pod that used it; a request that was under way meanwhile does not count."""
    old, new = {"a": "1", "b": "3"}, {"a": "2", "b": "4"}
    orderly = [use("a", "1", 0), use("a", "2", 5), use("a", "1", 5.5), use("b", "4", 9)]
    assert used_late(orderly, old, new) == []
    assert used_late([*orderly, use("a", "1", 7)], old, new) == ["a"]


def test_the_id_of_a_token_is_in_its_payload() -> None:
    """Whatever the length, for which base64 may lack its padding."""
    for name in ("x", "xy", "xyz", "xyzw"):
        payload = base64.urlsafe_b64encode(json.dumps({"jti": name}).encode()).decode().rstrip("=")
        assert token_id(f"head.{payload}.signature") == name
