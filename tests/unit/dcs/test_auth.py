"""The signed headers, judged by a verifier that shares no code with the signer."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.model import Account, Credentials
from dcs_migration_operator.dcs.auth import sign
from sandbox.dcs.signature import Authorization, BadSignatureError, SignedRequest, verify

if TYPE_CHECKING:
    from collections.abc import Mapping

MOMENT = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
ACCOUNT = Account("https://dcs.example.com", "0123456789abcdef", Credentials("AK-1", "SK-1"))
BASE_HEADERS = {"content-type", "host", "user-agent", "x-project-id", "x-sdk-date"}

NAMES = st.text("abcdefghijklmnopqrstuvwxyzABCDEF0123456789_-", min_size=1, max_size=64)
SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)


def signed(account: Account = ACCOUNT, **changes: Any) -> SignedRequest:
    """Return a signed request as it would arrive."""
    call: dict[str, Any] = {
        "method": "POST",
        "host": "dcs.example.com",
        "path": f"/v2/{account.project_id}/migration-task/batch-stop",
        "query": (),
        "body": b'{"migration_tasks": ["a"]}',
    }
    call |= changes
    uri, headers = sign(account, moment=MOMENT, **call)
    return SignedRequest(call["method"], uri, lower(headers), call["body"])


def lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers under their names in lower case."""
    return {name.lower(): value for name, value in headers.items()}


def test_a_signed_order_is_accepted() -> None:
    """A verifier of the documented scheme accepts it."""
    verify(signed(), "SK-1", MOMENT.timestamp())


@pytest.mark.parametrize(
    "change",
    [
        {"body": b'{"migration_tasks": ["b"]}'},
        {"method": "GET"},
        {"target": "/v2/0123456789abcdef/migration-task/batch-restart"},
        {"target": "/v2/ffffffffffffffff/migration-task/batch-stop"},
    ],
)
def test_whatever_is_changed_on_the_way_breaks_the_signature(change: Any) -> None:
    """Method, address and body are part of it."""
    with pytest.raises(BadSignatureError):
        verify(replace(signed(), **change), "SK-1", MOMENT.timestamp())


def test_what_is_signed() -> None:
    """It signs the headers of the official SDK, and the time of the call in UTC to the second."""
    request = signed()
    parsed = Authorization.parse(request.headers["authorization"])
    assert parsed.access_key == "AK-1"
    assert set(parsed.signed_headers) == BASE_HEADERS
    assert request.headers["x-sdk-date"] == "20260301T120005Z"
    assert request.headers["x-project-id"] == "0123456789abcdef"
    assert request.headers["user-agent"] == "dcs-migration-operator"
    assert "x-security-token" not in request.headers


def test_a_temporary_key_sends_its_token_signed() -> None:
    """No other kind of key sends one."""
    account = replace(ACCOUNT, credentials=Credentials("AK-1", "SK-1", "TOKEN-1"))
    request = signed(account)
    assert request.headers["x-security-token"] == "TOKEN-1"
    parsed = Authorization.parse(request.headers["authorization"])
    assert set(parsed.signed_headers) == BASE_HEADERS | {"x-security-token"}
    verify(request, "SK-1", MOMENT.timestamp())


def test_the_address_is_sent_as_it_was_signed() -> None:
    """With its query, and without the slash that the canonical form ends in."""
    query = (("limit", "1000"), ("offset", "0"))
    request = signed(method="GET", path="/v2/p/migration-tasks", query=query, body=b"")
    assert request.target == "/v2/p/migration-tasks?limit=1000&offset=0"
    verify(request, "SK-1", MOMENT.timestamp())


def test_the_secret_stays_here() -> None:
    """No header and no part of the address carries it."""
    request = signed(replace(ACCOUNT, credentials=Credentials("AK-1", "SECRET-KEY-1")))
    assert "SECRET-KEY-1" not in f"{request.target} {request.headers}"


@given(
    project_id=NAMES,
    access_key=NAMES,
    secret_key=SECRETS,
    token=st.none() | SECRETS,
    offset=st.integers(0, 10**6),
    body=st.binary(max_size=200),
)
def test_every_call_is_signed_right(
    project_id: str, access_key: str, secret_key: str, token: str | None, offset: int, body: bytes
) -> None:
    """This holds for all projects, keys, tokens, queries and bodies."""
    account = Account("https://h", project_id, Credentials(access_key, secret_key, token))
    verify(signed(account, body=body), secret_key, MOMENT.timestamp())
    listing = signed(account, method="GET", query=(("offset", str(offset)),), body=b"")
    verify(listing, secret_key, MOMENT.timestamp())
