"""What has to hold in any weather, whoever does what."""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.cloud import BATCH_IDS_MAX
from dcs_migration_operator.core.conditions import READY
from dcs_migration_operator.core.model import TroubleKind, task_key
from dcs_migration_operator.core.phases import PhaseClass, class_of
from simulation.bounds import WINDOWS, calls_max, repeats, requests_max
from simulation.cloud import HANGS, task_id
from simulation.conditions import CONDITIONAL, check_cutovers, is_at_rest, told
from simulation.watching import FULFILLED
from simulation.world import NAMESAKES

if TYPE_CHECKING:
    from simulation.cloud import Migration
    from simulation.drawing import Case
    from simulation.notes import SentOrder
    from simulation.world import Stored, World

REFUSALS_MAX: Final = 5
"""401s in a row that the gateway tolerates for one access key."""

SLOW_REFUSAL_S: Final = 1.0

FIRST_WORD_S: Final = 5.0
BACKLOG_S: Final = 30.0
"""While many others are being stopped before it, a task may say nothing for so long."""

WRITES_S: Final = 0.5
"""What hundreds of writes take that are wanted at once."""

UNSENT: Final = frozenset({"503", "no connection"})
"""Faults of calls that certainly had no effect."""

DIVIDING: Final = frozenset({"500", "503", "busy"})
"""Faults of whole calls for which a guilty id is looked for, in several requests."""

AFTER_THROTTLING_S: Final = 60.0
"""By then all stops of a hundred projects have left that a moment of 429 has held up."""

SPOILT_S: Final = {"refused": 5.0, "500": 60.0, "503": 60.0, "busy": 120.0, HANGS: 1800.0}
"""So long an id with which all requests fail delays those of its first batch. One that is busy is
looked for when it is repeated for the second time, after 15 s and 30 s, or the third, after 60 s
more, if requests of others have succeeded meanwhile; what hangs is divided at each repeat."""

SHOWN_AGAIN_S: Final = 5.0
"""The first pause after a show that failed."""

MOVED_S: Final = 10.0
"""A project that was corrected is looked at, and its tasks are ordered, within so long."""

UNSHOWN_S: Final = 5.0
"""A task that no list mentions is shown and ordered within so long; others that hang cost 1 s."""

ENDS: Final = frozenset({"kill", "end", "down"})
"""What ends a process."""

BURST_S: Final = 1.0
FEW: Final = 16
"""So many ids may well come one by one."""

_NO_ORDER: Final = frozenset(
    {*(kind.value for kind in TroubleKind), "StopRejected", "StopNotEffective", "Pending"}
)
"""Reasons of a task whose calls fail for as long as the case is played."""


def check(case: Case, world: World) -> None:
    """Hold every invariant against what happened."""
    assert not world.notes.stuck, f"no progress and no reason: {world.notes.stuck}"
    check_rest(world, world.notes.rested_at)
    _check_orders(world)
    check_cutovers(world)
    _check_requests(case, world)
    check_shows(world)
    if not any(one.spoils for one in case.fleet.values()):
        _check_calls(world)
    if case.sort == "busy":
        check_busy(case, world)
    if case.sort == "moved" and not case.weather.api_faults:
        check_moved(case, world)
    if case.sort == "unshown":
        check_unshown(case, world)
    if case.sort == "spoilt":
        check_spoilt(case, world)
    if case.sort == "crowd":
        check_throttled(case, world)
    _check_words(world)
    assert not world.notes.early, f"claimed without having asked: {world.notes.early}"
    _check_refusals(case, world)
    check_trials(world)
    if _is_calm(case):
        _check_first_words(world)
    if not case.weather.api_faults and all(d.what not in ENDS for d in case.deeds):
        _check_writes(world)
    assert world.notes.writes_while_not_leading == 0, "a status was written without the Lease"


