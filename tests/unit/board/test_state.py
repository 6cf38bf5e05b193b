"""The state: snapshots and changes tell the same, whatever comes in whatever order."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kubectl_dcs.board.state import LISTING, LIVE, LOST, REFUSED, STATES, State
from kubectl_dcs.following import News, What
from kubectl_dcs.kinds import PROJECT, TASK, WAVE
from kubectl_dcs.problems import ApiProblem
from unit.plugin import bodies

NOW_S = 1000.0


def heard(*news: News) -> State:
    """Return a state that has heard this."""
    state = State()
    for one in news:
        state.hear(one, NOW_S)
    return state


def page_with(page: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Return what a page has after a message, as `page/model.js` does it."""
    page = {kind: dict(objects) for kind, objects in page.items()}
    for kind in page:
        for entry in changes.get(kind, ()):
            page[kind][f"{entry['ns']}/{entry['name']}"] = entry
        for key in changes.get(f"{kind}Gone", ()):
            page[kind].pop(key, None)
    return page


def page_of(snapshot: dict[str, Any]) -> dict[str, Any]:
    """Return what a page has after a snapshot."""
    found = {}
    for kind in (TASK.plural, WAVE.plural, PROJECT.plural):
        entries = [{k: v for k, v in one.items() if k != "lags"} for one in snapshot[kind]]
        found[kind] = {f"{one['ns']}/{one['name']}": one for one in entries}
    return found


NAMES = st.sampled_from(["a", "b", "c"])
TASKS = st.builds(lambda name, lag: bodies.task(name, lag=lag), NAMES, st.integers(0, 5))
NEWS = st.one_of(
    st.builds(lambda some: News(What.LISTED, TASK, some), st.lists(TASKS, max_size=3)),
    st.builds(lambda one: News(What.CHANGED, TASK, (one,)), TASKS),
    st.builds(lambda one: News(What.DELETED, TASK, (one,)), TASKS),
    st.builds(lambda name: News(What.CHANGED, WAVE, (bodies.wave(name),)), NAMES),
    st.builds(lambda name: News(What.DELETED, WAVE, (bodies.wave(name),)), NAMES),
)


@given(st.lists(st.lists(NEWS, max_size=4), max_size=6))
def test_a_page_that_follows_has_what_a_page_that_is_opened_now_gets(
    bursts: list[list[News]],
) -> None:
    """Whatever is joined into one message."""
    state, page = State(), page_of(State().snapshot())
    for burst in bursts:
        for news in burst:
            state.hear(news, NOW_S)
        page = page_with(page, state.take_changes())
    assert page == page_of(state.snapshot())


def test_what_was_taken_is_not_told_again() -> None:
    """A message has what changed since the last one."""
    state = heard(News(What.LISTED, TASK, (bodies.task("a"), bodies.task("b"))))
    assert len(state.take_changes()[TASK.plural]) == 2
    assert not state.changed
    state.hear(News(What.CHANGED, TASK, (bodies.task("b"),)), NOW_S)
    assert [one["name"] for one in state.take_changes()[TASK.plural]] == ["b"]


def test_a_new_list_drops_what_is_no_longer_there() -> None:
    """It was deleted while the connection was cut."""
    state = heard(News(What.LISTED, TASK, (bodies.task("a"), bodies.task("b"))))
    state.take_changes()
    state.hear(News(What.LISTED, TASK, (bodies.task("b"),)), NOW_S)
    assert state.take_changes()[f"{TASK.plural}Gone"] == ["shop/a"]


def test_a_cut_connection_is_as_old_as_the_last_word_that_was_heard() -> None:
    """Not as the moment in which it was noticed, which may be a minute later."""
    state = heard(News(What.LISTED, TASK, ()))
    assert state.links[TASK.plural].entry()["word"] == LIVE
    state.hear(News(What.LOST, TASK, problem=ApiProblem("gone")), NOW_S + 75, NOW_S + 3)
    link = state.links[TASK.plural]
    assert (link.word, link.since_s, link.why) == (LOST, NOW_S + 3, "gone")
    state.hear(News(What.BACK, TASK), NOW_S + 80)
    assert state.links[TASK.plural].word == LIVE


def test_a_refusal_keeps_the_rows_and_says_what_was_said() -> None:
    """A login that ends at three in the morning must not empty the screen."""
    state = heard(News(What.LISTED, TASK, (bodies.task("a"),)))
    problem = ApiProblem("log in again", 401)
    state.hear(News(What.ENDED, TASK, problem=problem), NOW_S + 9, NOW_S + 1)
    link = state.links[TASK.plural]
    assert (link.word, link.code, link.since_s) == (REFUSED, 401, NOW_S + 1)
    assert list(state.tasks) == ["shop/a"]


def test_before_the_first_list_nothing_is_counted() -> None:
    """An empty state is not an empty cluster."""
    state = State()
    state.note_counts(NOW_S)
    assert state.links[TASK.plural].word == LISTING
    assert state.night.points == []


def test_counts_are_in_the_order_that_the_page_is_told() -> None:
    """One number for each state."""
    trouble = bodies.task("a", "False/CutoverTimedOut", standing="Stalled")
    state = heard(News(What.LISTED, TASK, (trouble, bodies.stopped("b"), bodies.stopped("c"))))
    counts = dict(zip(STATES, state.counts(), strict=True))
    assert {state: n for state, n in counts.items() if n} == {"trouble": 1, "stopped": 2}


def test_a_row_opens_into_the_project_that_its_task_names() -> None:
    """If that may be seen."""
    project = {"metadata": {"namespace": "shop", "name": "default"}, "spec": {"region": "r1"}}
    state = heard(
        News(What.LISTED, TASK, (bodies.task("a"),)), News(What.LISTED, PROJECT, (project,))
    )
    found = state.details("shop", "a", "")
    assert found is not None
    assert found["project"]["region"] == "r1"
    assert state.details("shop", "b", "") is None
