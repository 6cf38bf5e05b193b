"""Leader election against a Lease with versions: who leads, until when, and who is next."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from dcs_migration_operator.kube.lease import LEASE_S, RETRY_S, SILENT_S, TRUST_S
from unit.kube.leases import Leases, Replica

pytestmark = pytest.mark.looptime


async def test_the_first_replica_leads_at_once() -> None:
    """It creates the Lease, with the figures that other tools read."""
    leases = Leases()
    one = Replica(leases, "one")
    await asyncio.wait_for(one.elector.elected.wait(), 0.1)
    assert one.elector.leads()
    assert leases.spec is not None
    assert (leases.holder, leases.spec["leaseDurationSeconds"]) == ("one", 15)
    assert leases.spec["leaseTransitions"] == 0
    assert datetime.fromisoformat(leases.spec["renewTime"]).tzinfo is not None
    assert leases.spec["acquireTime"] == leases.spec["renewTime"]
    await one.kill()


async def test_one_of_two_leads_for_as_long_as_it_renews() -> None:
    """The other one looks every 2 s and never writes."""
    leases = Leases()
    one, two = Replica(leases, "one"), Replica(leases, "two")
    for _ in range(100):
        await asyncio.sleep(1.0)
        assert (one.elector.leads(), two.elector.leads()) == (True, False)
    assert leases.calls.count("get") == pytest.approx(2 * 100 / RETRY_S, abs=4)
    assert leases.calls.count("put") == pytest.approx(100 / RETRY_S, abs=2)
    assert leases.spec is not None
    assert leases.spec["leaseTransitions"] == 0
    await one.kill()
    await two.kill()


async def test_a_replica_that_was_slower_to_create_waits() -> None:
    """The conflict is no failure of the process."""
    leases = Leases(answer_s=1.0)
    one, two = Replica(leases, "one"), Replica(leases, "two")
    await asyncio.sleep(10.0)
    assert leases.calls.count("create") == 2
    assert [one.elector.leads(), two.elector.leads()].count(True) == 1
    assert not one.running.done()
    assert not two.running.done()
    await one.kill()
    await two.kill()


async def test_a_lost_race_for_a_free_lease_is_no_leadership() -> None:
    """A conflict of versions tells that somebody else was faster."""
    leases = Leases(answer_s=1.0)
    leases.held_by("")
    one = Replica(leases, "one")
    await asyncio.sleep(0.7)  # the version was read
    leases.held_by("two")
    await asyncio.sleep(1.0)
    assert leases.calls == ["get", "put"]
    assert (one.elector.leads(), leases.holder) == (False, "two")
    await one.kill()


async def test_leadership_ends_before_anybody_else_may_take_over() -> None:
    """At two thirds of the duration after the start of the last renewal, to the moment."""
    leases = Leases(answer_s=1.0)
    leases.held_by("")
    one = Replica(leases, "one")
    await asyncio.sleep(7.0)  # renewals took from 0 to 2 s and from 4 to 6 s
    leases.failing = {"get": 500}
    await asyncio.sleep(4.0 + TRUST_S - 0.001 - 7.0)
    assert one.elector.leads()
    await asyncio.sleep(0.002)
    assert not one.elector.leads()
    await asyncio.wait_for(one.running, 0.1)
    assert TRUST_S < LEASE_S


@pytest.mark.parametrize("call", ["get", "put"])
async def test_a_leader_whose_calls_hang_leaves_as_soon_as_it_leads_no_more(call: str) -> None:
    """It does not wait for answers that could not help it."""
    leases = Leases()
    leases.held_by("")
    one = Replica(leases, "one")
    await asyncio.sleep(3.0)
    assert one.elector.leads()
    leases.hanging = call
    await asyncio.sleep(2.0 + TRUST_S - 3.0 - 0.001)  # last renewed at 2 s
    assert one.elector.leads()
    await asyncio.wait_for(one.running, 0.1)
    assert not one.elector.leads()


async def test_a_leader_that_was_replaced_leaves_when_it_sees_that() -> None:
    """Not a pause later."""
    leases = Leases()
    one = Replica(leases, "one")
    await asyncio.sleep(3.0)
    leases.held_by("two")
    await asyncio.wait_for(one.running, RETRY_S)
    assert asyncio.get_running_loop().time() == pytest.approx(4.0, abs=0.01)


async def test_a_short_absence_of_the_api_server_is_survived() -> None:
    """Leadership goes on, and the loop with it."""
    leases = Leases()
    one = Replica(leases, "one")
    await asyncio.sleep(3.0)
    leases.failing = {"get": 0}
    await asyncio.sleep(7.0)
    assert one.elector.leads()
    leases.failing = {}
    await asyncio.sleep(20.0)
    assert one.elector.leads()
    assert not one.running.done()
    await one.kill()


async def test_a_killed_leader_is_replaced_within_17_s() -> None:
    """Not before the duration has passed; and the change is counted."""
    leases = Leases()
    one, two = Replica(leases, "one"), Replica(leases, "two")
    await asyncio.sleep(10.5)
    await one.kill()
    killed_at = asyncio.get_running_loop().time()
    await two.elector.elected.wait()
    waited_s = asyncio.get_running_loop().time() - killed_at
    assert LEASE_S - RETRY_S <= waited_s <= LEASE_S + RETRY_S
    assert leases.spec is not None
    assert (leases.holder, leases.spec["leaseTransitions"]) == ("two", 1)
    await two.kill()


async def test_expiry_is_judged_by_the_local_clock_alone() -> None:
    """Times of another machine's clock count for nothing: only that they change."""
    leases = Leases()
    leases.held_by("two", renewTime="1970-01-01T00:00:00.000000Z", leaseDurationSeconds=1)
    one = Replica(leases, "one")
    await asyncio.sleep(LEASE_S - 1.0)
    assert not one.elector.leads()
    leases.held_by("two", renewTime="1970-01-01T00:00:00.000001Z")
    await asyncio.sleep(LEASE_S - 1.0)
    assert not one.elector.leads()
    await asyncio.sleep(2.0 + RETRY_S)
    assert one.elector.leads()
    await one.kill()


