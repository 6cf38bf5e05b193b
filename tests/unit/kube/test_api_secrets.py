"""Secrets as they are, and as people write them."""

from __future__ import annotations

import base64
import logging
import traceback
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dcs_migration_operator.core.model import Credentials
from dcs_migration_operator.engine.ports import SecretReadError
from dcs_migration_operator.kube.credentials import decoded
from support.checkout import CASES
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


@pytest.mark.parametrize("value", ["", "\n", "\ufeff", " \r\n"])
async def test_an_empty_token_is_none(value: str) -> None:
    """As templates leave it that know no temporary keys."""
    assert (await read(secret(securityToken=b64(value)))).security_token is None
    assert (await read(secret(securityToken=None))).security_token is None


MALFORMED: list[Any] = [
    b64("SE CRET"),
    b64("SE\nCRET"),
    b64("SE\tCRET"),
    b64("SE\x00CRET"),
    b64("SECRET\x7f"),
    b64("SÉCRET"),
    b64('"SECRET"'),
    b64("'SECRET'"),
    b64(b"\xff\xfeSECRET"),
    "SECRET not base64!",
    "SECRE",
    "SÉCRET",
    17,
    ["SECRET"],
    {"SECRET": "SECRET"},
]


EMPTY: list[Any] = [None, "", b64(" \n"), b64("\ufeff")]


@pytest.mark.parametrize("value", EMPTY)
@pytest.mark.parametrize("key", KEYS[:2])
async def test_an_empty_value_is_named(key: str, value: object) -> None:
    """Whether it is there or not."""
    found = await problem(ApiServer(ok(secret(**{key: value}))))
    state = "missing" if value is None else "empty"
    assert str(found) == f"Key {key} of {NAMED} is {state}."


@pytest.mark.parametrize("value", MALFORMED)
@pytest.mark.parametrize("key", KEYS)
async def test_a_malformed_value_is_named_and_never_shown(key: str, value: object) -> None:
    """Key and Secret are in the sentence."""
    found = await problem(ApiServer(ok(secret(**{key: value}))))
    assert f"Key {key} of {NAMED} " in str(found)
    assert not found.passing
    assert "CRE" not in "".join(traceback.format_exception(found))


@pytest.mark.parametrize("data", [None, {}, {"username": b64("x"), "password": b64("y")}])
async def test_a_secret_of_another_kind_says_what_is_missing(data: object) -> None:
    """The first key that is needed."""
    found = await problem(ApiServer(ok({"kind": "Secret", "data": data})))
    assert f"of {NAMED} is missing" in str(found)


OTHER_NAMES = [
    ("access-key", "secret-key"),
    ("access_key", "secret_key"),
    ("AK", "SK"),
    ("ACCESSKEY", "SECRETKEY"),
    ("accessKeyId", "secretAccessKey"),
    ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"),
    ("HW_ACCESS_KEY", "HW_SECRET_KEY"),
]
"""What other tools call the two keys."""


@pytest.mark.parametrize("names", OTHER_NAMES)
async def test_the_names_of_other_tools_are_named(names: tuple[str, str]) -> None:
    """With what is expected instead; nothing is guessed, since two tools may have filled it."""
    first, second = names
    data = {first: b64("AK-1"), second: b64("SK-1"), "SECRET": b64("x")}
    found = await problem(ApiServer(ok({"kind": "Secret", "data": data})))
    assert str(found) == (
        f"Key accessKey of {NAMED} is missing. It has {first}: that has to be called accessKey."
    )
    data["accessKey"] = data.pop(first)
    found = await problem(ApiServer(ok({"kind": "Secret", "data": data})))
    assert str(found).endswith(f"is missing. It has {second}: that has to be called secretKey.")


async def test_a_token_of_another_name_is_not_forgotten() -> None:
    """Without it DCS would refuse a temporary key, and nobody would know why."""
    found = await problem(ApiServer(ok(secret(security_token=b64("TOKEN-1")))))
    assert str(found) == (
        f"Key securityToken of {NAMED} is missing. "
        "It has security_token: that has to be called securityToken."
    )


SECRETS = CASES / "secrets"

GOOD = {"access_key": "EXAMPLEAK00000000000001", "secret_key": "examplesk" + "0" * 33 + "1"}
TYPED = {"access_key": "HUNTAK00000000000001", "secret_key": "huntsk" + "0" * 33 + "1"}

TYPED_IN: dict[str, Credentials | str] = {
    "good": Credentials(**GOOD),
    "empty-token": Credentials(**GOOD),
    "swapped": Credentials(GOOD["secret_key"], GOOD["access_key"]),  # DCS tells
    "bom": Credentials(**TYPED),
    "crlf": Credentials(**TYPED),
    "echo-newline": Credentials(**TYPED),
    "token-only-newline": Credentials(**TYPED),
    "ak-sk": "AK",
    "ccm-names": "access-key",
    "env-names": "HUAWEICLOUD_SDK_AK",
    "tf-names": "access_key",
    "upper": "ACCESSKEY",
    "folded": "Key securityToken of {} holds white space in the middle.",
    "quoted": "Key accessKey of {} is in quotes. Write it as it was issued.",
    "twice": "Key accessKey of {} is encoded twice. A value below data is base64, one below "
    "stringData is plain.",
    "utf16": "Key accessKey of {} is UTF-16, as PowerShell writes files. Write it as plain text.",
}
"""Case → what it is read as, or why it is not: a sentence, or the name that has to be changed."""

RENAME = "Key accessKey of {} is missing. It has %s: that has to be called accessKey."


def test_every_case_has_a_row() -> None:
    """A file that is added needs one."""
    assert {path.stem for path in SECRETS.iterdir()} == TYPED_IN.keys()


@pytest.mark.parametrize("case", TYPED_IN)
async def test_secrets_as_people_type_them(case: str) -> None:
    """What is certain is put right, the rest is named; no value is in a sentence."""
    body = yaml.safe_load((SECRETS / f"{case}.yaml").read_text(encoding="utf-8"))
    data = body.get("data", {}) | {k: b64(v) for k, v in body.get("stringData", {}).items()}
    expected = TYPED_IN[case]
    if isinstance(expected, Credentials):
        assert await read({"kind": "Secret", "data": data}) == expected
        return
    sentence = expected if "{}" in expected else RENAME % expected
    found = await problem(ApiServer(ok({"kind": "Secret", "data": data})))
    assert str(found) == sentence.format(NAMED)
    said = "".join(traceback.format_exception(found)).upper()
    assert not any(part in said for part in ("HUNTAK", "EXAMPLEAK", "00000", "AAAA", "BBBB"))


async def test_what_is_left_out_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """A Secret in use is read every 20 s; the log names its key, and not what it holds."""
    body = secret(accessKey=b64("\ufeffAK-1"), secretKey=b64("SK-1\r\n"))
    with caplog.at_level(logging.INFO):
        for _ in range(3):
            async with api_of(ApiServer(ok(body))) as api:
                await api.read_credentials("team-b", "typed")
    told = [record for record in caplog.records if record.name.endswith("credentials")]
    assert [record.__dict__["key"] for record in told] == ["accessKey", "secretKey"]
    assert {record.getMessage() for record in told} == {
        "white space or a mark around a value of a Secret is left out"
    }
    assert "AK-1" not in caplog.text


@pytest.mark.parametrize("token", ["QUFBQQ==", "SFVOVEFLMDAwMDAwMDAwMDAwMDE="])
async def test_a_token_may_look_like_base64(token: str) -> None:
    """Those of Huawei Cloud do; keys never hold an equals sign."""
    assert (await read(secret(securityToken=b64(token)))).security_token == token


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
    """The message says which verb, and to whom."""
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
