"""Scrubs texts from DCS or a gateway so that they may be published; all of them pass through here.

Gateways repeat parts of the signed request in their errors, and a temporary key's token is a signed
header. So a text is cut where it starts to repeat a request or a credential: in whole or in pieces
of at least `CUT_CHARS` characters, in upper or lower case, in base64, hex or percent encoding, with
JSON or HTML escapes. The rest holds no control character and no lone surrogate, and its length is
limited.

Credentials are found by their substrings. A text that holds a piece of 8 characters also holds a
window of 4 characters that starts at a multiple of 4. So one set lookup per fourth character shows
that nearly all texts are clean, and only the others are examined closely. For hex, both numbers are
doubled: ids are hex too, and short pieces of them would match almost every key.
"""

from __future__ import annotations

import base64
import functools
import itertools
import re
import sys
import unicodedata
from typing import TYPE_CHECKING, Final, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

CUT_CHARS: Final = 8
"""Shortest piece of a credential that is kept out of published texts."""

SECRET_CHARS_MIN: Final = 4
"""Shorter values are not credentials; searching for them would empty every text."""

SLACK_CHARS: Final = 256
"""Characters read beyond the published length, so that a credential at the cut is recognized."""

DECODINGS_MAX: Final = 3
"""Levels of nested escapes that are decoded; repeated requests are escaped once or twice."""

VIEWS_MAX: Final = 16
"""Most decodings of one text that are checked, since any of its escapes may be literal."""

ACCOUNTS_MAX: Final = 16
"""Accounts whose windows are cached: 30 kB for an access key, 1 MB for a token of 2 kB. Computing
them again takes 0.2 and 10 ms, far less than a call."""

LEFT_OUT: Final = "[left out]"
"""Replaces the rest of a text that repeats a request or a credential."""

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

_ECHO: Final = re.compile(
    r"""
    canonical[ _-]?(?:request|headers?|uri|query) | string[ _-]?to[ _-]?sign | signed[ _-]?headers
    | sdk-hmac-sha256
    | \b(?:authorization|proxy-authorization|x-[a-z0-9-]{2,40}|user-agent|content-type|cookie)
      ["'\\]{0,4}\s{0,4}[:=]
    | \b(?:signature|access|credential)["'\\]{0,4}\s{0,4}=
    | migration_tasks["'\\]{0,4}\s{0,4}[:=]\s{0,4}\[
    | /v[0-9](?:\.[0-9]+)?/[^\s/]+/
    | \b[0-9]{8}t[0-9]{6}z\b
    | [0-9a-z+/_=-]{64}
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Patterns that occur only in a request: its canonical form, headers, path and time, and strings
that are long enough to be a hash or an encoded piece of it."""

_ESCAPES: Final = tuple(
    re.compile(pattern, re.IGNORECASE | re.DOTALL | re.ASCII)
    for pattern in (
        r"%(?P<hex>[0-9a-f]{2})",
        r"\\(?:u(?P<hex>[0-9a-f]{4})|x(?P<short>[0-9a-f]{2})|(?P<char>[^0-9a-z]))",
        r"&(?:\#x(?P<hex>[0-9a-f]{1,6})|\#(?P<number>[0-9]{1,7})|(?P<name>amp|lt|gt|quot|apos));",
    )
)
"""The escapes of URLs, JSON and HTML."""

_ENTITIES: Final = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}

_WORD_ENDS: Final = frozenset(" \t\r\n\"'(){}[]<>,;|")
_BREAKS: Final = frozenset("\t\n\v\f\r\x85\u2028\u2029")


class Scrub:
    """Scrubs texts from outside, as the module docstring describes.

    Args:
        secrets: Values that no text may hold in any form.
        values: Parts of one request that no text may hold verbatim.
    """

    def __init__(self, secrets: Iterable[str], values: Iterable[str] = ()) -> None:
        self._secrets = tuple(sorted({s for s in secrets if len(s) >= SECRET_CHARS_MIN}))
        self._values = _Forms(values, 8)

    def of_request(self, *values: str) -> Scrub:
        """Return a scrubber that also finds these parts of a request."""
        return Scrub(self._secrets, values)

    def passes(self, text: str) -> bool:
        """Tell quickly whether a text is surely clean; if not, `name` decides."""
        if not text.isprintable() or "%" in text or "\\" in text or "&" in text:
            return False
        folded = _folded(text)
        return not any(forms.perhaps_in(folded) for forms in self._all_forms())

    def name(self, text: str, chars_max: int) -> str:
        """Return a name that may be published: without credentials and within `chars_max`."""
        if len(text) <= chars_max and self.passes(text):
            return text
        return self._published(text, chars_max, echoes=False)

    def text(self, text: str, chars_max: int) -> str:
        """Return a message that may be published: as `name`, and without parts of a request."""
        return self._published(text, chars_max, echoes=True)

    def _published(self, text: str, chars_max: int, *, echoes: bool) -> str:
        head = text[: chars_max + SLACK_CHARS]
        found = []
        for view, places in _views(head):
            folded = _folded(view)
            at = [forms.found_at(folded) for forms in self._all_forms()]
            if echoes and (echo := _ECHO.search(view)):
                at.append(echo.start())
            found += [places[place] for place in at if place is not None]
        return _cut(head, min(found, default=None), chars_max)

    def _all_forms(self) -> tuple[_Forms, ...]:
        return (*_forms(self._secrets), self._values)


