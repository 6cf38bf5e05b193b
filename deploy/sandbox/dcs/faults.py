"""Faults that are switched on while the simulator runs.

A `Fault` says what goes wrong, for which calls, and for how long; `Faults` is the switchboard the
server asks once per call. The first fault that fits a call is used, in the order they were added.
What a fault does to the answer is the business of `spoil.py`.

| kind | what the caller sees | fields it uses |
| --- | --- | --- |
| `throttle` | 429 APIGW.0308 that names a limit | `limit`, `window_s`, `retry_after` |
| `rate_limit` | the same, once a key made `limit` calls in `window_s` | the same |
| `error` | `status` with an error body, or with HTML | `status`, `html`, `code`, `message` |
| `html` | 200 with an HTML page | |
| `empty` | 200 without a body | |
| `redirect` | 302 to another page | |
| `unauthorized` | 401 APIGW.0301; counts as a failure of the key | |
| `forbidden` | 403 DCS.2007 | |
| `hang` | nothing for `seconds`, then the connection is cut | `seconds` |
| `drop` | the connection is cut at once | |
| `truncate` | half of the body, then the connection is cut | |
| `slow` | the right answer after `seconds`; the order counts from the start | `seconds` |
| `drip` | the right answer in small pieces over `seconds` | `seconds` |
| `oversize` | the right answer plus a field of `size_bytes` | `size_bytes` |
| `null_list` | the list of the answer is null (other fields of show likewise) | |
| `missing_list` | the body is `{}` | |
| `wrong_types` | the list is a text, or its items or their fields are numbers | `variant` |
| `omit_ids` | the first `ids` items are missing | `ids` |
| `duplicate_ids` | the first `ids` items come twice | `ids` |
| `extra_ids` | `ids` items nobody asked for | `ids` |
| `stale_list` | the list as it was `age_s` ago | `age_s` |

The kinds from `throttle` to `drop` have no effect unless `executes` is true: a `hang` that
executes is a timeout with effect, an `error` 504 that executes a stop whose answer got lost. The
others always execute. The calls of a `rate_limit` are all that fit it, so one of `batch_stop` and
one of `list` count apart, and one of `*` counts everything together.
"""

import itertools
import random
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Literal

from sandbox.dcs.migration import key_of

ANY: Final = "*"
HANG_S: Final = 3600.0
"""Longer than any sensible time limit of a caller."""
STATUS_MIN: Final = 400
STATUS_MAX: Final = 599


class FaultKind(StrEnum):
    """The table above."""

    THROTTLE = "throttle"
    RATE_LIMIT = "rate_limit"
    ERROR = "error"
    HTML = "html"
    EMPTY = "empty"
    REDIRECT = "redirect"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    HANG = "hang"
    DROP = "drop"
    TRUNCATE = "truncate"
    SLOW = "slow"
    DRIP = "drip"
    OVERSIZE = "oversize"
    NULL_LIST = "null_list"
    MISSING_LIST = "missing_list"
    WRONG_TYPES = "wrong_types"
    OMIT_IDS = "omit_ids"
    DUPLICATE_IDS = "duplicate_ids"
    EXTRA_IDS = "extra_ids"
    STALE_LIST = "stale_list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault; every field but the kind has a default."""

    kind: FaultKind
    operation: str = ANY
    """`batch_stop`, `list`, `show`, ...; `*`: all."""
    project_id: str = ANY
    access_key: str = ANY
    task_id: str = ANY
    """Only calls that name this id, in a batch or in the path."""
    skip: int = 0
    """So many fitting calls are spared first."""
    times: int | None = None
    """So many calls are hit; None: no limit."""
    for_s: float | None = None
    """Ends so long after it was switched on; None: never."""
    probability: float = 1.0
    executes: bool = False
    status: int = 500
    html: bool = False
    code: str = ""
    """Empty: the code that belongs to the status."""
    message: str = ""
    retry_after: str = ""
    """The header of that name: seconds or an HTTP date; empty: none."""
    limit: int = 200
    window_s: float = 300.0
    seconds: float = HANG_S
    size_bytes: int = 64 * 1024 * 1024
    variant: Literal["list", "items", "fields"] = "list"
    ids: int = 1
    age_s: float = 10.0

    def __post_init__(self) -> None:
        """Raises `ValueError` for figures that make no sense."""
        if not STATUS_MIN <= self.status <= STATUS_MAX:
            raise ValueError(f"status must be {STATUS_MIN} to {STATUS_MAX}")
        if not 0 <= self.probability <= 1:
            raise ValueError("probability must be 0 to 1")
        figures = (self.skip, self.seconds, self.size_bytes, self.ids, self.age_s, self.limit)
        if min(figures) < 0 or self.window_s <= 0:
            raise ValueError("figures must not be negative, and window_s must be above 0")


@dataclass(slots=True)
class Switched:
    """A fault that is on, and what it did so far."""

    number: int
    fault: Fault
    since_s: float
    skipped: int = 0
    hits: int = 0

    def to_json(self) -> dict[str, Any]:
        """The fault's fields plus `number` and `hits`."""
        return asdict(self.fault) | {"number": self.number, "hits": self.hits}


class Faults:
    """All faults that are on.

    Args:
        clock: seconds, for `for_s` and `window_s`.
        seed: for `probability`; equal seeds hit the same calls.
    """

    def __init__(self, clock: Callable[[], float], seed: int = 0) -> None:
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._numbers = itertools.count(1)
        self._switched: list[Switched] = []
        self._windows: dict[tuple[int, str], tuple[float, int]] = {}

    def __iter__(self) -> Iterator[Switched]:
        return iter(list(self._switched))

    def add(self, fault: Fault) -> Switched:
        """Switches a fault on; its `hits` tell later how many calls it got."""
        switched = Switched(next(self._numbers), fault, self._clock())
        self._switched.append(switched)
        return switched

    def remove(self, number: int) -> None:
        """Switches one fault off; raises `KeyError` if it is not on."""
        keep = [one for one in self._switched if one.number != number]
        if len(keep) == len(self._switched):
            raise KeyError(number)
        self._switched = keep

    def clear(self) -> None:
        """Switches all faults off."""
        self._switched.clear()
        self._windows.clear()

    def take(
        self, operation: str, project_id: str, access_key: str, task_ids: Collection[str]
    ) -> Fault | None:
        """The fault this call meets, which is then used up by one; None: all is well."""
        if not self._switched:
            return None
        now_s = self._clock()
        wanted = (operation, project_id, access_key)
        for switched in self._switched:
            fault = switched.fault
            if not _fits(fault, wanted, task_ids) or not _is_on(switched, now_s):
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            if switched.skipped < fault.skip:
                switched.skipped += 1
            elif not self._within_limit(switched, access_key, now_s):
                switched.hits += 1
                return fault
        return None

    def _within_limit(self, switched: Switched, access_key: str, now_s: float) -> bool:
        """Whether a rate limit lets this call pass; other faults never do."""
        fault = switched.fault
        if fault.kind is not FaultKind.RATE_LIMIT:
            return False
        key = (switched.number, access_key)
        since_s, used = self._windows.get(key, (now_s, 0))
        if now_s - since_s >= fault.window_s:
            since_s, used = now_s, 0
        # Refused calls count too, as field notes on other services say.
        self._windows[key] = (since_s, used + 1)
        return used < fault.limit


def _fits(fault: Fault, wanted: tuple[str, str, str], task_ids: Collection[str]) -> bool:
    named = (fault.operation, fault.project_id, fault.access_key)
    if any(name not in (ANY, value) for name, value in zip(named, wanted, strict=True)):
        return False
    return fault.task_id == ANY or key_of(fault.task_id) in {key_of(one) for one in task_ids}


def _is_on(switched: Switched, now_s: float) -> bool:
    fault = switched.fault
    if fault.times is not None and switched.hits >= fault.times:
        return False
    return fault.for_s is None or now_s - switched.since_s < fault.for_s
