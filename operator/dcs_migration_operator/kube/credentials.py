"""The data of a Secret to credentials, or the reason why not; a reason never holds a value."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from dcs_migration_operator.core.model import Credentials
from dcs_migration_operator.engine.ports import SecretReadError

if TYPE_CHECKING:
    from collections.abc import Mapping


def credentials_of(data: Mapping[str, Any], namespace: str, name: str) -> Credentials:
    """Return what the keys `accessKey`, `secretKey` and, if there, `securityToken` hold.

    Raises:
        SecretReadError: A key is missing or malformed.
    """
    token = decoded(data, "securityToken", namespace, name) if "securityToken" in data else ""
    return Credentials(
        access_key=decoded(data, "accessKey", namespace, name),
        secret_key=decoded(data, "secretKey", namespace, name),
        security_token=token or None,
    )


def decoded(data: Mapping[str, Any], key: str, namespace: str, name: str) -> str:
    """Return one value of a Secret; a newline at its end is dropped, people use `echo`."""
    try:
        text = base64.b64decode(data[key], validate=True).decode("ascii").strip()
    except KeyError:
        text = ""
    except (ValueError, TypeError):
        raise SecretReadError(
            f"Key {key} of Secret {namespace}/{name} is not plain text. "
            "Write it as it was issued, without quotes."
        ) from None
    if not text or not text.isprintable() or " " in text:
        raise SecretReadError(
            f"Key {key} of Secret {namespace}/{name} is missing, empty or holds white space."
        )
    return text
