"""Parses the data of a Secret into credentials; an error says why not and never holds a value.

People write Secrets by hand. White space and byte order marks around a value are removed, with one
log message; an ambiguous value is not guessed, but rejected with a text that says what is expected.
"""

from __future__ import annotations

import base64
import binascii
import logging
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.model import Credentials
from dcs_migration_operator.engine.ports import SecretReadError

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = logging.getLogger(__name__)

AK: Final = "accessKey"
SK: Final = "secretKey"
TOKEN: Final = "securityToken"  # noqa: S105 - the name of a key

UTF_8_MARK: Final = b"\xef\xbb\xbf"
UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks that Windows writes at the beginning of a text file."""

_ELSEWHERE: Final = {
    AK: re.compile(r"(hw|os|aws|huaweicloud(sdk)?)?(ak|accesskey(id)?)"),
    SK: re.compile(r"(hw|os|aws|huaweicloud(sdk)?)?(sk|secretkey|secretaccesskey)"),
    TOKEN: re.compile(r"(hw|os|aws|huaweicloud(sdk)?)?(securitytoken|sessiontoken)"),
}
"""Names that other tools use for the three keys, in lower case and without separators."""

NAME_CHARS_MAX: Final = 64
"""Longest name of another tool's key that is quoted; the longest known one has 32 characters."""


def credentials_of(data: Mapping[str, Any], namespace: str, name: str) -> Credentials:
    """Return the credentials in the keys `accessKey`, `secretKey` and, if present, `securityToken`.

    Raises:
        SecretReadError: A key is missing or malformed.
    """
    access_key = decoded(data, AK, namespace, name)
    secret_key = decoded(data, SK, namespace, name)
    token = ""
    if TOKEN in data or _elsewhere(data, TOKEN):
        token = decoded(data, TOKEN, namespace, name)
    return Credentials(access_key, secret_key, token or None)


def decoded(data: Mapping[str, Any], key: str, namespace: str, name: str) -> str:
    """Return one value of a Secret; only a token may be empty.

    Raises:
        SecretReadError: The value is missing or malformed.
    """
    where = f"Key {key} of Secret {namespace}/{name}"
    if key not in data:
        other = _elsewhere(data, key)
        hint = f" It has {other}: that has to be called {key}." if other else ""
        raise SecretReadError(f"{where} is missing.{hint}")
    try:
        value = base64.b64decode(data[key], validate=True)
    except (ValueError, TypeError):
        raise _not_plain(where) from None
    if value.startswith(UTF_16_MARKS):
        raise SecretReadError(
            f"{where} is UTF-16, as PowerShell writes files. Write it as plain text."
        )
    try:
        text = value.removeprefix(UTF_8_MARK).decode("ascii").strip()
    except ValueError:
        raise _not_plain(where) from None
    if text.encode() != value:
        _note(namespace, name, key)
    return _checked(text, key, where)


def _checked(text: str, key: str, where: str) -> str:
    if not text and key != TOKEN:
        raise SecretReadError(f"{where} is empty.")
    if text[:1] in {'"', "'"}:
        raise SecretReadError(f"{where} is in quotes. Write it as it was issued.")
    if not text.isprintable() or " " in text:
        raise SecretReadError(f"{where} holds white space in the middle.")
    if key != TOKEN and _encoded(text):
        raise SecretReadError(
            f"{where} is encoded twice. A value below data is base64, one below stringData is "
            "plain."
        )
    return text


def _not_plain(where: str) -> SecretReadError:
    return SecretReadError(f"{where} is not plain text. Write it as it was issued, without quotes.")


def _encoded(text: str) -> bool:
    """Tell whether a key was base64-encoded twice: no key holds the equals sign of the padding."""
    if not text.endswith("="):
        return False
    try:
        return base64.b64decode(text, validate=True).decode("ascii").strip().isprintable()
    except (binascii.Error, ValueError):
        return False


def _elsewhere(data: Mapping[str, Any], key: str) -> str:
    """Return the name in this Secret that another tool uses for a key, if there is one."""
    for name in sorted(data):
        plain = re.sub(r"[-_. ]", "", name).lower()
        if name != key and len(name) <= NAME_CHARS_MAX and _ELSEWHERE[key].fullmatch(plain):
            return name
    return ""


@lru_cache(maxsize=1024)
def _note(namespace: str, name: str, key: str) -> None:
    """Log once per value that something was removed; a Secret in use is read repeatedly."""
    _log.info(
        "white space or a mark around a value of a Secret is left out",
        extra={"secret": f"{namespace}/{name}", "key": key},
    )
