"""What a caller of DCS can act on.

    DcsError
    ├── NotFound          DCS does not know the id
    ├── Refused           a 4xx that one id of the call may be guilty of
    ├── Misconfigured     wrong endpoint, project or request: a person has to mend it
    ├── EndpointRefused   the endpoint's name leads into this machine or its local network
    ├── AuthFailed        401: key, signature, clock or token
    ├── PermissionDenied  403: the key may not do this
    ├── Throttled         429, with the pause that was asked for
    ├── Unavailable       the call had no effect; trying again later is right
    └── OutcomeUnknown    the call may have had an effect: look before trying again

Every error carries an `ErrorDetail` that is fit for people; the library's exception is never
chained into a text, and no body, header or signature is kept. `ReadError` is the other kind: what
keeps DCS from being called at all, in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import ErrorDetail


class DcsError(Exception):
    """Base of everything that the DCS client raises."""

    def __init__(self, detail: ErrorDetail) -> None:
        super().__init__(f"{detail.code}: {detail.message}")
        self.detail = detail


class NotFound(DcsError):
    """DCS does not know the id."""


class Refused(DcsError):
    """DCS refused the call; one of its ids may be the cause."""


class Misconfigured(DcsError):
    """Endpoint, project id or request are wrong; trying again changes nothing."""


class EndpointRefused(DcsError):
    """The endpoint's name leads to a loopback or link-local address that nobody named."""


class AuthFailed(DcsError):
    """The key was not accepted; after five in a row the gateway locks it for five minutes."""


class PermissionDenied(DcsError):
    """The key is right but may not do this."""


class Throttled(DcsError):
    """Too many calls. `after_s` is the pause asked for, if one was."""

    def __init__(self, detail: ErrorDetail, after_s: float | None = None) -> None:
        super().__init__(detail)
        self.after_s = after_s


class Unavailable(DcsError):
    """The call had no effect."""


class OutcomeUnknown(DcsError):
    """The call may have had an effect."""


class ReadError(Exception):
    """Says in words why something that a project needs cannot be had; never holds a secret.

    `passing` tells that nobody answered: what was known before still holds.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing
