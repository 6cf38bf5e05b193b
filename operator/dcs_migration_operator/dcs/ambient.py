"""Gets the operator's own credentials from one named provider of the Huawei Cloud SDK.

The provider and its credentials are created anew each time and never refreshed: the SDK's refresh
sends an outdated token again, and assigns key and token one after another while other threads sign.
The SDK's provider chain is never used, since it guesses and stops at an unreachable metadata
address. All calls block; error texts hold no token and no text from the provider.
"""

from __future__ import annotations

import calendar
import logging
import os
import re
import time
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from huaweicloudsdkcore.auth.provider import (
    EnvCredentialProvider,
    MetadataCredentialProvider,
    OidcStsCredentialProvider,
    PodIdentityCredentialProvider,
)
from huaweicloudsdkcore.exceptions.exception_handler import DefaultExceptionHandler
from huaweicloudsdkcore.exceptions.exceptions import (
    ApiValueError,
    ConnectionException,
    RequestTimeoutException,
    SdkException,
)
from huaweicloudsdkcore.http.http_client import HttpClient
from huaweicloudsdkcore.http.http_config import HttpConfig

from dcs_migration_operator.core.errors import ReadError
from dcs_migration_operator.core.model import Ambient, Credentials, ExpiringCredentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

STS_TIMEOUT_S: Final = (5.0, 10.0)
"""Time limits to connect to STS and to read from it; the SDK's defaults of 60 and 120 s outlast a
shutdown. The other providers have their own limits of 3 and 5 s."""

SERVER_ERROR_MIN, THROTTLED = 500, 429
"""HTTP statuses from the former up, and the latter, mean a temporary fault of the provider."""

_DURATION: Final = "HUAWEICLOUD_OIDC_DURATION_SECONDS"

_FEDERATED: Final = ("HUAWEICLOUD_SDK_IDP_ID", "HUAWEICLOUD_SDK_ID_TOKEN_FILE")
"""If both are set, the SDK's environment provider ignores the access key."""

_PROVIDERS: Final[Mapping[Ambient, Any]] = MappingProxyType(
    {
        Ambient.POD_IDENTITY: PodIdentityCredentialProvider,
        Ambient.OIDC: OidcStsCredentialProvider,
        Ambient.ECS_AGENCY: MetadataCredentialProvider,
        Ambient.ENVIRONMENT: EnvCredentialProvider,
    }
)

_NEEDED: Final[Mapping[Ambient, tuple[tuple[str, ...], ...]]] = MappingProxyType(
    {
        Ambient.POD_IDENTITY: (
            ("HC_CONTAINER_CREDENTIALS_FULL_URI",),
            ("HC_CONTAINER_AUTHORIZATION_TOKEN_FILE",),
        ),
        Ambient.OIDC: (
            ("HUAWEICLOUD_OIDC_PROVIDER_URN",),
            ("HUAWEICLOUD_OIDC_AGENCY_URN",),
            ("HUAWEICLOUD_OIDC_TOKEN_FILE", "HUAWEICLOUD_OIDC_ID_TOKEN"),
        ),
        Ambient.ECS_AGENCY: (),
        Ambient.ENVIRONMENT: (("HUAWEICLOUD_SDK_AK",), ("HUAWEICLOUD_SDK_SK",)),
    }
)
"""The environment variables that a provider requires, at least one of each group."""

_SAYS: Final[Mapping[Ambient, str]] = MappingProxyType(
    {
        Ambient.POD_IDENTITY: "the Pod Identity agent",
        Ambient.OIDC: "STS",
        Ambient.ECS_AGENCY: "the metadata service",
        Ambient.ENVIRONMENT: "the environment",
    }
)

_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")

_silent = logging.getLogger(f"{__name__}.sdk")  # failures are reported once, in our own words
_silent.addHandler(logging.NullHandler())
_silent.propagate = False


