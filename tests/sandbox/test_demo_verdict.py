"""The demo's verdict and summary: silent where all is well, else a sentence each."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sandbox.dcs.migration import key_of
from sandbox.demo.calls import Call
from sandbox.demo.fleet import Member, mixed_fleet
from sandbox.demo.resources import Resource
from sandbox.demo.summary import HOLDS, summary
from sandbox.demo.verdict import (
    Measured,
    calls_one_by_one,
    is_as_expected,
    mismatches,
    must_be_ordered,
    spread,
)

FLEET = mixed_fleet(120, 6.0)
KEYS = {one.name: key_of(one.task_id) for one in FLEET}
REFUSED = next(one for one in FLEET if one.reason == "StopRejected")
FAILED = next(one for one in FLEET if one.reason == "TaskFailed")
STOPPED = next(one for one in FLEET if one.ordered and one.ready)
ENDED = next(one for one in FLEET if one.word == "SUCCESS")


def resource(member: Member) -> Resource:
    """Return the resource of a member at the end of a run in which all went well."""
    condition = {
        "type": "Ready",
        "status": "True" if member.ready else "False",
        "reason": member.reason,
        "message": f"About {member.name}.",
    }
    others = [{"type": "Reconciling", "status": "True"}] if member is REFUSED else []
    return Resource(
        member.name,
        stopped=True,
        current=True,
        status={"phase": member.phase, "conditions": [condition, *others]},
        writes_observed=1,
        writes_stopping=2 if member.ordered or member.word == "TERMINATING" else 1,
    )


def measured() -> Measured:
    """Return a run in which all went well: looks at 1 s and 9 s, orders at 3 s, the end at 8 s."""
    resources = {one.name: resource(one) for one in FLEET}
    keys = sorted(must_be_ordered(FLEET))
    batches = [tuple(keys[start : start + 50]) for start in range(0, len(keys), 50)]
    calls = [Call(operation="list", at_s=1.0)]
    calls += [Call(operation="batch_stop", at_s=3.0, ids=ids) for ids in batches]
    calls += [Call(operation="list", at_s=9.0), Call(operation="show", at_s=9.0)]
    calls += [Call(operation="batch_stop", at_s=20.0, ids=(KEYS[REFUSED.name],))]
    histories: dict[str, list[tuple[float, str]]] = {}
    for one in FLEET:
        if one.word:
            changes = [(8.0, one.phase)] if one.phase != one.word else []
            histories[KEYS[one.name]] = [(0.0, one.word), *changes]
    return Measured(
        resources=resources,
        status_patches=sum(one.writes_observed + one.writes_stopping for one in resources.values()),
        calls=calls,
        histories=histories,
        apply_s=1.2,
        stopped_s=9.3,
    )


def test_a_run_in_which_all_went_well_has_no_mismatch() -> None:
    """Also with one more order for the refused task, which is counted apart."""
    assert mismatches(FLEET, measured()) == []


def changed(name: str, **changes: Any) -> Callable[[Measured], Measured]:
    """Return a run in which one resource differs."""

    def change(run: Measured) -> Measured:
        other = replace(run.resources[name], **changes)
        return replace(run, resources={**run.resources, name: other})

    return change


def ordered(*more: Call) -> Callable[[Measured], Measured]:
    """Return a run with more orders."""
    return lambda run: replace(run, calls=[*run.calls, *more])


def split_order(run: Measured) -> Measured:
    """Return a run in which the last full order left in two parts."""
    calls = list(run.calls)
    whole = calls.pop(2)
    parts = [replace(whole, ids=whole.ids[:40]), replace(whole, ids=whole.ids[40:])]
    return replace(run, calls=[*calls[:2], *parts, *calls[2:]])


def joined_order(run: Measured) -> Measured:
    """Return a run in which two orders were one."""
    first, second, *others = (one for one in run.calls if one.operation == "batch_stop")
    return replace(run, calls=[replace(first, ids=(*first.ids, *second.ids)), *others])


def still_runs(run: Measured) -> Measured:
    """Return a run after which DCS says that a task still runs."""
    return replace(run, histories={**run.histories, KEYS[STOPPED.name]: [(0.0, "RUNNING")]})


@pytest.mark.parametrize(
    "change, sentence",
    [
        (changed(STOPPED.name, status={"phase": "TERMINATING"}), "says TERMINATING/, not TERM"),
        (changed(STOPPED.name, current=False), f"{STOPPED.name} says TERMINATED/Terminated"),
        (changed(FAILED.name, stopped=False), f"{FAILED.name} says FAILED/TaskFailed"),
        (still_runs, f"DCS says RUNNING of {STOPPED.name}, not TERMINATED"),
        (split_order, "4 orders (50 + 40 + 10 + 6 ids) for 106 tasks, not 3."),
        (joined_order, "1 orders had more than 50 ids."),
        (
            ordered(Call(operation="batch_stop", at_s=5.0, ids=(KEYS[ENDED.name],))),
            f"Ordered though there was nothing to stop: {ENDED.name}.",
        ),
        (
            ordered(Call(operation="batch_stop", at_s=5.0, ids=(KEYS[STOPPED.name],))),
            f"Ordered more than once: {STOPPED.name}.",
        ),
        (
            lambda run: replace(run, calls=run.calls[:2]),
            "Never ordered: ",
        ),
        (changed(ENDED.name, writes_observed=2), "2 status writes while only observed, not 1 at"),
        (changed(STOPPED.name, writes_stopping=3), "3 status writes on the way to TERMINATED"),
        (changed(ENDED.name, writes_stopping=2), "2 status writes with nothing left to stop"),
        (lambda run: replace(run, status_patches=400), "counted 400 writes to a status, and"),
        (lambda run: replace(run, resources={}), "says nothing, not"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    change: Callable[[Measured], Measured], sentence: str
) -> None:
    """And the summary shows it instead of saying that all is well."""
    run = change(measured())
    assert any(sentence in one for one in mismatches(FLEET, run)), mismatches(FLEET, run)
    text = summary(FLEET, run)
    assert HOLDS not in text
    assert "This is not as expected:" in text


def test_a_long_list_of_names_is_cut() -> None:
    """Five are named, the others counted."""
    everything = {name: replace(one, stopped=False) for name, one in measured().resources.items()}
    [sentence] = mismatches(FLEET, replace(measured(), resources=everything))
    assert sentence.endswith("; and 115 more.")


def test_more_writes_for_a_refused_task_are_no_mismatch() -> None:
    """Each time it is ordered again is news about it."""
    run = changed(REFUSED.name, writes_stopping=7)(measured())
    assert mismatches(FLEET, replace(run, status_patches=run.status_patches + 5)) == []


def test_a_word_that_changes_while_it_is_observed_may_be_written() -> None:
    """As of a migration that somebody else is stopping; but only once."""
    ending = next(one for one in FLEET if one.word == "TERMINATING")
    run = changed(ending.name, writes_observed=2, writes_stopping=1)(measured())
    assert mismatches(FLEET, run) == []
    run = changed(ending.name, writes_observed=3, writes_stopping=0)(measured())
    assert any(
        "3 status writes while only observed, not 2" in one for one in mismatches(FLEET, run)
    )


def test_a_resource_has_to_speak_of_the_wish() -> None:
    """The right words about an earlier generation, or without the wish, are not the end."""
    done = resource(STOPPED)
    assert is_as_expected(STOPPED, done)
    assert not is_as_expected(STOPPED, replace(done, current=False))
    assert not is_as_expected(STOPPED, replace(done, stopped=False))
    assert not is_as_expected(STOPPED, None)


def test_one_call_per_task_would_have_cost_a_stop_and_its_shows() -> None:
    """Two looks: the tasks that had ended before the first one need only that."""
    stops, shows = calls_one_by_one(FLEET, measured())
    assert stops == 106
    settled = sum(one.word in {"TERMINATED", "SUCCESS", "RELEASED", "FAILED", ""} for one in FLEET)
    assert shows == 2 * 120 - settled


def test_the_spread_of_nothing_is_zero() -> None:
    """A fleet without a resource has no writes."""
    assert (spread([]).most, spread([]).mean) == (0, 0.0)
    assert (spread([1, 2]).most, spread([1, 2]).mean) == (2, 1.5)


def test_the_summary_has_the_figures_and_the_people() -> None:
    """Orders beside their least number, repeated ones apart, each open task in its own words."""
    text = " ".join(summary(FLEET, measured()).split())
    for part in (
        "120, of them 120 with stopped: true",
        "111 of 111 that can be stopped are TERMINATED, 111 also in DCS;",
        "3 with 2 x 50 + 6 ids, for 106 tasks to be ordered; ceil(106 / 50) = 3",
        f"1 order, for what DCS had refused: {REFUSED.name} Polls",
        "2 lists of everything, 1 show of a single task",
        "9.3 s from kubectl apply until all are TERMINATED",
        "kubectl needed 1.2 s, and DCS 5.0 s from the first order on",
        "Needs a person: 3",
        f"{FAILED.name}: phase FAILED, TaskFailed. About {FAILED.name}.",
        f"StopRejected. About {REFUSED.name}. (The operator keeps trying.)",
    ):
        assert part in text
    assert text.endswith(HOLDS)


def test_the_summary_of_a_run_out_of_time_says_so() -> None:
    """There is no time until all were TERMINATED."""
    text = summary(FLEET, replace(measured(), stopped_s=None, calls=[]))
    assert "not all TERMINATED in time" in text
    assert "0 with no ids" in text
