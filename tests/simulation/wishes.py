"""Draws conditional wishes, their waves, and the clouds in which targets catch up or do not.

What happens to a wish is drawn around the moments that matter: a target that is caught up at `t`
is ordered some `stableFor` later, so that holding, deleting, suspending, killing or writing again
is drawn to fall there as often as anywhere else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from dcs_migration_operator.core.cutover import ALWAYS, Cutover, TermsSaid, Window
from simulation.cloud import Migration
from simulation.lags import FORMS, HONEST, SPOILT, Replication
from simulation.virtual import EPOCH
from simulation.world import wave_ref

if TYPE_CHECKING:
    from collections.abc import Sequence

SPAN_S: Final = 180.0
"""Conditional wishes are made, changed and disturbed for so long."""

TIMES: Final = st.integers(0, int(SPAN_S) * 4).map(lambda quarter: quarter / 4)


SILENT: Final = TermsSaid()
"""Says nothing."""


@dataclass(frozen=True, slots=True)
class WaveSpec:
    """What people write into a wave."""

    goes: bool = False
    window: Window = ALWAYS
    under_way_max: int = 50
    failures_max: int = 1
    said: TermsSaid = SILENT


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that users do, or that happens to a replica.

    Attributes:
        value: What is written, where the words do not say it: a `Cutover` or a `WaveSpec`.
    """

    at_s: float
    what: str
    number: int
    value: Cutover | WaveSpec | None = None


def window(begins_s: float | None, ends_s: float | None) -> Window:
    """Return a window by virtual seconds; None is no bound."""
    at = [None if s is None else EPOCH + timedelta(seconds=s) for s in (begins_s, ends_s)]
    return Window(*at)


TERMS: Final = st.builds(
    TermsSaid,
    max_lag=st.sampled_from([None, None, 0, 5_000]),
    stable_for_s=st.sampled_from([None, 0.0, 0.0, 3.0, 10.0, 30.0]),
    timeout_s=st.sampled_from([None, None, 60.0, 120.0]),
    stop_anyway=st.sampled_from([None, None, None, False, True]),
)
WINDOWS: Final = st.one_of(
    st.just(ALWAYS),
    st.just(ALWAYS),
    st.sampled_from([(None, 60.0), (None, 120.0), (30.0, None), (20.0, 90.0), (100.0, 150.0)]).map(
        lambda bounds: window(*bounds)
    ),
)
WAVES: Final = st.builds(
    WaveSpec,
    goes=st.booleans(),
    window=st.just(ALWAYS) | WINDOWS,
    under_way_max=st.sampled_from([1, 2, 3, 50]),
    failures_max=st.sampled_from([0, 1, 1, 2]),
    said=st.just(SILENT) | TERMS,
)
CALM: Final = st.builds(
    Replication,
    writing=st.just(value=False),
    behind_bytes=st.sampled_from([0, 0, 30_000]),
    full_s=st.sampled_from([0.0, 0.0, 20.0]),
    form=st.sampled_from(HONEST),
)
HICCUPS: Final = st.builds(
    Replication,
    behind_bytes=st.sampled_from([0, 30_000]),
    form=st.sampled_from(sorted(SPOILT)),
    hiccups=st.just(value=True),
)
REPLICATIONS: Final = st.one_of(
    CALM,
    CALM,
    HICCUPS,
    st.builds(Replication, dead=st.just(value=True)),
    st.builds(Replication, breaks_at=TIMES, full_s=st.sampled_from([10.0, 20.0])),
    st.builds(
        Replication,
        writing=st.booleans(),
        behind_bytes=st.sampled_from([0, 1_000, 30_000]),
        full_s=st.sampled_from([0.0, 0.0, 20.0, 60.0]),
        breaks_at=st.sampled_from([float("inf"), 30.0, 60.0]) | TIMES,
        dead=st.sampled_from([False, False, False, True]),
        form=st.sampled_from([*HONEST, *HONEST, *FORMS, "flickers", "flickers"]),
        form_until_s=st.sampled_from([20.0, 60.0, float("inf")]),
    ),
)
METHODS: Final = ("", "incremental_migration", "incremental_migration")
RUNNING: Final = st.builds(
    Migration,
    word=st.just("INCRMIGEATING"),
    lag_s=st.sampled_from([0.0, 1.0, 8.0]),
    stop_s=st.sampled_from([0.0, 3.0, 30.0]),
    ends_as=st.sampled_from(["TERMINATED", "TERMINATED", "SUCCESS"]),
    ignores=st.sampled_from([0, 0, 0, 1]),
    refuses=st.sampled_from(["", "", "", "", "", "DCS.4957"]),
    listed=st.sampled_from([True, True, True, False]),
    shows=st.sampled_from(["", "", "", "", "500", "hangs"]),
    until_s=st.sampled_from([30.0, 60.0, 150.0]),
    method=st.sampled_from([*METHODS, *METHODS, "full_amount_migration"]),
    lag=REPLICATIONS,
)
"""Some of them cannot be sampled or shown for a while."""


