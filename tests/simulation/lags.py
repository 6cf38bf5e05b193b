"""How far the target of a modelled migration is behind: writers, a full phase, broken syncs.

`LagModel` is a few numbers, for tests that know what they want. `Replication` is drawn: the
arithmetic is that of the sandbox's DCS, the answers are JSON as DCS writes it or as it should not,
and the operator's own reading of them is part of what is tried.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from dcs_migration_operator.core.cloud import Stats
from dcs_migration_operator.dcs.answers import task_stats
from sandbox.dcs import bodies, lag
from sandbox.dcs.migration import FULL_WORD, INCREMENTAL_WORD, MigrationSpec
from sandbox.dcs.migration import Migration as Sandboxed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.dcs.lag import Figures

BUSY: Final = (0, 40, 7, 120, 0, 3)
"""Lags of a source that is written to, in turn by the second: now and then one sees 0."""

FLICKERS_S: Final = 3
"""Every so many seconds stats that flicker say 0."""

HICCUP_S: Final = 4
HICCUP_EVERY_S: Final = 17
"""So long in so many seconds a form with hiccups holds: a sample or none."""

FULL_PERCENT: Final = 100

CATCH_UP_BYTES_PER_S: Final = 2_000.0
KEYS: Final = 1_000
"""What a target takes in while it catches up, and the keys of each source."""

HEALED_BYTES_MAX: Final = 10_000.0
"""A target is five seconds behind at most when people have healed its replication."""

NO_ID: Final = "00000000-0000-4000-8000-000000000000"
"""The arithmetic of a lag does not depend on whose it is."""


@dataclass(slots=True)
class LagModel:
    """The lag of one migration over time; times are seconds of the loop.

    Attributes:
        quiet_at: From here on nobody writes to the source; the lag falls from then on.
        falls_per_s: Of what is left after the writers.
        left: At that moment.
        full_until: The end of the full phase.
        again: From and until when a full phase begins again.
        dead: The source is dead: the lag rests at 0 although nothing is replicated.
        silent: DCS says nothing that can be understood.
    """

    quiet_at: float = 0.0
    falls_per_s: float = 100.0
    left: int = 0
    full_until: float = 0.0
    again: tuple[float, float] = (float("inf"), float("inf"))
    dead: bool = False
    silent: bool = False

    def at(self, now: float) -> Stats:
        """Return what DCS says."""
        if self.silent:
            return Stats()
        if now < self.full_until or self.again[0] <= now < self.again[1]:
            return Stats(0, 40, 1000, 400, is_migrating=True)
        return Stats(self.behind(now), 100, 1000, 1000, is_migrating=not self.dead)

    def behind(self, now: float) -> int:
        """Return what would be lost by a stop at this moment."""
        if now < self.full_until or self.again[0] <= now < self.again[1]:
            return 600
        if now < self.quiet_at:
            return BUSY[int(now) % len(BUSY)]
        return max(self.left - int((now - self.quiet_at) * self.falls_per_s), 0)


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    def leave_out(body: dict[str, Any]) -> None:
        body.pop(name, None)

    return leave_out


def _with(**says: object) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.update(says)


SPOILT: Final[Mapping[str, Callable[[dict[str, Any]], None]]] = {
    "no offset": _without("offset"),
    "no progress": _without("full_migration_progress"),
    "no is_migrating": _without("is_migrating"),
    "negative": _with(offset=-1),
    "negative text": _with(offset="-1"),
    "null": _with(offset=None),
    "words": _with(offset="n/a"),
    "a list": _with(offset=[0]),
    "truth": _with(offset=False),
}
"""What can be wrong with an answer, so that the lag is not known: it must never count as 0."""

HONEST: Final = ("numbers", "text")
LIES: Final = ("flickers", "says 0")
"""Stats that say 0 now and then, or always, whatever is true; nobody can know the latter."""

FORMS: Final = (*HONEST, *LIES, *SPOILT)


@dataclass(slots=True)
class Replication:
    """One drawn replication; times are seconds of the loop.

    Attributes:
        writes_per_s: Keys that its writers change, while they write.
        writing: Whether they do, at first.
        behind_bytes: How far the target is behind at first.
        full_s: How long each full phase takes; 0: it begins with the incremental one.
        breaks_at: When the connection breaks, so that a full phase begins again.
        dead: Nothing is passed on, and stats say 0 and that nothing is migrated.
        form: How stats are answered, one of `FORMS`.
        form_until_s: Until when; then they are honest numbers.
        hiccups: They are answered so for a moment now and then only.
        hiccup_at_s: When the first of these moments begins, if not at once.
        full_s_again: How long the full phase takes that begins again, if not as long as the first.
        quiet_since: Since when nobody writes.
    """

    writes_per_s: float = 50.0
    writing: bool = False
    behind_bytes: int = 0
    full_s: float = 0.0
    breaks_at: float = float("inf")
    dead: bool = False
    form: str = HONEST[0]
    form_until_s: float = float("inf")
    hiccups: bool = False
    hiccup_at_s: float = 0.0
    full_s_again: float = 0.0
    quiet_since: float = field(default=float("inf"), init=False, compare=False)
    _one: Sandboxed = field(init=False, repr=False, compare=False)
    _full_until: float = field(default=0.0, init=False, repr=False, compare=False)
    _broken: bool = field(default=False, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Begin at second 0."""
        spec = MigrationSpec(
            task_id=NO_ID,
            dead=self.dead,
            writes_per_s=self.writes_per_s,
            catch_up_bytes_per_s=CATCH_UP_BYTES_PER_S,
            keys=KEYS,
        )
        self._one = Sandboxed(spec=spec, created_at_s=0.0, word=INCREMENTAL_WORD)
        lag.enter(self._one, 0.0, None)
        self._one.sync.behind_bytes = float(self.behind_bytes)
        self._one.sync.writing = self.writing
        self.quiet_since = float("inf") if self.writing else 0.0
        if self.full_s:
            self._one.sync.copied = False
            self._copy_all(0.0, again=False)

    def fresh(self) -> Replication:
        """Return the same one at its beginning."""
        return replace(self)

    def write(self, now: float, *, on: bool) -> None:
        """Switch the writers on or off."""
        self._go_on(now)
        lag.settle(self._one, now)
        self._one.sync.writing = on
        self.quiet_since = float("inf") if on else min(self.quiet_since, now)

    def break_off(self, now: float) -> None:
        """Let the connection break, so that everything is copied anew; no key is lost by that."""
        if self.word(now) == INCREMENTAL_WORD:
            self._copy_all(now)

    def restart(self, now: float) -> None:
        """Copy everything anew, as DCS does for a task that is started again."""
        self._go_on(now)
        self._one.sync.copied = False
        self._copy_all(now)

    def heal(self, now: float) -> None:
        """Let everything that keeps it from catching up come to its end."""
        self.write(now, on=False)
        self._broken, self.dead, self.form_until_s = True, False, min(self.form_until_s, now)
        self._one.spec = replace(self._one.spec, dead=False)
        sync = self._one.sync
        sync.behind_bytes = min(sync.behind_bytes, HEALED_BYTES_MAX)

    def word(self, now: float) -> str:
        """Return DCS's word for the phase that it is in."""
        self._go_on(now)
        return self._one.word

    def behind(self, now: float) -> int:
        """Return the keys that a stop at this moment would lose."""
        return self._figures(now).missing_keys

    def said(self, now: float) -> Stats:
        """Return what an answer of this moment says to whoever reads it well."""
        form = self._form(now)
        body = self._body(now, form)
        known = Stats(
            _number(body, "offset"),
            _number(body, "full_migration_progress"),
            is_migrating=body.get("is_migrating"),
        )
        return replace(known, offset=None) if body.get("offset") is False else known

    def at(self, now: float) -> Stats:
        """Return what the operator reads in the answer of this moment."""
        body = self._body(now, self._form(now))
        return task_stats(json.dumps(body).encode(), "model-request")

    def _form(self, now: float) -> str:
        after_s = now - self.hiccup_at_s
        hit = not self.hiccups or (after_s >= 0.0 and int(after_s) % HICCUP_EVERY_S < HICCUP_S)
        return self.form if now < self.form_until_s and hit else HONEST[0]

    def _body(self, now: float, form: str) -> dict[str, Any]:
        known = self._figures(now)
        body = bodies.stats(known, full_offset="zero", as_strings=form == "text")
        if form == "says 0" or (form == "flickers" and int(now) % FLICKERS_S == 0):
            body |= {"offset": 0, "full_migration_progress": FULL_PERCENT, "is_migrating": True}
        elif form in SPOILT:
            SPOILT[form](body)
        return body

    def _figures(self, now: float) -> Figures:
        self._go_on(now)
        return lag.figures(self._one, now)

    def _go_on(self, now: float) -> None:
        """Let happen what was to happen until this moment."""
        if not self._broken and self.breaks_at <= now:
            self._broken = True
            if self._one.word == INCREMENTAL_WORD:
                self._copy_all(self.breaks_at)
        if self._one.word == FULL_WORD and now >= self._full_until:
            self._one.word = INCREMENTAL_WORD
            lag.enter(self._one, self._full_until, None)

    def _copy_all(self, at: float, *, again: bool = True) -> None:
        full_s = (self.full_s_again if again else 0.0) or self.full_s or lag.FULL_S
        self._one.word, self._full_until = FULL_WORD, at + full_s
        lag.enter(self._one, at, full_s)


def _number(body: Mapping[str, Any], name: str) -> int | None:
    """Return a number of an answer, written as one or as text; None is all that is no count."""
    try:
        value = float(body[name])
    except (KeyError, TypeError, ValueError):
        return None
    return int(value) if value >= 0.0 else None