async def test_a_lease_that_nobody_has_written_for_long_is_free_at_once() -> None:
    """By the clock of the API server alone: what an uninstalled release has left behind."""
    leases = Leases()
    leases.held_by("gone")
    leases.written_s_ago = SILENT_S
    one = Replica(leases, "one", server_now=leases.server_now)
    await asyncio.sleep(0.1)
    assert (one.elector.leads(), leases.holder) == (True, "one")
    await one.kill()


@pytest.mark.parametrize("written_s_ago", [SILENT_S - 1.0, 0.0, -3600.0, None])
async def test_a_lease_that_may_be_held_is_waited_for(written_s_ago: float | None) -> None:
    """It was written lately, or in the future of the clock, or nobody noted when."""
    leases = Leases()
    leases.held_by("two")
    leases.written_s_ago = written_s_ago
    one = Replica(leases, "one", server_now=leases.server_now)
    await asyncio.sleep(LEASE_S - 1.0)
    assert not one.elector.leads()
    await asyncio.sleep(1.0 + RETRY_S)
    assert one.elector.leads()
    await one.kill()


async def test_a_lease_with_a_longer_duration_is_waited_for_longer() -> None:
    """Another program may hold it, which renews it rarely."""
    leases = Leases()
    leases.held_by("two", leaseDurationSeconds=300)
    leases.written_s_ago = SILENT_S * 2
    one = Replica(leases, "one", server_now=leases.server_now)
    await asyncio.sleep(1.0)
    assert not one.elector.leads()
    await one.kill()


@pytest.mark.parametrize("fields", [None, {}, "x", [None], [{}], [{"time": 7}], [{"time": "x"}]])
async def test_a_lease_that_does_not_tell_when_is_waited_for(fields: Any) -> None:
    """Whatever stands where the API server notes it."""
    leases = Leases()
    leases.held_by("two")
    leases.metadata = {"managedFields": fields}
    one = Replica(leases, "one", server_now=leases.server_now)
    await asyncio.sleep(1.0)
    assert not one.elector.leads()
    assert not one.running.done()
    await one.kill()