@st.composite
def cutovers(draw: st.DrawFn, count: int, waves: int) -> list[Deed]:
    """Draw who wishes what on which condition, and what becomes of the wishes and the waves.

    Args:
        draw: Draws.
        count: Tasks.
        waves: Waves that tasks may name; the last of them may never be made.
    """
    deeds: list[Deed] = []
    specs = [draw(WAVES) for _ in range(waves)]
    opens_at = [draw(st.sampled_from([0.0, 5.0, 20.0]) | TIMES) for _ in range(waves)]
    for number, (spec, at) in enumerate(zip(specs, opens_at, strict=True)):
        if draw(st.sampled_from([True, True, True, True, False])):
            deeds += draw(_life(number, spec, at))
    for n in range(count):
        deeds += draw(_wish(n if n < FEW else n % FEW, n, waves, deeds))
    return deeds


FEW: Final = 8
"""Of a large fleet every so many tasks wish the same."""


@st.composite
def _life(draw: st.DrawFn, number: int, spec: WaveSpec, at: float) -> list[Deed]:
    """Draw what people do to one wave: it is made, goes, holds, is edited, deleted, made again."""
    went = _but(spec, goes=True)
    deeds = [Deed(0.0, "wave: put", number, spec)]
    if draw(st.sampled_from([True, True, True, True, False])):
        deeds.append(Deed(at, "wave: put", number, went))
    later = draw(st.lists(st.sampled_from(AROUND_S) | TIMES, max_size=3))
    for after_s in sorted(later):
        what = draw(st.sampled_from(["hold", "hold", "fewer", "window", "delete", "terms"]))
        then = at + after_s
        deeds += draw(_edit(number, went, then, what))
    return deeds


AROUND_S: Final = (0.5, 5.25, 8.0, 10.25, 10.5, 11.0, 12.0, 15.0, 20.0)
"""So long after its opening what has caught up is sampled twice, found stable, and ordered."""


@st.composite
def _edit(draw: st.DrawFn, number: int, went: WaveSpec, then: float, what: str) -> list[Deed]:
    back_s = draw(st.sampled_from([0.25, 3.0, 20.0, 60.0]))
    again = Deed(then + back_s, "wave: put", number, went)
    match what:
        case "hold":
            return [Deed(then, "wave: put", number, _but(went, goes=False)), again]
        case "fewer":
            return [Deed(then, "wave: put", number, _but(went, under_way_max=1))]
        case "window":
            return [Deed(then, "wave: put", number, _but(went, window=draw(WINDOWS)))]
        case "delete":
            return [Deed(then, "wave: delete", number), again]
        case _:
            return [Deed(then, "wave: put", number, _but(went, said=draw(TERMS)))]


def _but(spec: WaveSpec, **changes: object) -> WaveSpec:
    values = {name: getattr(spec, name) for name in WaveSpec.__slots__}
    return WaveSpec(**(values | changes))


@st.composite
def _wish(draw: st.DrawFn, like: int, number: int, waves: int, sofar: Sequence[Deed]) -> list[Deed]:
    """Draw one task's wish, and what happens to it and its source."""
    if like != number:  # of a large fleet
        return [
            Deed(deed.at_s, deed.what, number, deed.value)
            for deed in sofar
            if deed.number == like and not deed.what.startswith("wave")
        ]
    at = draw(st.sampled_from([0.0, 0.0, 1.0]) | TIMES)
    wave = draw(st.integers(0, waves - 1)) if waves and draw(st.booleans()) else None
    cutover = Cutover(draw(TERMS), "", draw(WINDOWS))
    if wave is not None:
        cutover = Cutover(draw(st.just(SILENT) | TERMS), wave_ref(wave).name)
    deeds = [Deed(at, "cut over", number, cutover)]
    then = at + draw(st.sampled_from(AROUND_S) | TIMES)
    match draw(st.sampled_from(FATES)):
        case "writes again":
            deeds += [Deed(then, "writers: on", number), Deed(then + 20.0, "writers: off", number)]
        case "quiet":
            deeds.append(Deed(then, "writers: off", number))
        case "changed":
            deeds.append(Deed(then, "cut over", number, Cutover(draw(TERMS))))
        case "removed":
            deeds.append(Deed(then, "cut over: never", number))
        case "deleted":
            deeds.append(Deed(then, "delete", number))
        case "stopped":
            deeds.append(Deed(then, "stop", number))
        case "restarted":
            deeds.append(Deed(then + 30.0, "console: start", number))
        case _:
            pass
    return deeds


FATES: Final = (
    "writes again",
    "quiet",
    "quiet",
    "changed",
    "removed",
    "deleted",
    "stopped",
    "restarted",
    "left alone",
    "left alone",
)