def obtain(ambient: Ambient) -> ExpiringCredentials:
    """Return new credentials from this provider.

    Raises:
        ReadError: The provider gives none; `passing` if it does not answer.
    """
    _check_environment(ambient)
    try:
        made = _make(ambient)
        lasts_s = None if ambient is Ambient.ENVIRONMENT else _lasts_s(made)
        parts = (made.ak, made.sk, made.security_token or "")
    except Exception as error:  # noqa: BLE001 - the SDK raises six families and bare ones
        raise _problem(ambient, error) from None
    if not all(_is_plain(part) for part in parts) or not all(parts[:2]):
        raise _in_words(ambient, f"{_SAYS[ambient]} gives no access key in plain text")
    if lasts_s is not None and lasts_s <= 0:
        raise _in_words(ambient, f"{_SAYS[ambient]} gives credentials that have already ended")
    return ExpiringCredentials(Credentials(parts[0], parts[1], parts[2] or None), lasts_s)


def _check_environment(ambient: Ambient) -> None:
    """Raise a precise error for a missing variable, before the SDK raises a vague one."""
    for group in _NEEDED[ambient]:
        if not any(os.environ.get(name) for name in group):
            names = " or ".join(group)
            raise _in_words(ambient, f"{names} is not set in the operator's environment")
    if ambient is Ambient.ENVIRONMENT and all(map(os.environ.get, _FEDERATED)):
        raise _in_words(ambient, f"{' and '.join(_FEDERATED)} are set, which the SDK prefers to it")
    if ambient is Ambient.OIDC and not os.environ.get(_DURATION, "1").isdigit():
        raise _in_words(ambient, f"{_DURATION} is not a number of seconds")


def _make(ambient: Ambient) -> Any:
    """Return new, filled credentials of the SDK."""
    made = _PROVIDERS[ambient].get_basic().get_credentials()
    if ambient is Ambient.OIDC:  # the only provider whose credentials start empty
        client = HttpClient(
            HttpConfig(timeout=STS_TIMEOUT_S), None, DefaultExceptionHandler(), _silent
        )
        try:
            made.process_sts(client)
        finally:
            client.executor.shutdown(wait=False)
            client.close()
    return made


def _lasts_s(made: Any) -> float:
    """Return the seconds until the credentials end.

    The SDK reads the UTC time of the answer as if it were local time; this is undone here.
    """
    ends_at = calendar.timegm(time.localtime(made._expire_at))  # noqa: SLF001 - not offered otherwise
    return ends_at - time.time()


def _problem(ambient: Ambient, error: Exception) -> ReadError:
    """Word an exception of the SDK ourselves, because its text may repeat what was sent."""
    says = _SAYS[ambient]
    answer = next((e for e in _chain(error) if _status_of(e)), None)
    if answer is not None:
        status, code = _status_of(answer), str(getattr(answer, "error_code", ""))
        more = f", {code}" if _CODE.fullmatch(code) and code != str(status) else ""
        passing = status >= SERVER_ERROR_MIN or status == THROTTLED
        return _in_words(ambient, f"{says} answers HTTP {status}{more}", passing=passing)
    kind = type(error).__name__
    if isinstance(error, (ConnectionException, RequestTimeoutException)):
        return _in_words(ambient, f"{says} cannot be reached ({kind})", passing=True)
    if isinstance(error, OSError):  # the errors of requests are OSErrors too
        if isinstance(error, ValueError):
            return _in_words(ambient, f"the address or the token for {says} is malformed ({kind})")
        if error.errno is None:
            return _in_words(ambient, f"{says} cannot be reached ({kind})", passing=True)
        return _in_words(ambient, f"its token file cannot be read ({kind})")
    if isinstance(error, (SdkException, ApiValueError)):
        return _in_words(ambient, "its token file does not exist or is empty")
    if "does not match format" in str(error):
        return _in_words(
            ambient,
            f"{says} gives an end of the credentials without fractions of a second, which the "
            "Huawei Cloud SDK cannot read. Use another provider or a Secret",
        )
    return _in_words(ambient, f"{says} gives an answer that is not understood ({kind})")


def _in_words(ambient: Ambient, what: str, *, passing: bool = False) -> ReadError:
    text = f"The ambient credentials {ambient.value} cannot be had: {what}."
    return ReadError(text, passing=passing)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes, among which the SDK hides the HTTP status."""
    current: BaseException | None = error
    while current is not None:
        yield current
        current = current.__cause__ or current.__context__


def _status_of(error: BaseException) -> int:
    """Return the HTTP status behind an error of the SDK or of requests, or 0."""
    status = getattr(error, "status_code", None)
    if status is None:
        status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else 0


def _is_plain(text: object) -> bool:
    return isinstance(text, str) and text.isprintable() and " " not in text