def check_rest(world: World, now: float) -> None:
    """Every wish is fulfilled or says why not; every resource says something true."""
    for uid, stored in world.objects.items():
        ready = stored.status.condition(READY)
        assert ready is not None, f"{uid} was left without a status"
        one = world.migration(stored.task)
        if not _is_exempt(stored, one, ready.reason, now):
            _check_task_at_rest(uid, stored, one, ready.reason)
    for known in world.projects.values():
        ready = known.status.condition(READY)
        assert ready is not None, f"{known.project.ref} was left without a status"
        assert ready.reason == "Configured", f"{known.project.ref} says {ready.reason}"


def _is_exempt(stored: Stored, one: Migration | None, reason: str, now: float) -> bool:
    """Tell whether what a resource says may stand although it is not the whole truth."""
    over = one is None or class_of(one.word) is not PhaseClass.ACTIVE or not one.listed
    if over and reason in FULFILLED and stored.task.wishes_stop:
        # What was seen to have ended and is gone since; or a stranger says so, and nothing runs, or
        # no list mentions it.
        return one is None or bool(stored.forged)
    return one is not None and one.is_strange(now) and reason in _NO_ORDER


def _check_task_at_rest(uid: str, stored: Stored, one: Migration | None, reason: str) -> None:
    if one is None:
        assert (stored.status.phase, reason) == ("DELETED", "TaskNotFound"), f"{uid} says {reason}"
        return
    kind = class_of(one.word)
    if kind is PhaseClass.FAILED:
        assert reason == "TaskFailed", f"{uid} says {reason}"
    elif stored.task.wishes_stop and is_at_rest(stored, one):
        return
    elif stored.task.wishes_stop:
        assert kind in {PhaseClass.TERMINATED, PhaseClass.ENDED}, f"{uid} still runs"
        assert reason in FULFILLED, f"{uid} says {reason}"
        # What has ended is not asked about again; somebody may have ended it once more.
        assert class_of(stored.status.phase) in {PhaseClass.TERMINATED, PhaseClass.ENDED}
    else:
        said = (reason, stored.status.phase)
        assert said == ("Observed", one.word), f"{uid} says {said}, DCS {one.word}"


def _check_orders(world: World) -> None:
    """Only for wishes, only by the leader, never too many ids, never in doubt."""
    for order in world.notes.orders:
        assert 1 <= len(order.task_ids) <= 50
        assert len({task_key(one) for one in order.task_ids}) == len(order.task_ids)
        for one, rules in order.broken.items():
            wrong = rules - CONDITIONAL
            assert not wrong, f"{one} was ordered {told(wrong)}: {order}"
        assert order.led, f"ordered without the Lease: {order}"


def _check_requests(case: Case, world: World) -> None:
    """No task costs more requests than the formula of `bounds.py` allows."""
    times: dict[tuple[str, str], list[float]] = {}
    for order in world.notes.orders:
        for one in () if order.throttled else order.task_ids:
            times.setdefault((order.project_id, task_key(one)), []).append(order.at)
    spoils = any(one.spoils for one in case.fleet.values()) or any(
        fault.operation in {"any", "batch_stop"} and fault.kind in DIVIDING
        for fault in case.weather.cloud_faults
    )
    kinds = {one.spoils for one in case.fleet.values()}
    kinds |= {fault.kind for fault in case.weather.cloud_faults}
    unsent = bool(kinds & UNSENT)
    for (project_id, key), at in times.items():
        lives = lives_of(world, key)
        allowed = requests_max(at[-1] - at[0], lives=lives, spoils=spoils, unsent=unsent)
        assert len(at) <= allowed, f"{key} in {project_id} was ordered at {at}, not {allowed} times"


def check_shows(world: World) -> None:
    """Check that an id that cannot be shown is asked for with growing pauses."""
    for (project_id, key), at in world.notes.failed_shows.items():
        number = int(key[:8], 16)
        lives = lives_of(world, key)
        lives += sum(deed.number % NAMESAKES == number for deed in world.case.deeds)
        allowed = lives * (1 + repeats(at[-1] - at[0], SHOWN_AGAIN_S))
        assert len(at) <= allowed, f"{key} in {project_id} was shown at {at}, not {allowed} times"