async def test_a_lease_without_a_spec_is_free() -> None:
    """Somebody may have made one by hand."""
    leases = Leases()
    leases.spec = {}
    one = Replica(leases, "one")
    await asyncio.sleep(0.1)
    assert one.elector.leads()
    await one.kill()


async def test_a_paused_leader_does_not_act() -> None:
    """Its clock went on while it slept; another replica may lead by now."""
    slept_s = 0.0
    loop = asyncio.get_running_loop()
    leases = Leases()
    one = Replica(leases, "one", lambda: loop.time() + slept_s)
    await asyncio.sleep(5.0)
    assert one.elector.leads()
    slept_s = 60.0
    assert not one.elector.leads()
    leases.held_by("two")
    await asyncio.wait_for(one.running, RETRY_S)
    assert not one.elector.leads()
    assert leases.holder == "two"


async def test_a_renewal_that_took_too_long_lets_nobody_act() -> None:
    """Trust counts from its start, not from its answer."""
    leases = Leases(answer_s=6.0)
    leases.held_by("")
    one = Replica(leases, "one")
    await asyncio.sleep(12.1)
    assert leases.holder == "one"
    assert not one.elector.leads()
    await one.kill()


async def test_a_released_lease_is_taken_over_in_one_pause() -> None:
    """The old leader stops at once, the new one leads within 2 s."""
    leases = Leases()
    one, two = Replica(leases, "one"), Replica(leases, "two")
    await asyncio.sleep(10.5)
    await one.elector.release()
    assert not one.elector.leads()
    assert leases.holder == ""
    await one.kill()
    await asyncio.wait_for(two.elector.elected.wait(), RETRY_S)
    await two.kill()


async def test_a_released_lease_stays_released() -> None:
    """The process that ends goes on for seconds; its loop must not take the Lease back."""
    leases = Leases()
    one = Replica(leases, "one")
    await asyncio.sleep(10.5)
    await one.elector.release()
    await asyncio.sleep(3 * RETRY_S)
    assert leases.holder == ""
    await one.kill()


@pytest.mark.parametrize("moment_s", [4.2, 4.7, 5.2, 5.7])
async def test_a_release_in_the_middle_of_a_renewal_comes_through(moment_s: float) -> None:
    """Whichever of the two the API server sees first: that one reads at 4.5 s, writes at 5.5 s."""
    leases = Leases(answer_s=1.0)
    leases.held_by("")
    one = Replica(leases, "one")
    await asyncio.sleep(moment_s)
    assert one.elector.leads()
    await one.elector.release()
    await asyncio.sleep(2.0)
    assert leases.holder == ""
    await one.kill()


async def test_a_frozen_loop_can_be_told_from_an_unlucky_one() -> None:
    """By the time since the last attempt, whatever became of it."""
    leases = Leases()
    leases.failing = {"get": 500}
    one = Replica(leases, "one")
    await asyncio.sleep(100.0)
    assert one.elector.stuck_s() <= RETRY_S
    await one.kill()
    await asyncio.sleep(100.0)
    assert one.elector.stuck_s() >= 100.0


async def test_only_a_holder_releases() -> None:
    """A replica that waits leaves the Lease alone, and never leads afterwards."""
    leases = Leases()
    leases.held_by("two")
    one = Replica(leases, "one")
    await asyncio.sleep(1.0)
    await one.elector.release()
    assert leases.holder == "two"
    await asyncio.sleep(3 * LEASE_S)
    assert not one.elector.leads()
    await one.kill()


async def test_a_release_that_fails_is_no_error() -> None:
    """The process ends all the same, and the Lease expires."""
    leases = Leases()
    one = Replica(leases, "one")
    await asyncio.sleep(1.0)
    leases.failing = {"get": 500}
    await one.elector.release()
    assert not one.elector.leads()
    await one.kill()
