"""Waiting and watching against a fake API server: changes, lost connections, and the end of it."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from sandbox.waiting import eventually
from unit.plugin import bodies
from unit.plugin.fake_api import Reply, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from unit.plugin.conftest import Ran, Run
    from unit.plugin.fake_api import Asked, FakeApi

IN_NIGHT = {"cutover": {"waveRef": {"name": "night"}}}


@pytest.fixture
def meanwhile(api: FakeApi) -> Iterator[Callable[[Callable[[], object]], None]]:
    """Give a way to do something once the command watches the tasks."""
    threads: list[threading.Thread] = []

    def watched() -> bool:
        asked = (one for one in api.asked if one.query.get("watch"))
        return any(one.path.endswith("/migrationtasks") for one in asked)

    def later(act: Callable[[], object]) -> None:
        def wait_and_act() -> None:
            eventually(watched, 30)
            act()

        threads.append(threading.Thread(target=wait_and_act))
        threads[-1].start()

    yield later
    for thread in threads:
        thread.join()


def put_all(api: FakeApi, *tasks: dict[str, Any]) -> None:
    """Store tasks."""
    for body in tasks:
        api.put("migrationtasks", body)


def test_a_wait_ends_when_all_are_stopped(
    api: FakeApi, run: Run, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """One line for each change, and a sentence at the end."""
    api.put("migrationwaves", bodies.wave(ready="False/Going", standing="Reconciling"))
    put_all(api, bodies.task("a", spec=IN_NIGHT, lag=7), bodies.stopped("b", spec=IN_NIGHT))

    def go_on() -> None:
        put_all(api, bodies.task("a", "False/Stopping", spec=IN_NIGHT, phase="TERMINATING", lag=0))
        put_all(api, bodies.task("stranger", "False/Queued", spec={"cutover": {}}))
        put_all(api, bodies.stopped("a", spec=IN_NIGHT))

    meanwhile(go_on)
    ran = run("wait", "night", "--timeout", "30")
    assert ran.status == 0
    *lines, last = ran.out.splitlines()
    assert [line.partition("  ")[2] for line in lines] == [
        "shop/a  TERMINATING  Stopping (stopping)  lag 0",
        "shop/a  TERMINATED  Terminated (stopped)",
    ]
    assert last.startswith("2 of 2 stopped after ")


def test_time_is_up_is_status_3_with_what_is_missing(api: FakeApi, run: Run) -> None:
    """A timeout of 0 looks once."""
    put_all(api, bodies.task("a", labels={"g": "1"}), bodies.stopped("b", labels={"g": "1"}))
    ran = run("wait", "-l", "g=1", "--timeout", "0")
    assert ran.status == 3
    assert ran.out.startswith("Time is up: 1 of 2 stopped after 0s. Not yet:\n")
    assert "  shop/a: CatchingUp: Because of CatchingUp." in ran.out


def test_a_person_is_needed_is_status_1(api: FakeApi, run: Run) -> None:
    """As soon as nothing more comes by itself."""
    trouble = bodies.task("a", "False/CutoverTimedOut", standing="Stalled", labels={"g": "1"})
    put_all(api, trouble, bodies.stopped("b", labels={"g": "1"}))
    ran = run("wait", "-l", "g=1")
    assert ran.status == 1
    assert ran.out.startswith("A person is needed for 1: 1 of 2 stopped after ")
    assert "shop/a: CutoverTimedOut: Because of CutoverTimedOut." in ran.out


def test_a_wave_that_is_paused_ends_the_wait(api: FakeApi, run: Run) -> None:
    """With what it says itself."""
    api.put(
        "migrationwaves",
        bodies.wave(ready="False/PausedByFailures", standing="Stalled", state="Go"),
    )
    put_all(api, bodies.task("a", spec=IN_NIGHT))
    ran = run("wait", "night")
    assert ran.status == 1
    assert "Wave night: Because of PausedByFailures." in ran.out


@pytest.mark.parametrize(
    "body, status",
    [
        (bodies.task("a", also=("CaughtUp",)), 0),
        (bodies.task("a", "True/Holding", also=("CaughtUp",)), 0),
        (bodies.stopped("a"), 0),
        (bodies.task("a"), 3),
    ],
)
def test_caught_up_can_be_waited_for(
    api: FakeApi, run: Run, body: dict[str, Any], status: int
) -> None:
    """So that a script goes on while the wave still holds."""
    put_all(api, body)
    assert run("wait", "--name", "a", "--until", "caught-up", "--timeout", "0").status == status


def test_the_end_of_a_wait_as_json(api: FakeApi, run: Run) -> None:
    """Nothing else is on standard output."""
    put_all(api, bodies.task("a", lag=7), bodies.stopped("b"))
    ran = run("wait", "--name", "a", "--name", "b", "--timeout", "0", "-o", "json")
    said = json.loads(ran.out)
    assert (said["until"], said["result"]) == ("stopped", "time is up")
    assert said["counts"]["stopped"] == 1
    assert [(one["name"], one["lag"]) for one in said["missing"]] == [("a", 7)]


def once(reply: Reply, *, watch: bool) -> Callable[[Asked], Reply | None]:
    """Return a fault that hits the first watch, or the first list after a watch."""
    state = {"watched": False, "done": False}

    def fault(asked: Asked) -> Reply | None:
        is_watch = bool(asked.query.get("watch"))
        due = is_watch if watch else state["watched"] and not is_watch
        state["watched"] |= is_watch
        if due and not state["done"]:
            state["done"] = True
            return reply
        return None

    return fault


@pytest.mark.parametrize(
    "reply, told",
    [
        pytest.param(Reply(410, {"message": "too old resource version"}), False, id="too old"),
        pytest.param(refusal(500, "etcd has no leader"), True, id="server error"),
        pytest.param(Reply(200, b'{"type": "MODIF'), False, id="cut off"),
        pytest.param(Reply(200, b"<html>\n"), True, id="not an event"),
        pytest.param(
            Reply(200, {"type": "ERROR", "object": {"code": 410, "message": "Expired"}}),
            False,
            id="expired in the stream",
        ),
    ],
)
def test_a_watch_that_ends_badly_is_made_again(
    api: FakeApi,
    run: Run,
    meanwhile: Callable[[Callable[[], object]], None],
    reply: Reply,
    *,
    told: bool,
) -> None:
    """Nothing is missed: it goes on where it was, or with a new list, which is said."""
    put_all(api, bodies.task("a"))
    api.faults.append(once(reply, watch=True))
    meanwhile(lambda: put_all(api, bodies.stopped("a")))
    ran = run("wait", "--name", "a", "--timeout", "30")
    assert ran.status == 0
    assert ("Connection lost, trying again: " in ran.err) is told
    assert ("Connected again; nothing was missed." in ran.err) is told


def test_a_watch_that_the_server_ends_goes_on_where_it_was(
    api: FakeApi, run: Run, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """API servers do that every minute; there is no new list for it, and no word."""
    put_all(api, bodies.task("a"))

    def interrupt() -> None:
        api.end_watches()
        eventually(lambda: sum(bool(one.query.get("watch")) for one in api.asked) == 2, 30)
        put_all(api, bodies.stopped("a"))

    meanwhile(interrupt)
    ran = run("wait", "--name", "a", "--timeout", "30")
    assert (ran.status, ran.err) == (0, "")
    first, second = [one for one in api.asked if one.query.get("watch")]
    assert second.query["resourceVersion"] >= first.query["resourceVersion"]
    lists = [one for one in api.asked if one.method == "GET" and not one.query.get("watch")]
    assert len(lists) == 1


def test_a_selector_that_is_none_is_wrong_usage(api: FakeApi, run: Run) -> None:
    """In the API server's words, as in every command."""
    api.faults.append(lambda _: refusal(400, "unable to parse requirement"))
    ran = run("wait", "-l", "a in (")
    assert ran.status == 2
    assert "the selector 'a in (' is none: unable to parse requirement" in ran.err


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["-l", "g=9"], "no MigrationTask in namespace shop has 'g=9'"),
        (["none"], "no MigrationWave in namespace shop is called none"),
        (["--name", "none"], "no MigrationTask in namespace shop is called none"),
        (["--name", "a", "-l", "g=1"], "choose tasks in one way only"),
    ],
)
def test_a_wait_for_nothing_is_wrong_usage(
    api: FakeApi, run: Run, arguments: list[str], line: str
) -> None:
    """Rather than a wait that ends at once, or never."""
    put_all(api, bodies.task("a"))
    ran = run("wait", *arguments)
    assert ran.status == 2
    assert line in ran.err


@pytest.mark.parametrize("code", [401, 403])
def test_a_right_that_is_lost_meanwhile_ends_the_wait(
    api: FakeApi, run: Run, meanwhile: Callable[[Callable[[], object]], None], code: int
) -> None:
    """It does not come back by waiting."""
    put_all(api, bodies.task("a"))
    gone: list[bool] = []
    api.faults.append(lambda _: refusal(code, "no longer") if gone else None)

    def lose() -> None:
        gone.append(True)
        api.end_watches()

    meanwhile(lose)
    ran = run("wait", "--name", "a", "--timeout", "30")
    assert ran.status == 1
    assert ran.err.count("\n") == 1


def test_ctrl_c_leaves_a_sentence(api: FakeApi, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """About what goes on without us, and how to look again."""
    put_all(api, bodies.task("a", labels={"g": "1"}))

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kubectl_dcs.watching.Watching.until", interrupt)
    ran = run("stop", "-l", "g=1", "--yes", "--wait", "-n", "shop")
    assert ran.status == 130
    assert ran.err == (
        "kubectl dcs: interrupted: no longer waiting, but the operator carries on as requested."
        " To wait again: kubectl dcs wait -l g=1 -n shop --until stopped\n"
    )


def test_stop_waits_for_what_it_wished(
    api: FakeApi, run: Run, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    """And for nothing else that the selector selects, such as what git manages."""
    argo = {"g": "1", "argocd.argoproj.io/instance": "fleet"}
    put_all(api, bodies.task("a", "True/Observed", spec={}, labels={"g": "1"}))
    put_all(api, bodies.task("b", "True/Observed", spec={}, labels=argo))
    meanwhile(lambda: put_all(api, bodies.stopped("a", labels={"g": "1"})))
    ran = run("stop", "-l", "g=1", "--yes", "--wait", "--timeout", "30")
    assert ran.status == 1  # for the one that git manages
    assert "1 of 1 stopped after " in ran.out
    assert "Argo CD Application fleet would undo the change" in ran.err


def test_status_shows_who_needs_a_person_first(api: FakeApi, run: Run) -> None:
    """Waves above; the exit status is 1 if anybody does."""
    put_all(api, bodies.stopped("a"), bodies.task("b", lag=1204, spec=IN_NIGHT))
    api.put("migrationwaves", bodies.wave())
    calm = run("status")
    assert calm.status == 0
    assert calm.out.splitlines()[1].split()[:3] == ["shop", "night", "Hold"]
    assert "1,204" in calm.out
    assert calm.err == "2 tasks: 1 catching up, 1 stopped\n"
    put_all(api, bodies.task("c", "False/NotReplicating", standing="Stalled"))
    ran = run("status")
    assert ran.status == 1
    rows = ran.out.partition("\n\n")[2].splitlines()
    assert [row.split()[1] for row in rows] == ["NAME", "c", "b", "a"]


def test_status_as_json(api: FakeApi, run: Run) -> None:
    """Counts, waves and tasks."""
    put_all(api, bodies.task("b", lag=1204, spec=IN_NIGHT), bodies.task("x", namespace="other"))
    api.put("migrationwaves", bodies.wave())
    said = json.loads(run("status", "-A", "-o", "json").out)
    assert said["counts"]["catching up"] == 2
    assert [one["name"] for one in said["waves"]] == ["night"]
    assert [(one["namespace"], one["lag"], one["wave"]) for one in said["tasks"]] == [
        ("shop", 1204, "night"),
        ("other", None, None),
    ]


@pytest.mark.parametrize("code", [403, 404])
def test_status_works_without_waves(api: FakeApi, run: Run, code: int) -> None:
    """Where they are not known yet, or may not be seen, the tasks are shown all the same."""
    put_all(api, bodies.task("a"))
    no_waves = refusal(code, "no waves for you")
    api.faults.append(lambda asked: no_waves if "migrationwaves" in asked.path else None)
    ran = run("status")
    assert ran.status == 0
    assert "Waves are not shown: " in ran.err
    assert "shop        a" in ran.out


def watched(run: Run, api: FakeApi, *options: str, end: Callable[[], object]) -> Ran:
    """Run a watch that ends when the credentials do."""
    gone: list[bool] = []
    api.faults.append(lambda _: refusal(401, "") if gone else None)

    def act() -> None:
        eventually(lambda: any(one.query.get("watch") for one in api.asked), 30)
        end()
        gone.append(True)
        api.end_watches()

    thread = threading.Thread(target=act)
    thread.start()
    ran = run("status", "--watch", *options)
    thread.join()
    return ran


def test_a_watch_without_a_terminal_prints_a_line_per_change(api: FakeApi, run: Run) -> None:
    """Beginning with what is there; deletions included."""
    put_all(api, bodies.task("a", lag=9), bodies.task("b"))

    def go_on() -> None:
        put_all(api, bodies.task("a", also=("CaughtUp",), lag=0))
        api.delete("/apis/dcs.huaweicloud.com/v1alpha1/namespaces/shop/migrationtasks/b")

    ran = watched(run, api, end=go_on)
    lines = [line.partition("  ")[2] for line in ran.out.splitlines()]
    assert lines == [
        "shop/a  INCRMIGEATING  CatchingUp (catching up)  lag 9",
        "shop/b  INCRMIGEATING  CatchingUp (catching up)",
        "shop/a  INCRMIGEATING  CatchingUp (caught up)  lag 0",
        "shop/b  deleted",
    ]


def test_a_watch_as_json_prints_an_object_per_line(api: FakeApi, run: Run) -> None:
    """For programs that follow it."""
    put_all(api, bodies.task("a", lag=9))
    ran = watched(run, api, "-o", "json", end=lambda: put_all(api, bodies.stopped("a")))
    said = [json.loads(line) for line in ran.out.splitlines()]
    assert [(one["name"], one["state"], one["deleted"]) for one in said] == [
        ("a", "catching up", False),
        ("a", "stopped", False),
    ]