def _check_calls(world: World) -> None:
    """Many ids that wait together share few calls, whatever calls have met before."""
    bursts: list[list[SentOrder]] = []
    for order in sorted(world.notes.orders, key=lambda one: (one.project_id, one.at)):
        last = bursts[-1][-1] if bursts else None
        near = last and last.project_id == order.project_id and order.at - last.at < BURST_S
        if near:
            bursts[-1].append(order)
        else:
            bursts.append([order])
    for burst in bursts:
        ids = {one for order in burst for one in order.task_ids}
        if len(ids) > FEW:
            assert len(burst) <= calls_max(len(ids)), f"{len(burst)} requests for {len(ids)} ids"


def check_busy(case: Case, world: World) -> None:
    """Check that what fails for all is asked as often as it is repeated, and later forgotten.

    An instance that is busy says nothing about an id, so that no request is halved for it; and a
    request that succeeds makes its ids as good as ever, so that they share requests again.
    """
    batches, busy_s = ceil(len(case.fleet) / BATCH_IDS_MAX), case.weather.ends_s
    during = [order for order in world.notes.orders if order.at < busy_s]
    allowed = batches * (1 + repeats(busy_s))
    assert len(during) <= allowed, f"{len(during)} requests while all was busy, not {allowed}"
    again_at = max(deed.at_s for deed in case.deeds)
    later = [order for order in world.notes.orders if order.at >= again_at]
    assert len(later) <= batches + WINDOWS, f"{len(later)} requests for what had succeeded"


def check_spoilt(case: Case, world: World) -> None:
    """Check that an id with which every request fails delays the others, once, for a while.

    What is answered is divided when it is repeated; what hangs has to be tried more often first.
    """
    accepted = {key: at for (_, key), at in world.notes.accepted_at.items()}
    wished_at = max(deed.at_s for deed in case.deeds)
    kinds = {one.spoils for one in case.fleet.values()}
    patience_s = max(SPOILT_S.get(kind, 0.0) for kind in kinds)
    for text, one in case.fleet.items():
        late_s = accepted.get(task_key(text), float("inf")) - wished_at
        assert one.spoils or late_s <= patience_s, f"{text} is stopped {late_s} s after its wish"


def check_unshown(case: Case, world: World) -> None:
    """Check that an id that cannot be shown delays no order for others that have to be."""
    wished: dict[str, float] = {}
    for deed in case.deeds:
        wished.setdefault(task_id(deed.number), deed.at_s)
    for text, at in wished.items():
        times = [order.at for order in world.notes.orders if text in order.task_ids]
        late_s = min(times, default=float("inf")) - at
        odd = case.fleet[text].shows
        assert odd or late_s <= UNSHOWN_S, f"{text} was ordered {late_s} s after its wish"


def check_moved(case: Case, world: World) -> None:
    """Check that what was found in a wrong cloud project holds up nothing in the right one."""
    rights = [deed.at_s for deed in case.deeds if deed.what == "project: right"]
    wrongs = [deed.at_s for deed in case.deeds if deed.what == "project: wrong"]
    times: dict[str, float] = {}
    for order in world.notes.orders:
        for one in order.task_ids:
            if order.project_id == world.home_of(task_key(one)):
                times.setdefault(task_key(one), order.at)
    for begins_s in rights:
        ends_s = min([at for at in wrongs if at > begins_s], default=float("inf"))
        if ends_s < begins_s + MOVED_S:
            continue
        for text in case.fleet:
            late_s = times.get(task_key(text), float("inf")) - begins_s
            assert late_s <= MOVED_S, f"{text} was ordered {late_s} s after its project was right"


def check_throttled(case: Case, world: World) -> None:
    """Check that a moment of 429 halves the rate of a key once, whatever number of calls it met."""
    first: dict[str, float] = {}
    for order in world.notes.orders:
        for one in order.task_ids:
            first.setdefault(one, order.at)
    late = {one: first.get(one, float("inf")) - case.weather.ends_s for one in case.fleet}
    worst_s = max(late.values())
    assert worst_s <= AFTER_THROTTLING_S, f"the last order left {worst_s} s after the last 429"


