"""The access keys: who may call, for which project, and which key is locked.

More than five consecutive failures lock a key for five minutes, as the API gateway documents; a
locked key is refused even when its signature is right. An unknown key counts and locks alike. The
number of refusals of a key in a row, and its maximum, are recorded: a caller that continues after
its fifth harms every other user of the key. Secrets are only stored and compared; they never appear
in an answer, a log or a `repr`.
"""

import hmac
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sandbox.dcs.errors import BAD_SIGNATURE, Refusal
from sandbox.dcs.signature import Authorization, BadSignatureError, SignedRequest, verify

FAILURES_BEFORE_LOCK: Final = 5
"""Number of failures in a row that are tolerated; the next one locks."""
LOCK_S: Final = 300.0
"""How long a key stays locked."""
KEYS_MAX: Final = 10_000
"""The most unknown keys remembered, so that a caller who invents keys costs no memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """One key pair; with a token it is a temporary one and every call must carry the token."""

    access_key: str
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)


@dataclass(slots=True)
class Standing:
    """The outcomes of the calls of one key, known or made up."""

    rejections: int = 0
    """All 401s, including those of a locked key and those of the service."""
    in_a_row: int = 0
    """401s since the last call that had another answer."""
    most_in_a_row: int = 0
    """The most there ever were."""
    failures: int = 0
    """The count towards the lock: 401s in a row, without those of a locked key."""
    last_failure_s: float = 0.0
    locks: int = 0
    locked_until_s: float = 0.0


class KeyRing:
    """All keys of the simulated cloud.

    Args:
        clock: Seconds; locks are measured with it.
        lock_s: How long a key is locked; 0 switches locking off.
        forget_s: Failures count towards the lock only if they follow each other within this time;
            None: they are never forgotten, since it is not documented that they are.
        reject_s: How long a 401 takes, unless a key has a time of its own.
        wall_clock: Unix time; the dates of signatures, which callers take from their own clocks,
            are judged by it.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        lock_s: float = LOCK_S,
        forget_s: float | None = None,
        reject_s: float = 0.0,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self.lock_s = lock_s
        self.forget_s = forget_s
        self.reject_s = reject_s
        self.skew_s = 0.0
        """How far the clock of the gateway is ahead."""
        self._clock = clock
        self._wall_clock = wall_clock
        self._keys: dict[str, AccessKey] = {}
        self._projects: dict[str, set[str]] = {}
        self._standings: dict[str, Standing] = {}
        self._reject_s: dict[str, float] = {}

    def add(self, key: AccessKey, project_id: str) -> None:
        """Let a key call for one more project; a known key gets the new secret."""
        self._keys[key.access_key] = key
        self._projects.setdefault(key.access_key, set()).add(project_id)

    def remove(self, access_key: str) -> None:
        """Make the key unknown; raise `KeyError` if it already is."""
        del self._keys[access_key]
        del self._projects[access_key]
        self._reject_s.pop(access_key, None)

    def names(self) -> list[str]:
        """Return all access keys, without their secrets."""
        return sorted(self._keys)

    def may_use(self, access_key: str, project_id: str) -> bool:
        """Return whether the project belongs to this key."""
        return project_id in self._projects.get(access_key, ())

    def is_locked(self, access_key: str) -> bool:
        """Return whether the key is locked now."""
        return self.standing(access_key).locked_until_s > self._clock()

    def standing(self, access_key: str) -> Standing:
        """Return the outcomes of the calls of a key; empty if it never got a 401."""
        return self._standings.get(access_key) or Standing()

    @property
    def rejections(self) -> Counter[str]:
        """401s by key."""
        return Counter({name: one.rejections for name, one in self._standings.items()})

    @property
    def locks(self) -> Counter[str]:
        """How often each key was locked, without those that never were."""
        return Counter({name: one.locks for name, one in self._standings.items() if one.locks})

    @property
    def most_in_a_row(self) -> int:
        """The highest number of 401s in a row for any key."""
        return max((one.most_in_a_row for one in self._standings.values()), default=0)

    def slow_down(self, access_key: str, reject_s: float | None) -> None:
        """Set how long the 401s of one known key take; None: as long as those of other keys.

        Raises `KeyError` for an unknown key.
        """
        if access_key not in self._keys:
            raise KeyError(access_key)
        if reject_s is None:
            self._reject_s.pop(access_key, None)
        else:
            self._reject_s[access_key] = reject_s

    def rejection_s(self, access_key: str) -> float:
        """Return how long a 401 of this key takes."""
        return self._reject_s.get(access_key, self.reject_s)

    def forgive(self) -> None:
        """Unlock all keys and forget all failures."""
        self._standings.clear()

    def check(self, request: SignedRequest) -> str:
        """Verify a request; returns the access key or raises `Refusal` APIGW.0301."""
        access_key = ""
        try:
            access_key = Authorization.parse(request.headers.get("authorization", "")).access_key
            if self.is_locked(access_key):
                _count(self._standings[access_key])
                raise Refusal(BAD_SIGNATURE, "AK access failed to reach the limit,forbidden")
            self._verify(access_key, request)
        except BadSignatureError as error:
            self.failed(access_key)
            raise Refusal(BAD_SIGNATURE, error) from error
        return access_key

    def passed(self, access_key: str) -> None:
        """End a key's series of failures: the call gets an answer other than 401."""
        standing = self._standings.get(access_key)
        if standing is not None:
            standing.in_a_row = standing.failures = 0

    def refused(self, access_key: str) -> None:
        """Count a 401 of the service behind the gateway, which does not lock the key."""
        standing = self._standings.setdefault(access_key, Standing())
        standing.failures = 0
        _count(standing)

    def failed(self, access_key: str) -> None:
        """Count one failure of a key; the sixth in a row locks it."""
        if len(self._standings) >= KEYS_MAX and access_key not in self._keys:
            return
        now_s = self._clock()
        standing = self._standings.setdefault(access_key, Standing())
        _count(standing)
        if self.forget_s is not None and now_s - standing.last_failure_s > self.forget_s:
            standing.failures = 0
        standing.failures += 1
        standing.last_failure_s = now_s
        if access_key and self.lock_s > 0 and standing.failures > FAILURES_BEFORE_LOCK:
            standing.failures = 0
            standing.locks += 1
            standing.locked_until_s = now_s + self.lock_s

    def to_json(self) -> dict[str, dict[str, Any]]:
        """Return all keys that are known or got a 401, without a secret."""
        now_s = self._clock()
        return {name: self._shown(name, now_s) for name in sorted({*self._keys, *self._standings})}

    def _shown(self, name: str, now_s: float) -> dict[str, Any]:
        standing = self.standing(name)
        return {
            "known": name in self._keys,
            "projects": len(self._projects.get(name, ())),
            "rejections": standing.rejections,
            "in_a_row": standing.in_a_row,
            "most_in_a_row": standing.most_in_a_row,
            "locks": standing.locks,
            "locked_for_s": round(max(0.0, standing.locked_until_s - now_s), 3),
            "reject_s": self.rejection_s(name),
        }

    def _verify(self, access_key: str, request: SignedRequest) -> None:
        key = self._keys.get(access_key)
        if key is None:
            raise BadSignatureError("the access key does not exist")
        verify(request, key.secret_key, self._wall_clock() + self.skew_s)
        sent = request.headers.get("x-security-token")
        if (sent is None) != (key.security_token is None):
            raise BadSignatureError("X-Security-Token belongs to temporary keys, and only to them")
        if sent is not None and not hmac.compare_digest(
            sent.encode(errors="surrogateescape"), (key.security_token or "").encode()
        ):
            raise BadSignatureError("the X-Security-Token is invalid")


def _count(standing: Standing) -> None:
    standing.rejections += 1
    standing.in_a_row += 1
    standing.most_in_a_row = max(standing.most_in_a_row, standing.in_a_row)
