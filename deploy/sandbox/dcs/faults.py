"""Faults that are switched on while the simulator runs.

A `Fault` defines what goes wrong, for which calls, and for how long; `Faults` is the registry that
the server consults once per call. The first fault that matches a call is used, in the order in
which they were added. `spoil.py` defines what a fault does to the answer.

| kind | what the caller sees | fields it uses |
| --- | --- | --- |
| `throttle` | 429 APIGW.0308 that names a limit | `limit`, `window_s`, `retry_after...` |
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
| `stall` | the same, but the call arrives only then, even if its caller is gone | `seconds` |
| `drip` | the right answer in small pieces over `seconds` | `seconds` |
| `oversize` | the right answer plus a field of `size_bytes` | `size_bytes` |
| `empty_list` | the list of the answer has no items | |
| `null_list` | the list of the answer is null (other fields of show likewise) | |
| `missing_list` | the body is `{}` | |
| `wrong_types` | the list is a text, or its items or their fields are numbers | `variant` |
| `fields` | fields say otherwise, are missing, or have another name | `says`, `silent`, `rename` |
| `omit_ids` | the first `ids` items are missing | `ids` |
| `duplicate_ids` | the first `ids` items come twice | `ids` |
| `extra_ids` | `ids` items that were not asked for | `ids` |
| `stale_list` | the list as it was `age_s` ago | `age_s` |

The kinds from `throttle` to `drop` have no effect unless `executes` is true: a `hang` that
executes is a timeout with effect, an `error` 504 that executes a stop whose answer got lost. The
others always execute. The calls of a `rate_limit` are all that fit it, so one of `batch_stop` and
one of `list` count apart, and one of `*` counts everything together.

`fields` changes every item of a list, or the one of `task_id`; in an answer without a list it
changes the answer. Some of what it is for, as bodies of the admin API:

    {"kind": "fields", "operation": "batch_stop", "says": {"result": null}}
    {"kind": "fields", "operation": "batch_stop", "says": {"result": "success "}}
    {"kind": "fields", "operation": "batch_stop", "rename": {"task_id": "id"}}
    {"kind": "fields", "operation": "stats", "task_id": "...", "says": {"offset": -1}}
    {"kind": "fields", "operation": "stats", "silent": ["offset", "is_migrating"]}

And those that measure a blast radius, each for any length of time:

    {"kind": "error", "operation": "show", "task_id": "...", "status": 404, "code": "DCS.9999"}
    {"kind": "error", "operation": "batch_stop", "task_id": "...", "status": 500}
    {"kind": "error", "operation": "batch_stop", "status": 400, "code": "DCS.4017", "for_s": 20}
    {"kind": "throttle", "access_key": "...", "for_s": 1, "retry_after_s": 30.5}
    {"kind": "unauthorized", "access_key": "...", "delay_s": 0.3}
"""

import itertools
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Final, Literal

from sandbox.dcs.migration import key_of
from sandbox.dcs.permissions import ACTIONS

ANY: Final = "*"
UNKNOWN: Final = "unknown"
"""The operation of a request to an unknown address."""
HANG_S: Final = 3600.0
"""Longer than any sensible time limit of a caller."""
FAULTS_MAX: Final = 10_000
"""The most faults that may be on: one for each task of a large fleet."""
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
    STALL = "stall"
    DRIP = "drip"
    OVERSIZE = "oversize"
    EMPTY_LIST = "empty_list"
    NULL_LIST = "null_list"
    MISSING_LIST = "missing_list"
    WRONG_TYPES = "wrong_types"
    FIELDS = "fields"
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
    """Only calls with this id, in a batch or in the path."""
    skip: int = 0
    """Number of matching calls that are spared first."""
    times: int | None = None
    """Number of calls that are hit; None: no limit."""
    for_s: float | None = None
    """Seconds from being switched on until it ends; None: never."""
    probability: float = 1.0
    executes: bool = False
    delay_s: float = 0.0
    """Seconds by which the answer is delayed, for any kind; the effect happens before that."""
    texts: Literal["", "plain", "echo", "echo_encoded", "echo_cut", "changing"] = ""
    """The style of its error text, see `texts.py`; empty: that of the switch `error_texts`."""
    status: int = 500
    html: bool = False
    code: str = ""
    """Empty: the code that belongs to the status."""
    message: str = ""
    retry_after: str = ""
    """The header `Retry-After`, verbatim; empty: none, or as the next two fields define."""
    retry_after_s: float | None = None
    """Seconds from the answer on."""
    retry_after_as: Literal["seconds", "decimal", "date"] = "seconds"
    """Whole seconds (rounded up), `30.5`, or an HTTP date."""
    limit: int = 200
    window_s: float = 300.0
    seconds: float = HANG_S
    size_bytes: int = 64 * 1024 * 1024
    variant: Literal["list", "items", "fields"] = "list"
    ids: int = 1
    age_s: float = 10.0
    says: Mapping[str, object] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    """Fields that are left out."""
    rename: Mapping[str, str] = field(default_factory=dict)
    """Old name to new name."""

    def __post_init__(self) -> None:
        """Check the figures; raises `ValueError` for invalid ones."""
        if self.operation not in (ANY, UNKNOWN, *ACTIONS):
            raise ValueError(f"operation must be {ANY} or one of {', '.join(ACTIONS)}")
        if not STATUS_MIN <= self.status <= STATUS_MAX:
            raise ValueError(f"status must be {STATUS_MIN} to {STATUS_MAX}")
        if not 0 <= self.probability <= 1:
            raise ValueError("probability must be 0 to 1")
        figures = (
            self.skip,
            self.seconds,
            self.delay_s,
            self.retry_after_s or 0.0,
            self.size_bytes,
            self.ids,
            self.age_s,
            self.limit,
        )
        if min(figures) < 0 or self.window_s <= 0:
            raise ValueError("figures must not be negative, and window_s must be above 0")


@dataclass(slots=True)
class Switched:
    """A fault that is on, and its effect so far."""

    number: int
    fault: Fault
    since_s: float
    skipped: int = 0
    hits: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the fault's fields plus `number` and `hits`."""
        return asdict(self.fault) | {"number": self.number, "hits": self.hits}


class Faults:
    """All faults that are on.

    Faults with an id are indexed by it, so that a thousand of them cost a call no more than its own
    ids.

    Args:
        clock: Seconds, for `for_s` and `window_s`.
        seed: For `probability`; equal seeds hit the same calls.
    """

    def __init__(self, clock: Callable[[], float], seed: int = 0) -> None:
        self._clock = clock
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._numbers = itertools.count(1)
        self._switched: dict[int, Switched] = {}
        self._of_any: dict[int, Switched] = {}
        self._of_key: dict[str, dict[int, Switched]] = {}
        self._windows: dict[tuple[int, str], tuple[float, int]] = {}

    def __iter__(self) -> Iterator[Switched]:
        return iter(list(self._switched.values()))

    def add(self, fault: Fault) -> Switched:
        """Switch a fault on; its `hits` count the calls that it affected.

        Raises `ValueError` if there are too many.
        """
        if len(self._switched) >= FAULTS_MAX:
            raise ValueError(f"{FAULTS_MAX} faults are on; switch some off first")
        switched = Switched(next(self._numbers), fault, self._clock())
        self._switched[switched.number] = switched
        self._home(fault)[switched.number] = switched
        return switched

    def remove(self, number: int) -> None:
        """Switch one fault off; raises `KeyError` if it is not on."""
        fault = self._switched.pop(number).fault
        home = self._home(fault)
        del home[number]
        if not home:
            self._of_key.pop(key_of(fault.task_id), None)
        self._windows = {key: one for key, one in self._windows.items() if key[0] != number}

    def clear(self) -> None:
        """Switch all faults off."""
        self._switched.clear()
        self._of_any.clear()
        self._of_key.clear()
        self._windows.clear()

    def take(
        self,
        operation: str,
        project_id: str,
        access_key: str,
        task_ids: Collection[str],
        *,
        stalls: bool = False,
    ) -> Fault | None:
        """Return the fault that this call meets, and count it as used; None: no fault.

        Args:
            operation: The operation of the call.
            project_id: The project id in the path.
            access_key: The access key of the signature.
            task_ids: The ids in the call.
            stalls: Only faults of the kind `stall`, which come before a call is judged; else
                only others.
        """
        if not self._switched:
            return None
        now_s = self._clock()
        wanted = (operation, project_id, access_key)
        keys = {key_of(one) for one in task_ids}
        for switched in self._candidates(keys):
            fault = switched.fault
            if (fault.kind is FaultKind.STALL) is not stalls:
                continue
            if not _fits(fault, wanted, keys) or not _is_on(switched, now_s):
                continue
            if fault.probability < 1 and self._random.random() >= fault.probability:
                continue
            if switched.skipped < fault.skip:
                switched.skipped += 1
            elif not self._within_limit(switched, access_key, now_s):
                switched.hits += 1
                return fault
        return None

    def _home(self, fault: Fault) -> dict[int, Switched]:
        """Return the index that holds a fault: that of its id, or that of faults of any call."""
        if fault.task_id == ANY or fault.kind is FaultKind.FIELDS:
            return self._of_any
        return self._of_key.setdefault(key_of(fault.task_id), {})

    def _candidates(self, keys: Collection[str]) -> Collection[Switched]:
        own = [self._of_key[key] for key in keys if key in self._of_key]
        if not own:
            return list(self._of_any.values())
        found = dict(self._of_any)
        for some in own:
            found |= some
        return [switched for _, switched in sorted(found.items())]

    def _within_limit(self, switched: Switched, access_key: str, now_s: float) -> bool:
        """Return whether a rate limit lets this call pass; other faults never do."""
        fault = switched.fault
        if fault.kind is not FaultKind.RATE_LIMIT:
            return False
        key = (switched.number, access_key)
        since_s, used = self._windows.get(key, (now_s, 0))
        if now_s - since_s >= fault.window_s:
            since_s, used = now_s, 0
        # Refused calls count too, as reported from the field for other services.
        self._windows[key] = (since_s, used + 1)
        return used < fault.limit


def _fits(fault: Fault, wanted: tuple[str, str, str], keys: Collection[str]) -> bool:
    named = (fault.operation, fault.project_id, fault.access_key)
    if any(name not in (ANY, value) for name, value in zip(named, wanted, strict=True)):
        return False
    # A list call has no ids; the row of the id is found in the answer.
    in_row = fault.kind is FaultKind.FIELDS and wanted[0] == "list"
    return fault.task_id == ANY or in_row or key_of(fault.task_id) in keys


def _is_on(switched: Switched, now_s: float) -> bool:
    fault = switched.fault
    if fault.times is not None and switched.hits >= fault.times:
        return False
    return fault.for_s is None or now_s - switched.since_s < fault.for_s
