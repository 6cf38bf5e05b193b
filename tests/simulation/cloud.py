"""A model of DCS on the event loop's own time: no sockets, no threads, every call counted.

It answers the engine's `Dcs` protocol. A migration is a word, what a stop does to it, and what is
strange about it: calls that name it may fail, hang or come back in words that nobody understands,
for as long as it likes. What befalls whole calls is drawn by a function that sees each of them and
may raise, before or after the call had its effect.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cloud import BATCH_IDS_MAX, LIST_ROWS_MAX, Page, Stats
from dcs_migration_operator.core.errors import (
    Busy,
    DcsError,
    Misconfigured,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    Refused,
    Unavailable,
)
from dcs_migration_operator.core.model import (
    ErrorDetail,
    Observation,
    Outcome,
    StopAnswer,
    task_key,
)
from dcs_migration_operator.core.phases import PhaseClass, class_of
from simulation.lags import LagModel, Replication

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from simulation.gateway import Signer

REQUEST_ID: Final = "model-request"

NOBODY: Final = 10**9
"""From this number on no migration is anybody's."""

HANGS: Final = "hangs"
HANGS_S: Final = 30.0
"""The time limit of the client, after which it gives up a call without an answer."""

_STRANGE: Final = ErrorDetail("model", "something is strange about this id", REQUEST_ID)

SPOILS: Final[dict[str, Callable[[], DcsError]]] = {
    "refused": lambda: Refused(_STRANGE, http_status=400),
    "busy": lambda: Busy(_STRANGE, http_status=400),
    "500": lambda: OutcomeUnknown(_STRANGE, http_status=500),
    "503": lambda: Unavailable(_STRANGE, http_status=503),
}
"""How a whole stop request ends that names a spoiling id, by the word for it."""

SHOWS: Final[dict[str, Callable[[], DcsError]]] = {
    "500": lambda: OutcomeUnknown(_STRANGE, http_status=500),
    "503": lambda: Unavailable(_STRANGE, http_status=503),
    "403": lambda: PermissionDenied(_STRANGE, http_status=403),
    "404": lambda: Misconfigured(_STRANGE, http_status=404),
}
"""How a show of a strange id ends."""


def task_id(number: int) -> str:
    """Return the id of the n-th migration."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def dashed(text: str) -> str:
    """Return an id in the spelling of `task_id`, whichever it has."""
    key = task_key(text)
    return "-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:]))


@dataclass(slots=True)
class Migration:
    """One migration in the cloud.

    Attributes:
        lag_s: An accepted stop shows after this long.
        stop_s: TERMINATED follows TERMINATING after this long.
        ends_as: The word it ends with.
        refuses: Code with which a stop is refused; empty means it is accepted.
        ignores: How many accepted stops have no effect.
        listed: Whether the list mentions it.
        spoils: How a stop request that names it fails as a whole: a word of `SPOILS`, or `HANGS`.
        shows: How a show of it fails: a word of `SHOWS`, or `HANGS`.
        odd: What a stop request says about it cannot be understood: with `effect` or `no effect`.
        until_s: The second at which these three come to their end.
        method: `migration_method`, as list and show say it.
        lag: How far its target is behind; a `Replication` has words of its own while it runs.
        lost: What each accepted stop that took effect has lost.
    """

    word: str = "MIGRATING"
    lag_s: float = 0.0
    stop_s: float = 3.0
    ends_as: str = "TERMINATED"
    refuses: str = ""
    ignores: int = 0
    listed: bool = True
    spoils: str = ""
    shows: str = ""
    odd: str = ""
    until_s: float = float("inf")
    orders: list[float] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    stopped_at: float | None = None
    method: str = ""
    lag: LagModel | Replication = field(default_factory=LagModel)
    lost: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Let a migration that is born TERMINATING come to its end as well."""
        if self.word == "TERMINATING":
            self.stopped_at = 0.0

    def start(self) -> None:
        """Begin to run again, as if somebody had asked for that in the console.

        From now on the list mentions it: what no list mentions is not found to run again.
        """
        self.word, self.stopped_at, self.listed = "MIGRATING", None, True

    def fresh(self) -> Migration:
        """Return the same migration without a past."""
        lag = self.lag.fresh() if isinstance(self.lag, Replication) else self.lag
        return replace(self, orders=[], said=set(), lost=[], lag=lag)

    def halt(self) -> None:
        """End at once, as if somebody had asked for that in the console."""
        if class_of(self.word) is PhaseClass.ACTIVE:
            self.word, self.stopped_at = "TERMINATED", None

    def is_strange(self, now: float) -> bool:
        """Tell whether calls that name it fail at this moment."""
        return now < self.until_s and bool(self.spoils or self.shows or self.odd)

    def at(self, now: float) -> str:
        """Return the word at this moment, and remember that it was true."""
        if self.stopped_at is not None and now >= self.stopped_at + self.lag_s:
            done = now >= self.stopped_at + self.lag_s + self.stop_s
            self.word = self.ends_as if done else "TERMINATING"
            if done:
                self.stopped_at = None
        if isinstance(self.lag, Replication) and class_of(self.word) is PhaseClass.ACTIVE:
            self.word = self.lag.word(now)
        self.said.add(self.word)
        return self.word


