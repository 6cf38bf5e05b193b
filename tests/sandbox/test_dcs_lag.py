"""How far targets are behind, on a clock that is moved by hand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.dcs import Fleet, MigrationSpec, Switches, Timing, lag, orders
from sandbox.dcs.lag import Figures

TASK = "b21989ec-2889-4b8e-99db-19c073425ec2"
OTHER = "5130d57f640a435bbc3a0fb1860a5340"
BEGIN_S = 1_000_000.0


class World:
    """One fleet and its clock."""

    def __init__(self, switches: Switches | None = None) -> None:
        self.now_s = BEGIN_S
        self.fleet = Fleet(lambda: self.now_s, switches, timing=Timing(stop_s=3))

    def add(self, task_id: str = TASK, **spec: Any) -> None:
        """Create one migration; its target takes in 1,000 bytes a second, unless spec says."""
        spec = {"catch_up_bytes_per_s": 1000.0, "keys": 1000} | spec
        self.fleet.add(MigrationSpec(task_id=task_id, **spec))

    def figures(self, task_id: str = TASK) -> Figures:
        """Return what is known of one migration now."""
        return lag.figures(self.fleet[task_id], self.fleet.advance())

    def offsets(self, *seconds: float) -> list[int]:
        """Return the lag after each of these steps in time."""
        seen = []
        for one in seconds:
            self.now_s += one
            seen.append(self.figures().offset)
        return seen

    def write(self, *, on: bool, name: str = "*") -> None:
        """Switch writers on or off."""
        self.fleet.write(on=on, chosen=self.fleet.choose(name))


@pytest.fixture
def world() -> World:
    """No migrations yet."""
    return World()


def test_an_idle_source_rests_at_zero(world: World) -> None:
    """Nothing is written, the task migrates, and its lag is 0 at every moment."""
    world.add()
    assert world.offsets(0, 10, 100) == [0, 0, 0]
    assert world.figures().is_migrating


def test_a_lag_falls_to_zero_when_nobody_writes(world: World) -> None:
    """It falls by what the target takes in, and stays at 0."""
    world.add(lag_bytes=5000)
    assert world.offsets(0, 2, 2, 1, 100) == [5000, 3000, 1000, 0, 0]


def test_a_busy_source_never_rests(world: World) -> None:
    """Its target keeps up, and still every sample of an hour shows a lag, mostly another one."""
    world.add(writers=True, writes_per_s=50, bytes_per_write=10)
    offsets = world.offsets(*[1.0] * 3600)
    assert min(offsets) >= 10
    assert len(set(offsets)) > 10


def test_a_source_that_writes_faster_than_its_target_reads_is_left_behind(world: World) -> None:
    """The lag grows by the difference, for as long as one likes."""
    world.add(writers=True, writes_per_s=150, bytes_per_write=10)
    assert world.offsets(100, 1000) == [50_000, 550_000]


def test_switching_the_writers_off_lets_the_target_catch_up(world: World) -> None:
    """From the lag of that moment on, until it rests at 0; on again, and it is busy again."""
    world.add(writers=True, writes_per_s=150, bytes_per_write=10)
    world.now_s += 10
    world.write(on=False)
    assert world.offsets(0, 1, 3, 1, 10) == [5000, 4000, 1000, 0, 0]
    world.write(on=True)
    assert world.offsets(10) == [5000]


def test_writers_are_switched_by_name_and_by_id(world: World) -> None:
    """A pattern chooses some, an id one, and an id that nobody knows is an error."""
    world.add(name="wave1-a", writers=True)
    world.add(OTHER, name="wave2-a", writers=True)
    world.write(on=False, name="wave1-*")
    assert [one.sync.writing for one in world.fleet] == [False, True]
    world.fleet.write(on=False, chosen=world.fleet.choose(task_ids=[OTHER]))
    assert [one.sync.writing for one in world.fleet] == [False, False]
    with pytest.raises(KeyError):
        world.fleet.choose(task_ids=["0" * 32])


def test_a_dead_one_says_zero_and_that_nothing_migrates(world: World) -> None:
    """While its word stays and the true lag grows; alive again, it has that lag."""
    world.add(writers=True, writes_per_s=50, bytes_per_write=10)
    world.fleet.alter(TASK, {"dead": True})
    world.now_s += 100
    known = world.figures()
    assert (known.offset, known.is_migrating, known.progress) == (0, False, 100.0)
    assert known.behind_bytes >= 50_000
    assert world.fleet[TASK].word == "INCRMIGEATING"
    world.fleet.alter(TASK, {"dead": False})
    assert world.figures().offset == known.behind_bytes


def test_a_full_phase_shows_its_progress_and_its_keys(world: World) -> None:
    """It ends in the incremental phase, with what was written meanwhile as the lag."""
    world.add(word="FULLMIGRATING", full_s=10, writers=True, writes_per_s=100, bytes_per_write=20)
    seen = []
    for _ in range(3):
        known = world.figures()
        seen.append((known.progress, known.target_keys, known.offset, known.is_migrating))
        world.now_s += 5
    assert seen == [(0.0, 0, 0, True), (50.0, 500, 0, True), (100.0, 1000, 20_000, True)]
    assert world.fleet[TASK].history == [
        (BEGIN_S, "FULLMIGRATING"),
        (BEGIN_S + 10, "INCRMIGEATING"),
    ]


def test_a_full_phase_can_last_until_it_is_told_to_end(world: World) -> None:
    """Without a time it stands at half; with one it ends when that has passed."""
    world.add(word="FULLMIGRATING")
    world.now_s += 1000
    assert (world.figures().progress, world.fleet[TASK].word) == (50.0, "FULLMIGRATING")
    world.fleet.alter(TASK, {"full_s": 2000, "incremental_word": "INCRMIGRATING"})
    assert world.figures().progress == 50.0
    world.now_s += 1000
    assert (world.figures().progress, world.fleet[TASK].word) == (100.0, "INCRMIGRATING")


def test_a_broken_sync_begins_a_full_one_again(world: World) -> None:
    """The word and the progress go back, the target keeps its keys, and the log says why."""
    world.add(breaks_after_s=30, full_s=10)
    world.now_s += 35
    known = world.figures()
    assert (known.phase, known.progress, known.target_keys) == ("full", 50.0, 1000)
    world.now_s += 10
    assert world.figures().phase == "incremental"
    assert [word for _, word in world.fleet[TASK].history] == [
        "INCRMIGEATING",
        "FULLMIGRATING",
        "INCRMIGEATING",
    ]
    (note,) = world.fleet[TASK].notes
    assert note[:2] == (BEGIN_S + 30, "WARN")


def test_a_full_sync_that_began_again_makes_good_what_was_behind(world: World) -> None:
    """Until it is through, a stop would still lose the lag of the moment of the break."""
    world.add(lag_bytes=4000, catch_up_bytes_per_s=0.0, full_s=10)
    world.fleet.break_sync(world.fleet[TASK], world.now_s)
    seen = []
    for _ in range(3):
        known = world.figures()
        seen.append((known.missing_keys, known.target_keys, known.offset))
        world.now_s += 5
    assert seen == [(20, 1000, 0), (20, 1000, 0), (0, 1000, 0)]


def test_a_break_without_resumption_fails(world: World) -> None:
    """With `resume_mode` manual nobody begins anew."""
    world.add(breaks_after_s=30, resume_mode="manual")
    world.now_s += 30
    assert world.fleet[TASK].word == "MIGRATION_FAILED"
    assert not world.figures().is_migrating


def test_nothing_breaks_that_is_being_stopped(world: World) -> None:
    """A break and a stop at once: the stop takes its way."""
    world.add()
    orders.stop(world.fleet, world.fleet[TASK])
    assert not world.fleet.break_sync(world.fleet[TASK], world.now_s)
    world.now_s += 10
    assert world.fleet[TASK].word == "TERMINATED"


def lost(world: World, task_id: str = TASK) -> int:
    """Stop a migration, and return the keys that this lost."""
    orders.stop(world.fleet, world.fleet[task_id])
    loss = world.fleet[task_id].loss
    assert loss is not None
    return loss.keys


@pytest.mark.parametrize(
    "spec, after_s, keys",
    [
        pytest.param({}, 5, 0, id="idle"),
        pytest.param({"lag_bytes": 10_000}, 20, 0, id="caught up"),
        pytest.param({"lag_bytes": 10_000}, 5, 25, id="behind"),
        pytest.param({"writers": True}, 5, 975, id="left behind by its writers"),
        pytest.param({"dead": True, "writers": True, "writes_per_s": 2.0}, 5, 10, id="dead"),
        pytest.param({"word": "FULLMIGRATING", "full_s": 10}, 5, 500, id="half copied"),
        pytest.param({"word": "RUNNING"}, 5, 0, id="not begun"),
        pytest.param(
            {"method": "full_amount_migration", "word": "MIGRATING", "ends_after_s": 20},
            5,
            750,
            id="a full migration",
        ),
    ],
)
def test_a_stop_loses_what_is_on_its_way(
    world: World, spec: dict[str, Any], after_s: float, keys: int
) -> None:
    """The keys that the target lacks, or has in an old version, at the moment of the stop."""
    world.add(**spec)
    world.now_s += after_s
    if spec.get("writers"):
        assert world.figures().missing_keys == keys
    assert lost(world) == keys
    assert world.fleet.losses.keys == keys


def test_a_loss_counts_when_the_replication_ends(world: World) -> None:
    """DCS goes on replicating between the acceptance of a stop and its effect."""
    world.add(lag_bytes=4000, lag_s=2)
    orders.stop(world.fleet, world.fleet[TASK])
    assert world.fleet[TASK].loss is None
    world.now_s += 100
    loss = world.fleet[TASK].loss
    assert loss is not None
    assert world.figures().offset == 2000
    assert (loss.accepted_at_s, loss.at_s) == (BEGIN_S, BEGIN_S + 2)
    assert (loss.offset, loss.keys, loss.phase, loss.by) == (2000, 10, "incremental", "order")


def test_a_stop_without_effect_loses_nothing(world: World) -> None:
    """Neither one that is ignored nor one that came too late."""
    world.add(lag_bytes=4000, ignore_stops=1)
    world.add(OTHER, lag_bytes=4000, lag_s=10, ends_after_s=1)
    for one in (TASK, OTHER):
        orders.stop(world.fleet, world.fleet[one])
    world.now_s += 100
    assert (world.fleet.losses.stops, world.fleet.losses.keys) == (0, 0)


def test_the_sum_of_all_losses_is_kept(world: World) -> None:
    """Of all tasks, with the number of stops that lost anything."""
    world.add(lag_bytes=4000)
    world.add(OTHER)
    assert lost(world) + lost(world, OTHER) == 20
    shown = world.fleet.losses.to_json()
    assert (shown["stops"], shown["with_loss"], shown["lost_keys"]) == (2, 1, 20)
    assert [one["task_id"] for one in shown["losses"]] == [TASK, OTHER]


def test_stats_stand_still_after_a_stop(world: World) -> None:
    """They go on to say the lag of that moment, whatever the source does."""
    world.add(lag_bytes=4000, writers=True)
    lost(world)
    assert len({*world.offsets(0, 10, 100)}) == 1
    assert not world.figures().is_migrating


@pytest.mark.parametrize(
    "restart, words, progress",
    [
        ("resume", ["INCRMIGEATING"], 100.0),
        ("full", ["FULLMIGRATING", "INCRMIGEATING"], 0.0),
    ],
)
def test_a_restart_goes_on_or_begins_anew(restart: Any, words: list[str], progress: float) -> None:
    """Which of the two is not documented, so it is a switch."""
    world = World(Switches(restart_sync=restart))
    world.add(writers=True, writes_per_s=10, bytes_per_write=10)
    orders.stop(world.fleet, world.fleet[TASK])
    world.now_s += 60
    orders.restart(world.fleet, world.fleet[TASK])
    known = world.figures()
    assert known.progress == progress
    if restart == "resume":
        assert known.offset >= 6000  # what was written while it stood still
    world.now_s += 20
    assert [word for _, word in world.fleet[TASK].history][3:] == words


EVENTS = ("wait", "writers on", "writers off", "die", "revive", "break", "lag", "restart", "stop")


def happen(world: World, event: str, seconds: float) -> None:
    """Let one event happen, and time pass before it."""
    world.now_s += seconds
    migration = world.fleet[TASK]
    match event:
        case "writers on" | "writers off":
            world.write(on=event == "writers on")
        case "die" | "revive":
            world.fleet.alter(TASK, {"dead": event == "die"})
        case "break":
            world.fleet.break_sync(migration, world.now_s)
        case "lag":
            world.fleet.alter(TASK, {"lag_bytes": 3000})
        case "restart":
            orders.restart(world.fleet, migration)
        case "stop":
            before = world.figures().missing_keys
            running = not migration.stopping and not migration.is_ended
            if orders.stop(world.fleet, migration) is None and running:
                assert migration.loss is not None
                assert migration.loss.keys == before
        case _:
            pass


@given(
    st.lists(st.tuples(st.sampled_from(EVENTS), st.floats(0, 1000, allow_nan=False)), max_size=20),
    st.sampled_from([10.0, 90.0, 500.0]),
)
def test_whatever_happens_the_lag_keeps_its_rules(
    events: list[tuple[str, float]], writes_per_s: float
) -> None:
    """Busy is never 0, dead is always 0, at rest comes to 0, and a stop loses what it said."""
    world = World()
    world.add(full_s=10, writes_per_s=writes_per_s, bytes_per_write=10)
    for event, seconds in events:
        happen(world, event, seconds)
        migration, known = world.fleet[TASK], world.figures()
        assert 0 <= known.progress <= 100
        assert 0 <= known.missing_keys <= known.source_keys
        assert known.offset <= known.behind_bytes or known.phase == "stopped"
        if known.phase == "incremental":
            assert known.is_migrating is not migration.spec.dead
            assert (known.offset > 0) >= (migration.sync.writing and not migration.spec.dead)
            assert known.offset == 0 or not migration.spec.dead
    world.write(on=False)
    world.fleet.alter(TASK, {"dead": False})
    world.now_s += 1e6
    assert world.figures().phase == "stopped" or world.figures().offset == 0


def test_a_lag_set_by_hand_holds_at_once(world: World) -> None:
    """It jumps, as if a batch job had begun to write."""
    world.add()
    world.fleet.alter(TASK, {"lag_bytes": 700})
    assert world.offsets(0, 1) == [700, 0]


def test_equal_seeds_give_equal_unrest() -> None:
    """Two runs show the same lags, another seed or another task does not."""
    runs = []
    for seed, task_id in ((1, TASK), (1, TASK), (2, TASK), (1, OTHER)):
        fleet = Fleet(lambda: BEGIN_S + 7, seed=seed)
        fleet.add(MigrationSpec(task_id=task_id, writers=True))
        runs.append(lag.figures(fleet[task_id], BEGIN_S + 7).offset)
    assert runs[0] == runs[1]
    assert len(set(runs)) == 3


@pytest.mark.parametrize("field", ["writes_per_s", "bytes_per_write", "lag_bytes", "keys"])
def test_a_negative_figure_is_refused(field: str) -> None:
    """When the spec is made."""
    spec: dict[str, Any] = {field: -1}
    with pytest.raises(ValueError, match="must not be negative"):
        MigrationSpec(task_id=TASK, **spec)
