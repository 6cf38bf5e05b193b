"""What a caller of DCS can act on, and what is known about the effect of the call.

    DcsError               effect of the call   what to do
    ├── NotFound           none                 DCS does not know the id
    ├── Refused            none                 a 4xx that one id of the call may be guilty of
    ├── Busy               none                 a 4xx about an instance or the service; try later
    ├── Misconfigured      none                 wrong endpoint, project or request: for a person
    ├── EndpointRefused    none, not sent       the host leads into this machine or its network
    ├── Untrusted          none, not sent       the certificate is not trusted: for a person
    ├── AuthFailed         none                 401: key, signature, clock or token
    ├── PermissionDenied   none                 403: the key may not do this
    ├── Throttled          none                 429, with the pause that was asked for
    ├── Unavailable        none                 trying again later is right
    │   └── Unresolved     none, not sent       the host's name leads nowhere
    └── OutcomeUnknown     perhaps              look before trying again

`http_status` tells an answer from silence. An answered error of a call about one id (show, stats)
is about that id or that kind of call, never about the project; without an answer it is about the
way to DCS, which all calls share. `Busy` comes from batch-stop alone: it is no reason to look for a
guilty id, unlike `Refused`.

Every error carries an `ErrorDetail` that is fit for people; the library's exception is never
chained into a text, and no body, header or signature is kept. `ReadError` is the other kind: what
keeps DCS from being called at all, in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import ErrorDetail


TIMEOUT: Final = "timeout"
"""The code of a call that was sent and got no answer in time."""


class DcsError(Exception):
    """Base of everything that the DCS client raises.

    Args:
        detail: What happened, fit for people.
        http_status: Status of the answer; None if there was none.
    """

    def __init__(self, detail: ErrorDetail, *, http_status: int | None = None) -> None:
        super().__init__(f"{detail.code}: {detail.message}")
        self.detail = detail
        self.http_status = http_status
        self.asked_at: float | None = None
        """Monotonic seconds at which the call left; set by whoever paces it."""

    @property
    def answered(self) -> bool:
        """Whether DCS or its gateway answered, if only with the head of an answer."""
        return self.http_status is not None


class NotFound(DcsError):
    """DCS does not know the id."""


class Refused(DcsError):
    """DCS refused the call; one of its ids may be the cause."""


class Busy(DcsError):
    """DCS refused the call because of an instance or of itself; no id of it is guilty."""


class Misconfigured(DcsError):
    """Endpoint, project id or request are wrong; trying again changes nothing."""


class EndpointRefused(DcsError):
    """The endpoint's name leads to a loopback or link-local address that nobody named."""


class Untrusted(DcsError):
    """The certificate of the endpoint cannot be verified; the message says why."""


class AuthFailed(DcsError):
    """The key was not accepted; after five in a row the gateway locks it for five minutes."""


class PermissionDenied(DcsError):
    """The key is right but may not do this."""


class Throttled(DcsError):
    """Too many calls.

    Attributes:
        after_s: The pause asked for in seconds, if one was.
        window_s: The seconds over which the limit counts, if the text names them.
    """

    def __init__(
        self,
        detail: ErrorDetail,
        after_s: float | None = None,
        *,
        window_s: float | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(detail, http_status=http_status)
        self.after_s = after_s
        self.window_s = window_s


class Unavailable(DcsError):
    """The call had no effect."""


class Unresolved(Unavailable):
    """The host's name leads to no address: a wrong name, or no name server that answers."""


class OutcomeUnknown(DcsError):
    """The call may have had an effect."""


def same_meaning(a: ErrorDetail | None, b: ErrorDetail | None) -> bool:
    """Tell whether two details mean the same to whoever reads them: their codes are equal.

    Texts hold trace ids and times that differ in each answer; a status that was rewritten for
    those would be rewritten at each retry. Equality of the values themselves is of all fields.
    """
    return (a and a.code) == (b and b.code)


class ReadError(Exception):
    """Says in words why something that a project needs cannot be had; never holds a secret.

    `passing` tells that nobody answered: what was known before still holds.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing
