"""The errors of DCS calls, by what the caller can do and what is known about the call's effect.

    DcsError               effect of the call   what to do
    ├── NotFound           none                 DCS does not know the id
    ├── Refused            none                 a 4xx that one id of the call may have caused
    ├── Busy               none                 a 4xx about an instance or the service; try later
    ├── Misconfigured      none                 wrong endpoint, project or request; a person acts
    ├── EndpointRefused    none, not sent       the host resolves to this machine or its network
    ├── Untrusted          none, not sent       the certificate is not trusted; a person acts
    ├── AuthFailed         none                 401: key, signature, clock or token
    ├── PermissionDenied   none                 403: the key may not do this
    ├── Throttled          none                 429, with the requested pause
    ├── Unavailable        none                 try again later
    │   └── Unresolved     none, not sent       the host's name cannot be resolved
    └── OutcomeUnknown     perhaps              poll before trying again

`http_status` is None if no answer came. An answered error of a call about one id (show, stats)
concerns that id or that kind of call, never the project; an error without an answer concerns the
network path to DCS, which all calls share. Only batch-stop raises `Busy`; unlike `Refused`, it is
no reason to search for the id that caused it.

Every error carries an `ErrorDetail` that may be shown to people; the library's exception is never
part of a text, and no body, header or signature is kept. `ReadError` is separate: it says why DCS
cannot be called at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import ErrorDetail


TIMEOUT: Final = "timeout"
"""The code for a call that was sent and was not answered in time."""


class DcsError(Exception):
    """Base of everything that the DCS client raises.

    Args:
        detail: What happened, in words that may be shown to people.
        http_status: Status of the answer; None if there was no answer.
    """

    def __init__(self, detail: ErrorDetail, *, http_status: int | None = None) -> None:
        super().__init__(f"{detail.code}: {detail.message}")
        self.detail = detail
        self.http_status = http_status
        self.asked_at: float | None = None
        """Monotonic time in seconds at which the call was sent; set by `engine.paced`."""

    @property
    def answered(self) -> bool:
        """Whether DCS or its gateway answered, even if only the head of the answer arrived."""
        return self.http_status is not None


class NotFound(DcsError):
    """DCS does not know the id."""


class Refused(DcsError):
    """DCS refused the call; one of its ids may be the cause."""


class Busy(DcsError):
    """DCS refused the call because of an instance or of its own state, not because of an id."""


class Misconfigured(DcsError):
    """The endpoint, project id or request is wrong; trying again does not help."""


class EndpointRefused(DcsError):
    """The endpoint resolves to a loopback or link-local address that was not explicitly allowed."""


class Untrusted(DcsError):
    """The certificate of the endpoint cannot be verified; the message says why."""


class AuthFailed(DcsError):
    """The key was not accepted; after five failures in a row the gateway locks it for 5 minutes."""


class PermissionDenied(DcsError):
    """The key is right but may not do this."""


class Throttled(DcsError):
    """Too many calls.

    Attributes:
        after_s: The requested pause in seconds, if the answer names one.
        window_s: The period of the limit in seconds, if the text names it.
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
    """The host name cannot be resolved: it is wrong, or no name server answers."""


class OutcomeUnknown(DcsError):
    """The call may have had an effect."""


def same_meaning(a: ErrorDetail | None, b: ErrorDetail | None) -> bool:
    """Tell whether two details mean the same to a reader, which is so if their codes are equal.

    Texts hold trace ids and times that differ in each answer; a comparison of texts would rewrite
    the status at each retry. `==` on the values compares all fields.
    """
    return (a and a.code) == (b and b.code)


class ReadError(Exception):
    """Something that a project needs cannot be read; the text says why and never holds a secret.

    `passing` means that no answer came, so that what was known before remains valid.
    """

    def __init__(self, message: str, *, passing: bool = False) -> None:
        super().__init__(message)
        self.passing = passing
