"""Foreign text that repeats a request or a credential, in any form, and text that does not."""

from __future__ import annotations

import base64
import html
import json
import random
import string
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dcs_migration_operator.dcs.scrub import CUT_CHARS, LEFT_OUT, Scrub

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

AK: Final = "HPUAQWERTZUIOPASDFGH"
SK: Final = "k3YqZr8Vn1bT6wXe0Pm5Lc9Ds2Gf7HjJ4aUiOoRt"
TOKEN: Final = "".join(
    random.Random(1).choices(string.ascii_letters + string.digits + "+/=_-", k=2048)  # noqa: S311
)
SCRUB: Final = Scrub([AK, SK, TOKEN])
LIMIT: Final = 512

FORMS: Final[dict[str, Callable[[str], str]]] = {
    "as it is": str,
    "upper": str.upper,
    "lower": str.lower,
    "percent": lambda text: quote(text, safe=""),
    "percent, plus": quote_plus,
    "percent, all": lambda text: "".join(f"%{ord(char):02X}" for char in text),
    "percent, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "json": lambda text: json.dumps(text)[1:-1],
    "json, slashes": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "json, all": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "json, twice": lambda text: json.dumps(json.dumps(text))[1:-1],
    "html": html.escape,
    "html, all": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "html, hex": lambda text: "".join(f"&#x{ord(char):X};" for char in text),
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64, behind 1": lambda text: base64.b64encode(f":{text}:".encode()).decode(),
    "base64, behind 2": lambda text: base64.b64encode(f"x-{text}\n".encode()).decode(),
    "base64, for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64, percent": lambda text: quote(base64.b64encode(text.encode()).decode()),
    "hex": lambda text: text.encode().hex(),
    "hex, upper": lambda text: text.encode().hex().upper(),
    "x escapes": lambda text: "".join(f"\\x{ord(char):02x}" for char in text),
}

KEYS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=8, max_size=64)
AROUND = st.text(max_size=40)


def pieces(text: str) -> set[str]:
    """Return every piece of a text that may not be published."""
    return {text[start : start + CUT_CHARS] for start in range(len(text) - CUT_CHARS + 1)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [AK, SK, TOKEN])
def test_no_form_of_a_credential_is_published(form: str, secret: str) -> None:
    """Whole, or cut at both ends down to 8 characters: nothing from its word on remains."""
    for start, end in ((0, 9999), (0, 8), (3, 12), (-8, 9999), (1, 9999), (0, -1)):
        hidden = FORMS[form](secret[start:end])
        for text in (f"refused: {hidden} is wrong", f'{{"key":"{hidden}"}}', hidden):
            shown = SCRUB.text(text, LIMIT)
            assert shown.endswith(LEFT_OUT)
            assert not pieces(shown) & pieces(hidden[:LIMIT])
            assert SCRUB.name(text, LIMIT) == shown


@given(
    key=KEYS,
    form=st.sampled_from(list(FORMS)),
    before=AROUND,
    after=AROUND,
    cut=st.tuples(st.integers(0, 63), st.integers(8, 64)),
)
@example(key="%%%%%%%%", form="percent", before="%", after="", cut=(0, 8))
@example(key="\\\\\\\\\\\\\\\\", form="json", before="\\", after="\\", cut=(0, 8))
@example(key="iiiiiiii", form="as it is", before="\\²", after="&#x²;&#9999999;%²²", cut=(0, 8))
@example(key="&lt;&lt;&lt;", form="html", before="&", after=";", cut=(0, 12))
@example(key="iiiiiiii", form="upper", before="İİİ", after="ß", cut=(0, 8))
def test_random_keys_in_random_texts(
    key: str, form: str, before: str, after: str, cut: tuple[int, int]
) -> None:
    """For all keys, pieces, forms and surroundings: no piece of any form of it is published."""
    start = cut[0] % (len(key) - CUT_CHARS + 1)
    piece = key[start : start + cut[1]]
    hidden = FORMS[form](piece)
    shown = Scrub([key]).text(f"{before} {hidden} {after}", LIMIT)
    for other in FORMS.values():
        assert other(piece).lower() not in shown.lower()
    assert not {one.lower() for one in pieces(hidden)} & {one.lower() for one in pieces(shown)}


@given(key=KEYS, texts=st.lists(st.text(max_size=30) | st.text("abcdef0123", max_size=60)))
def test_the_quick_look_is_never_wrong(key: str, texts: list[str]) -> None:
    """For all texts: what it lets pass, the close look publishes unchanged."""
    one = Scrub([key])
    for text in [*texts, *(f"{text}{key[:9]}" for text in texts)]:
        if one.passes(text):
            assert one.name(text, LIMIT) == text
            assert key[:CUT_CHARS].lower() not in text.lower()


@given(key=KEYS, ids=st.lists(st.uuids() | st.binary(min_size=16, max_size=16), max_size=20))
def test_no_id_is_mistaken_for_a_piece_of_a_key(key: str, ids: list[UUID | bytes]) -> None:
    """For all keys and ids: what only the quick look finds suspicious is published unchanged."""
    one = Scrub([key, AK, SK, TOKEN]).of_request("0123456789abcdef" * 4)
    for task_id in ids:
        text = task_id.hex() if isinstance(task_id, bytes) else str(task_id)
        if not pieces(text) & {piece.lower() for piece in pieces(key)}:
            assert one.name(text, LIMIT) == text


