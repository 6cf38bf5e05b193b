"""The access keys: who may call, for which project, and which key is locked.

More than five consecutive failures lock a key for five minutes, as the API gateway documents; a
locked key is refused even when its signature is right. An unknown key counts and locks alike.
Secrets go in and are compared, and never come out: not in an answer, a log or a `repr`.
"""

import hmac
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sandbox.dcs.errors import BAD_SIGNATURE, Refusal
from sandbox.dcs.signature import Authorization, BadSignatureError, SignedRequest, verify

FAILURES_BEFORE_LOCK: Final = 5
"""So many in a row are forgiven; the next one locks."""
LOCK_S: Final = 300.0
"""How long a key stays locked."""
KEYS_MAX: Final = 10_000
"""Made-up keys remembered at most, so that a caller who invents keys costs no memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """One key pair; with a token it is a temporary one and every call must carry the token."""

    access_key: str
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


class KeyRing:
    """All keys of the simulated cloud.

    Args:
        clock: Unix time in seconds; signatures are judged by it.
        lock_s: how long a key is locked; 0 switches locking off.
    """

    def __init__(self, clock: Callable[[], float], lock_s: float = LOCK_S) -> None:
        self.lock_s = lock_s
        self.locks: Counter[str] = Counter()
        """How often each key was locked."""
        self.rejections: Counter[str] = Counter()
        """401s by key, those of a locked key included."""
        self._clock = clock
        self._keys: dict[str, AccessKey] = {}
        self._projects: dict[str, set[str]] = {}
        self._failures: Counter[str] = Counter()
        self._locked_until_s: dict[str, float] = {}

    def add(self, key: AccessKey, project_id: str) -> None:
        """Lets a key call for one more project; a known key gets the new secret."""
        self._keys[key.access_key] = key
        self._projects.setdefault(key.access_key, set()).add(project_id)

    def remove(self, access_key: str) -> None:
        """The key is unknown from now on; raises `KeyError` if it was."""
        del self._keys[access_key]
        del self._projects[access_key]

    def names(self) -> list[str]:
        """All access keys, without their secrets."""
        return sorted(self._keys)

    def may_use(self, access_key: str, project_id: str) -> bool:
        """Whether the project is one of this key's."""
        return project_id in self._projects.get(access_key, ())

    def is_locked(self, access_key: str) -> bool:
        """Whether the key is locked now."""
        return self._locked_until_s.get(access_key, 0.0) > self._clock()

    def forgive(self) -> None:
        """Unlocks all keys and forgets all failures."""
        self._failures.clear()
        self._locked_until_s.clear()
        self.locks.clear()
        self.rejections.clear()

    def check(self, request: SignedRequest) -> str:
        """Verifies a request; returns the access key or raises `Refusal` APIGW.0301."""
        access_key = ""
        try:
            access_key = Authorization.parse(request.headers.get("authorization", "")).access_key
            if self.is_locked(access_key):
                self.rejections[access_key] += 1
                raise Refusal(BAD_SIGNATURE, "AK access failed to reach the limit,forbidden")
            self._verify(access_key, request)
        except BadSignatureError as error:
            self.failed(access_key)
            raise Refusal(BAD_SIGNATURE, error) from error
        return access_key

    def passed(self, access_key: str) -> None:
        """The call gets an answer other than 401: the row of failures of this key ends."""
        self._failures.pop(access_key, None)

    def failed(self, access_key: str) -> None:
        """Counts one failure of a key; the sixth in a row locks it."""
        if len(self.rejections) >= KEYS_MAX and access_key not in self._keys:
            return
        self.rejections[access_key] += 1
        self._failures[access_key] += 1
        if access_key and self.lock_s > 0 and self._failures[access_key] > FAILURES_BEFORE_LOCK:
            self._failures.pop(access_key)
            self.locks[access_key] += 1
            self._locked_until_s[access_key] = self._clock() + self.lock_s

    def _verify(self, access_key: str, request: SignedRequest) -> None:
        key = self._keys.get(access_key)
        if key is None:
            raise BadSignatureError("the access key does not exist")
        verify(request, key.secret_key, self._clock())
        sent = request.headers.get("x-security-token")
        if (sent is None) != (key.security_token is None):
            raise BadSignatureError("X-Security-Token belongs to temporary keys, and only to them")
        if sent is not None and not hmac.compare_digest(
            sent.encode(errors="surrogateescape"), (key.security_token or "").encode()
        ):
            raise BadSignatureError("the X-Security-Token is invalid")