class ModelDcs:
    """One account's view of a fleet.

    Args:
        fleet: Task id → migration; shared by all accounts that see it.
        answer_s: How long a call takes.
        interfere: Sees (operation, moment, ids) twice per call, `before` and `after` its effect.
        signer: The gateway's check of the signature.
        page_rows: Rows of a full page; DCS may give fewer than it is asked for.
        endless: The list goes on for ever, with tasks that nobody knows.
        connect_s: How long a connection takes, until which nothing may leave.
        undashed: The list writes ids as 32 hex digits.
    """

    def __init__(
        self,
        fleet: dict[str, Migration],
        *,
        answer_s: float = 0.05,
        interfere: Callable[[str, str, Sequence[str]], None] = lambda *_: None,
        signer: Signer | None = None,
        page_rows: int = LIST_ROWS_MAX,
        endless: bool = False,
        connect_s: Callable[[], float] = lambda: 0.0,
        undashed: bool = False,
    ) -> None:
        self.fleet, self.answer_s, self.interfere = fleet, answer_s, interfere
        self.page_rows, self._endless = page_rows, endless
        self._signer, self._connect_s = signer, connect_s
        self._spell = task_key if undashed else str
        self.stats_s: float | None = None
        """How long stats take, where that is not as long as other calls."""
        self.counts: Counter[str] = Counter()
        self.batches: list[tuple[str, ...]] = []
        self.times: list[tuple[float, str]] = []
        self.closed = False

    async def batch_stop(
        self, task_ids: Sequence[str], permit: Callable[[Sequence[str]], Sequence[str]]
    ) -> Mapping[str, StopAnswer]:
        """Order a stop for each id that is permitted once the connection stands."""
        connect_s = self._connect_s()
        if connect_s:
            await asyncio.sleep(connect_s)
        task_ids = permit(task_ids)
        if not task_ids:
            return {}
        assert 1 <= len(task_ids) <= BATCH_IDS_MAX
        self.batches.append(tuple(task_ids))
        await self._begin("batch_stop", task_ids)
        await self._fail_by([one.spoils for one in self._named(task_ids)], SPOILS, task_ids)
        answers = {task_key(task_id): self._stop(task_id) for task_id in task_ids}
        self.interfere("batch_stop", "after", task_ids)
        return answers

    async def list_page(self, offset: int) -> Page:
        """Return one page."""
        await self._begin("list", ())
        if self._endless:
            numbers = range(NOBODY + offset, NOBODY + offset + self.page_rows)
            return Page(self.page_rows, tuple(Observation("SUCCESS", task_id(n)) for n in numbers))
        rows = [item for item in self.fleet.items() if item[1].listed]
        page = rows[offset : offset + self.page_rows]
        now = asyncio.get_running_loop().time()
        self.interfere("list", "after", ())
        tasks = tuple(
            Observation(one.at(now), self._spell(task_id), method=one.method)
            for task_id, one in page
        )
        return Page(len(page), tasks)

    async def show(self, task_id: str) -> Observation:
        """Return one migration."""
        await self._begin("show", (task_id,))
        await self._fail_by([one.shows for one in self._named((task_id,))], SHOWS, (task_id,))
        one = self._find(task_id)
        self.interfere("show", "after", (task_id,))
        if one is None:
            raise NotFound(ErrorDetail("DCS.4133", "instance job not found"))
        return Observation(one.at(asyncio.get_running_loop().time()), task_id, method=one.method)

    async def stats(self, task_id: str) -> Stats:
        """Return how far one migration is."""
        await self._begin("stats", (task_id,))
        await self._fail_by([one.shows for one in self._named((task_id,))], SHOWS, (task_id,))
        one = self._find(task_id)
        self.interfere("stats", "after", (task_id,))
        if one is None:
            raise NotFound(ErrorDetail("DCS.4133", "instance job not found"))
        return one.lag.at(asyncio.get_running_loop().time())

    def close(self) -> None:
        """Take note."""
        self.closed = True

    async def _begin(self, operation: str, task_ids: Sequence[str]) -> None:
        loop = asyncio.get_running_loop()
        self.counts[operation] += 1
        self.times.append((loop.time(), operation))
        if self._signer:
            await self._signer.check()
        own_s = self.stats_s if operation == "stats" else None
        await asyncio.sleep(self.answer_s if own_s is None else own_s)
        self.interfere(operation, "before", task_ids)

    def _named(self, task_ids: Sequence[str]) -> list[Migration]:
        """Return the migrations of a call that exist and about which something is strange now."""
        now = asyncio.get_running_loop().time()
        found = (self._find(task_id) for task_id in task_ids)
        return [one for one in found if one and now < one.until_s]

    def _find(self, task_id: str) -> Migration | None:
        return self.fleet.get(task_id) or self.fleet.get(dashed(task_id))

    async def _fail_by(
        self,
        words: Sequence[str],
        errors: Mapping[str, Callable[[], DcsError]],
        task_ids: Sequence[str],
    ) -> None:
        """Let a call fail as the strangest of its ids has it, without any effect."""
        word = next(filter(None, words), "")
        if word == HANGS:
            await asyncio.sleep(HANGS_S)
            raise OutcomeUnknown(ErrorDetail("timeout", f"no answer about {task_ids[0]}"))
        if word:
            error = errors[word]
            raise error()

    def _stop(self, task_id: str) -> StopAnswer:
        one, now = self._find(task_id), asyncio.get_running_loop().time()
        if one is None:
            fault = ErrorDetail("DCS.4133", "instance job not found")
            return StopAnswer(Outcome.REJECTED, REQUEST_ID, fault)
        odd = one.odd if now < one.until_s else ""
        if odd == "no effect":
            return StopAnswer(Outcome.UNKNOWN, REQUEST_ID)
        one.orders.append(now)
        ended = class_of(one.at(now)) not in {PhaseClass.ACTIVE, PhaseClass.TERMINATING}
        if one.refuses or ended:
            fault = ErrorDetail(one.refuses or "DCS.4957", "not in this state", REQUEST_ID)
            return StopAnswer(Outcome.REJECTED, REQUEST_ID, fault)
        if one.ignores:
            one.ignores -= 1
        elif one.stopped_at is None and class_of(one.word) is PhaseClass.ACTIVE:
            one.stopped_at = now
            one.lost.append(one.lag.behind(now))
        return StopAnswer(Outcome.UNKNOWN if odd else Outcome.ACCEPTED, REQUEST_ID)
