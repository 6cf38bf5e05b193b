"""What has to hold for conditional wishes and waves, in any weather, whoever does what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.conditions import READY
from simulation.notes import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from simulation.cloud import Migration
    from simulation.world import Stored, World

CONDITIONAL: Final = frozenset(
    {
        Rule.SUSPENDED,
        Rule.SAMPLES,
        Rule.AGE,
        Rule.PHASE,
        Rule.WINDOW,
        Rule.WAVE,
        Rule.HOLD,
    }
)
"""The rules that are checked here, each by a function with its name."""


def check_cutovers(world: World) -> None:
    """Hold each of these invariants against what happened."""
    check_caught_up(world)
    check_sample_age(world)
    check_phase(world)
    check_window(world)
    check_wave_at_go(world)
    check_hold(world)
    check_suspended(world)
    check_room(world)
    check_nothing_lost(world)
    check_idle_stats(world)
    check_full_sync_told(world)


def check_caught_up(world: World) -> None:
    """Check that no conditional order leaves unless its condition held twice, for `stableFor`.

    In samples in a row of the process that sends it, none of which failed or said anything else;
    or the time was up, the wish says `StopAnyway`, and the lag was asked for in the last 10 s.
    """
    _check_rule(world, Rule.SAMPLES)


def check_sample_age(world: World) -> None:
    """Check that the last of these samples is at most 10 s old as the order leaves."""
    _check_rule(world, Rule.AGE)


def check_phase(world: World) -> None:
    """Check that DCS has not said since that the task is in another phase."""
    _check_rule(world, Rule.PHASE)


def check_window(world: World) -> None:
    """Check that no conditional order leaves outside of its window, or that of its wave."""
    _check_rule(world, Rule.WINDOW)


def check_wave_at_go(world: World) -> None:
    """Check that no order leaves for a wave that does not exist or was never told to go."""
    _check_rule(world, Rule.WAVE)


def check_hold(world: World) -> None:
    """Check that after Hold, or the deletion of its wave, no order leaves that had not left."""
    _check_rule(world, Rule.HOLD)


def check_suspended(world: World) -> None:
    """Check that a suspended project gets no order, whatever the wish."""
    _check_rule(world, Rule.SUSPENDED)


def check_room(world: World) -> None:
    """Check that no wave admits a task while as many as `maxUnderWay` are under way."""
    assert not world.notes.crowded, f"too many under way: {world.notes.crowded}"


def check_nothing_lost(world: World) -> None:
    """Check that no order loses a key of a target that had caught up after its writers."""
    lost = [cut for cut in world.notes.cuts if cut.quiet and cut.honest and cut.exact and cut.keys]
    assert not lost, f"keys were lost: {lost}"


def check_idle_stats(world: World) -> None:
    """Check that a task without a conditional wish costs no stats call."""
    assert not world.notes.idle_stats, f"sampled for nobody: {world.notes.idle_stats}"


def check_full_sync_told(world: World) -> None:
    """Check that people are warned when a target whose lag was known is copied once more."""
    assert not world.notes.untold, f"copied anew, and nobody was warned: {world.notes.untold}"


def told(rules: Iterable[Rule]) -> str:
    """Return in words which rules an order breaks."""
    return ", ".join(sorted(rule.value for rule in rules))


def is_at_rest(stored: Stored, one: Migration) -> bool:
    """Tell whether a conditional wish that is not fulfilled says why it never will be."""
    ready = stored.status.condition(READY)
    full = "full" in one.method
    return bool(stored.task.cutover and full and ready and ready.reason == "NotIncremental")


def _check_rule(world: World, rule: Rule) -> None:
    for order in world.notes.orders:
        for one, broken in order.broken.items():
            assert rule not in broken, f"{one} was ordered {told(broken)}: {order}"