ECHOES: Final = [
    "canonicalRequest:GET\n/v2/0123456789abcdef/migration-tasks/\nlimit=1000&offset=0",
    "canonical_request is POST /v2/x/y",
    "StringToSign: SDK-HMAC-SHA256\n20261127T120000Z\nabc",
    "SDK-HMAC-SHA256 Access=A, SignedHeaders=host;x-sdk-date, Signature=0a",
    "X-Sdk-Date: 20261127T120000Z",
    "x-security-token:abc",
    '"X-Auth-Token": "abc"',
    '\\"x-project-id\\":\\"abc\\"',
    "Authorization: Basic abc",
    "authorization=abc",
    "Signature=0a1b2c",
    "/v2/0123456789abcdef/migration-task/batch-stop",
    "https://dcs.example.com/v2/0123/migration-task/x?limit=1",
    "20261127T120000Z",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    '{"migration_tasks": ["5130d57f-640a-435b-bc3a-0fb1860a5340"]}',
]


@pytest.mark.parametrize("echo", ECHOES)
def test_nothing_of_a_request_is_published(echo: str) -> None:
    """Its canonical form, headers, path, time, hash and body are all taken out."""
    said = "verify aksk signature fail"
    assert SCRUB.text(f"{said}, {echo} and more", LIMIT) == f"{said} {LEFT_OUT}"


def test_the_signature_of_the_request_is_not_published() -> None:
    """Even a part of it; another one's hex is nobody's business but fine."""
    one = SCRUB.of_request("00112233445566778899aabbccddeeff" * 2)
    assert one.text("seen 8899AABBCCDDEEFF there", LIMIT) == f"seen {LEFT_OUT}"
    assert one.text("trace fedcba9876543210fedcba9876543210", LIMIT).endswith("3210")
    assert one.text(f"and {SK}", LIMIT) == f"and {LEFT_OUT}"


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect IAM authentication information: verify aksk signature fail",
        "Incorrect IAM authentication information: x-auth-token not found",
        "The migration task 5130d57f-640a-435b-bc3a-0fb1860a5340 does not exist.",
        "Invalid parameter migration_tasks",
        "Policy doesn't allow dcs:migrationTask:modify to be performed.",
        "The throttling threshold has been reached: policy user over ratelimit,limit:200,time:1m",
        "请求参数错误 50%",  # a percent sign that begins nothing
        "host dcs.cn-north-4.myhuaweicloud.com: 100 & more",
        "trace id 0123456789abcdef0123456789abcdef",
    ],
)
def test_what_helps_a_person_is_published_unchanged(text: str) -> None:
    """The reasons that DCS and its gateway give."""
    assert SCRUB.text(text, LIMIT) == text


@pytest.mark.parametrize(
    "text, shown",
    [
        ("a\nb\tc\r\nd", "a b c  d"),
        ("nul\0bell\x07esc\x1b[31m", "nul\ufffdbell\ufffdesc\ufffd[31m"),
        ("lone \ud800 \udfff", "lone \ufffd \ufffd"),
        ("\u202eright to left\u200b", "\ufffdright to left\ufffd"),
        ("\x85\u2028\u2029", "   "),
        ("名\u3000前\xa0é", "名\u3000前\xa0é"),
        ("\ufffe\uffff\ue000", "\ufffd\ufffd\ufffd"),
    ],
)
def test_what_cannot_be_seen_becomes_visible(text: str, shown: str) -> None:
    """Line breaks and tabs are blanks; no control character breaks a page, a log or a terminal."""
    assert SCRUB.text(text, LIMIT) == shown
    assert SCRUB.name(text, LIMIT) == shown


@given(st.text() | st.text(st.characters(categories=["Cs", "Cc", "Cf", "Lu"])), st.integers(16, 80))
def test_any_text_becomes_one_that_can_be_shown(text: str, limit: int) -> None:
    """For all texts: within the limit, encodable, without control characters; twice is once."""
    for shown in (SCRUB.text(text, limit), SCRUB.name(text, limit)):
        assert len(shown) <= limit
        assert json.loads(json.dumps(shown).encode()) == shown
        assert shown.encode().decode() == shown
        assert not any(ord(char) < 0x20 or ord(char) == 0x7F for char in shown)
        assert SCRUB.name(shown, limit) == shown


def test_a_credential_across_the_limit_leaves_nothing_behind() -> None:
    """What is cut off is read before it is cut."""
    text = f"{'x' * 500} {SK}"
    assert SK[:4] not in SCRUB.text(text, 505)


def test_short_values_are_looked_for_as_a_whole() -> None:
    """Real keys are longer; those of tests and sibling clouds may not be."""
    one = Scrub(["AK-1", "pw", ""])
    assert one.text("key AK-1 is wrong", LIMIT) == f"key {LEFT_OUT}"
    assert one.name("ak-1", LIMIT) == LEFT_OUT
    assert one.text("pw is published: too short to be a key", LIMIT).startswith("pw")


def test_a_scrub_shows_nothing_of_what_it_hides() -> None:
    """Its printed form ends up in a traceback some day."""
    assert SK not in repr(SCRUB)


def test_long_texts_take_no_long_time() -> None:
    """Only what may be published is read, however much is sent."""
    reads: list[str] = []

    class Long(str):
        __slots__ = ()

        def __getitem__(self, index: Any) -> str:
            reads.append(super().__getitem__(index))
            return reads[-1]

    assert len(SCRUB.text(Long("%41" * 1_000_000), LIMIT)) <= LIMIT
    assert [len(read) <= 2 * LIMIT for read in reads] == [True]
