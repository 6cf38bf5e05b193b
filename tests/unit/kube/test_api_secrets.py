"""Secrets as they are, and as people write them."""

from __future__ import annotations

import base64
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.model import Credentials
from dcs_migration_operator.engine.ports import SecretReadError
from dcs_migration_operator.kube.credentials import decoded
from unit.kube.apiserver import ApiServer, api_of, ok, refusal

KEYS = ("accessKey", "secretKey", "securityToken")
NAMED = "Secret team-a/dcs"


def b64(value: bytes | str) -> str:
    """Return a value as a Secret holds it."""
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def secret(**changes: Any) -> dict[str, Any]:
    """Return the body of a Secret; None removes a key."""
    data = {"accessKey": b64("AK-1"), "secretKey": b64("SK-1")} | changes
    return {"kind": "Secret", "data": {k: v for k, v in data.items() if v is not None}}


async def read(body: object) -> Credentials:
    """Read a Secret with this body."""
    async with api_of(ApiServer(ok(body))) as api:
        return await api.read_credentials("team-a", "dcs")


async def problem(server: ApiServer) -> SecretReadError:
    """Return why the Secret of this server cannot be used."""
    async with api_of(server) as api:
        with pytest.raises(SecretReadError) as caught:
            await api.read_credentials("team-a", "dcs")
    return caught.value


async def test_a_secret_is_read_by_its_name() -> None:
    """One call, and only the three keys leave it."""
    server = ApiServer(ok(secret(other=b64("x"))))
    async with api_of(server) as api:
        assert await api.read_credentials("team-a", "dcs") == Credentials("AK-1", "SK-1")
    assert [(a.method, a.path) for a in server.asked] == [
        ("GET", "/api/v1/namespaces/team-a/secrets/dcs")
    ]


async def test_a_temporary_key_has_a_token() -> None:
    """The third key is optional."""
    assert (await read(secret(securityToken=b64("TOKEN-1")))).security_token == "TOKEN-1"


@pytest.mark.parametrize("text", ["AK-1\n", " AK-1", "AK-1\r\n", "\tAK-1 \n"])
async def test_white_space_around_a_value_is_dropped(text: str) -> None:
    """People use `echo` and editors."""
    assert (await read(secret(accessKey=b64(text)))).access_key == "AK-1"


MALFORMED: list[Any] = [
    None,
    "",
    b64(" \n"),
    b64("SE CRET"),
    b64("SE\nCRET"),
    b64("SE\tCRET"),
    b64("SE\x00CRET"),
    b64("SECRET\x7f"),
    b64("SÉCRET"),
    b64(b"\xff\xfeSECRET"),
    "SECRET not base64!",
    "SECRE",
    "SÉCRET",
    17,
    ["SECRET"],
    {"SECRET": "SECRET"},
]


@pytest.mark.parametrize("value", MALFORMED)
@pytest.mark.parametrize("key", KEYS)
async def test_a_malformed_value_is_named_and_never_shown(key: str, value: object) -> None:
    """Key and Secret are in the sentence; a token may be absent, but not malformed."""
    if key == "securityToken" and value is None:
        return
    found = await problem(ApiServer(ok(secret(**{key: value}))))
    assert f"Key {key} of {NAMED} " in str(found)
    assert not found.passing
    assert "CRE" not in "".join(traceback.format_exception(found))


@pytest.mark.parametrize("data", [None, {}, {"username": b64("x"), "password": b64("y")}])
async def test_a_secret_of_another_kind_says_what_is_missing(data: object) -> None:
    """The first key that is needed."""
    found = await problem(ApiServer(ok({"kind": "Secret", "data": data})))
    assert f"of {NAMED} is missing" in str(found)


@given(st.binary(max_size=40))
def test_any_bytes_are_a_usable_key_or_a_problem(value: bytes) -> None:
    """For all values: what gets through fits into a header."""
    try:
        text = decoded({"accessKey": b64(value)}, "accessKey", "team-a", "dcs")
    except SecretReadError:
        return
    assert text.isascii()
    assert text.isprintable()
    assert text == text.strip() != ""


async def test_a_missing_secret_says_how_to_make_it() -> None:
    """It heals when it appears; nothing that was read before holds any more."""
    found = await problem(ApiServer(refusal(404)))
    assert str(found) == (
        "Secret team-a/dcs does not exist. Create it with the keys accessKey and secretKey."
    )
    assert not found.passing


async def test_a_forbidden_secret_says_what_to_grant() -> None:
    """To whom, and which verb."""
    found = await problem(ApiServer(refusal(403, "secrets is forbidden")))
    assert "may not read Secret team-a/dcs" in str(found)
    assert "verb get" in str(found)
    assert not found.passing


@pytest.mark.parametrize("status", [401, 429, 500, 503])
async def test_an_api_server_that_is_away_is_a_passing_problem(status: int) -> None:
    """What was read before still holds."""
    found = await problem(ApiServer(refusal(status, "try later")))
    assert found.passing
    assert str(found) == "Secret team-a/dcs cannot be read at the moment: try later."