def _check_refusals(case: Case, world: World) -> None:
    """No key is refused so often in a row that the gateway locks it.

    What a process knows of a key outlives it in the status of the project. Where that cannot be
    written, goes with its project, or says by now that the Secret is missing, each further process
    has to learn it anew; and so it has to where calls were under way when the one before ended.
    """
    forgets = (
        case.weather.api_faults
        or case.refusal_s >= SLOW_REFUSAL_S
        or case.weather.pauses
        or any(deed.what in {"project: delete", "secret: missing"} for deed in case.deeds)
    )
    restarts = world.notes.starts - case.replicas if forgets else 0
    for access_key, most in world.gateway.most.items():
        allowed = REFUSALS_MAX * (1 + restarts)
        assert most <= allowed, f"{access_key} was refused {most} times in a row"


def check_trials(world: World) -> None:
    """Check that a key that never worked is tried by one call at a time."""
    crowded = [text for one in world.notes.trials for text in one.crowded]
    assert not crowded, f"several calls tried one key: {crowded[:REFUSALS_MAX]}"


def lives_of(world: World, key: str) -> int:
    """Return how often the requests for a task may have begun anew."""
    case, number = world.case, int(key[:8], 16)
    restarts = world.notes.starts - case.replicas
    begun = sum(
        deed.what.startswith(("project", "secret", "key"))
        or (deed.what.startswith(("console: start", "forge")) and deed.number % NAMESAKES == number)
        for deed in case.deeds
    )
    ignores = sum(one.ignores for text, one in case.fleet.items() if task_key(text) == key)
    return 1 + restarts + begun + ignores


def _check_words(world: World) -> None:
    """No status claims more than DCS said, and no ended word is taken back."""
    restarted = {d.number for d in world.case.deeds if d.what == "console: start"}
    moved = any(d.what.startswith("project") for d in world.case.deeds)
    for uid, stored in world.objects.items():
        number = int(stored.task.key[:8], 16)
        over = False
        for at, status in stored.history:
            _check_word(world, stored, status.phase)
            kind = class_of(status.phase)
            back = over and kind is PhaseClass.ACTIVE and not (moved or stored.forged)
            assert not back or number in restarted, f"{uid} went back at {at}"
            over = over or kind in {PhaseClass.TERMINATED, PhaseClass.ENDED}
        assert stored.history or stored.forged, f"{uid} never got a status"


def _check_word(world: World, stored: Stored, phase: str) -> None:
    key, notes = stored.task.key, world.notes
    said = {word for (_, one), words in notes.said.items() if one == key for word in words}
    if phase == "TERMINATING" and any(one == key for _, one in notes.accepted_at):
        return
    allowed = {"PENDING", "DELETED", *said, *stored.forged}
    assert phase in allowed, f"{stored.task.ref} says {phase}; DCS said {said}"
    if phase == "DELETED":
        assert phase in said or world.migration(stored.task) is None or stored.history


def _is_calm(case: Case) -> bool:
    """Tell whether every process can act, hear and write from the beginning to the end."""
    weather = case.weather
    late = max(weather.watch_delays_s) > 0.0 or bool(weather.samples_s)
    disturbed = weather.api_faults or weather.pauses or late
    return not disturbed and all(deed.what not in ENDS for deed in case.deeds)


def _check_first_words(world: World) -> None:
    """Whoever is there hears within seconds what is the matter."""
    for uid, stored in world.objects.items():
        if not stored.history or stored.forged:
            continue  # a stranger's word may do until the rare look
        first_s = stored.history[0][0] - stored.born_at
        behind = stored.task.stopped and world.migration(stored.task) is not None
        usual_s = BACKLOG_S if behind else FIRST_WORD_S
        assert first_s <= usual_s + WRITES_S, f"{uid} got its first word after {first_s} s"


def _check_writes(world: World) -> None:
    """While the API server answers, nothing is written that is there already."""
    for uid, stored in world.objects.items():
        written = [] if stored.forged else [status for _, status in stored.history]
        assert all(a != b for a, b in pairwise(written)), f"{uid} was written twice alike"