class _Forms:
    """Texts to search for, in lower case: by their pieces, or as a whole if they are short.

    A piece is at least two windows long, so that one window starts at a multiple of its length.
    """

    __slots__ = ("_longer", "_piece", "_shorts", "_window", "_windows")

    def __init__(self, forms: Iterable[str], window: Literal[4, 8]) -> None:
        folded = {_folded(form) for form in forms}
        self._window, self._piece = window, 2 * window
        self._shorts = tuple(f for f in folded if SECRET_CHARS_MIN <= len(f) < self._piece)
        longer = [form for form in folded if len(form) >= self._piece]
        self._longer = b"\n".join(longer)
        self._windows = frozenset(
            word for form in longer for start in range(window) for word in self._words(form[start:])
        )

    def perhaps_in(self, folded: bytes) -> bool:
        """Tell whether to examine a text closely; there are no false negatives."""
        if self._windows.isdisjoint(self._words(folded)):
            return bool(self._shorts) and any(short in folded for short in self._shorts)
        return True

    def found_at(self, folded: bytes) -> int | None:
        """Return the position of the first piece, None if there is none."""
        ends = [at for short in self._shorts if (at := folded.find(short)) >= 0]
        for number, word in enumerate(self._words(folded)):
            if word in self._windows:
                window = number * self._window
                for at in range(max(window - self._window, 0), window + 1):
                    piece = folded[at : at + self._piece]
                    if len(piece) == self._piece and piece in self._longer:
                        return min([*ends, at])
        return min(ends, default=None)

    def _words(self, folded: bytes) -> memoryview[int]:
        """Return the windows that start at a multiple of their length, as numbers."""
        whole = memoryview(folded)[: len(folded) & -self._window]
        return whole.cast("I") if self._window == 4 else whole.cast("Q")  # noqa: PLR2004 - bytes


@functools.lru_cache(maxsize=ACCOUNTS_MAX)
def _forms(secrets: tuple[str, ...]) -> tuple[_Forms, _Forms]:
    texts = (text for secret in secrets for text in _encodings(secret))
    digits = (secret.encode(errors="replace").hex() for secret in secrets)
    return _Forms(texts, 4), _Forms(digits, 8)


def _encodings(secret: str) -> Iterator[str]:
    """Yield a secret verbatim, and in base64 as part of a longer text at any offset."""
    data = secret.encode(errors="replace")
    yield secret
    for before in range(3):
        # Keep only the base64 digits that do not depend on the text around the secret.
        encoded = base64.b64encode(b"\0" * before + data).rstrip(b"=").decode()
        first, behind = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        whole = encoded[first:behind]
        yield whole
        yield whole.replace("+", "-").replace("/", "_")


def _folded(text: str) -> bytes:
    """Return a text in lower case, one byte per character; others than keys use become a mark."""
    return text.encode("latin-1", "replace").lower()


def _views(text: str) -> Iterator[tuple[str, Sequence[int]]]:
    """Yield a text verbatim and with escapes decoded, each with every character's position."""
    seen, now = {text}, [(text, cast("Sequence[int]", range(len(text))))]
    yield now[0]
    for _ in range(DECODINGS_MAX):
        before, now = now, []
        for view, escape in itertools.product(before, _ESCAPES):
            undone = _undone(escape, *view)
            if undone[0] not in seen and len(seen) < VIEWS_MAX:
                seen.add(undone[0])
                now.append(undone)
                yield undone


def _undone(escape: re.Pattern[str], text: str, places: Sequence[int]) -> tuple[str, Sequence[int]]:
    """Return a text with the escapes of one kind decoded."""
    chars: list[str] = []
    kept: list[int] = []
    end = 0
    for found in escape.finditer(text):
        chars += [*text[end : found.start()], _char(found)]
        kept += places[end : found.start() + 1]
        end = found.end()
    return ("".join([*chars, *text[end:]]), [*kept, *places[end:]]) if end else (text, places)


def _char(escape: re.Match[str]) -> str:
    """Return the character that an escape stands for."""
    said = escape[escape.lastgroup or 0]
    match escape.lastgroup:
        case "char":
            return said
        case "name":
            return _ENTITIES[said.lower()]
        case kind:
            number = int(said, 10 if kind == "number" else 16)
            return chr(number) if number <= sys.maxunicode else REPLACEMENT


def _cut(text: str, end: int | None, chars_max: int) -> str:
    """Return a text up to the word in which `end` lies, in visible characters."""
    if end is not None and end < chars_max:
        while end and text[end - 1] not in _WORD_ENDS:
            end -= 1
        head = text[:end].rstrip(" \t\r\n\"'({[<,;:=|\\")
        kept = head[: chars_max - len(LEFT_OUT) - 1]
        text = f"{kept} {LEFT_OUT}" if kept else LEFT_OUT[:chars_max]
    text = text[:chars_max]
    return text if text.isprintable() else "".join(map(_visible, text))


def _visible(char: str) -> str:
    if char in _BREAKS:
        return " "
    return char if char.isprintable() or unicodedata.category(char) == "Zs" else REPLACEMENT
