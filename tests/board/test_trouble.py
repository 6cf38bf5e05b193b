"""What the page says when there is nothing to see, or when what it shows is old."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from board.served import SCOPE, Served
from kubectl_dcs.board.live import Live, Scope
from kubectl_dcs.following import News, What
from kubectl_dcs.kinds import TASK, WAVE
from kubectl_dcs.problems import ApiProblem
from unit.plugin import bodies

if TYPE_CHECKING:
    from collections.abc import Callable

    from board.chrome import Tab

EMPTY = News(What.LISTED, TASK, ())


def ended(code: int, why: str) -> News:
    """Return the news that the API server refuses."""
    return News(What.ENDED, TASK, problem=ApiProblem(why, code))


CASES: dict[str, tuple[list[News], str, str, str]] = {
    "reading": ([], "", "Reading the cluster", "正在读取集群"),
    "empty": ([EMPTY], "", "There is no migration task in namespace shop", "还没有迁移任务"),
    "forbidden": (
        [ended(403, "User jane cannot list")],
        "",
        "You may not see migration tasks in namespace shop",
        "您无权查看",
    ),
    "unauthorized": (
        [ended(401, "log in")],
        "",
        "no longer accepts your login",
        "不再接受您的登录",
    ),
    "unknown-kind": ([ended(404, "no kind")], "", "does not know MigrationTask", "不认识"),
    "refused": ([ended(418, "a teapot")], "", "refuses to show", "拒绝显示"),
    "gone": ([EMPTY], "missing", "The namespace shop does not exist", "命名空间 shop 不存在"),
    "going": ([EMPTY], "terminating", "is being deleted", "正在被删除"),
}


def tell_namespace(served: Served, word: str) -> None:
    """Let the board know how the namespace is."""

    async def told() -> None:
        served.answers.namespace_is(word)

    served.do(told())


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("notice", CASES)
def test_each_reason_to_see_nothing_has_its_own_words(
    tab: Tab, served: Served, notice: str, language: str
) -> None:
    """In both languages, with what the API server said and what to do."""
    news, namespace, english, chinese = CASES[notice]
    tab.look(languages=language)
    served.hear(*news)
    tell_namespace(served, namespace)
    tab.driver.get(served.url)
    tab.wait(lambda: tab.notice == notice, notice)
    said = tab.text("#notice")
    assert (english if language == "en" else chinese) in said
    assert all(str(one.problem) in said for one in news if one.problem)
    assert tab.text(".main") == ""
    assert tab.text("#link") != ("live" if notice not in {"empty", "gone", "going"} else "")


def test_all_namespaces_and_a_selector_are_named(tab: Tab) -> None:
    """Who sees nothing wants to know what was asked for."""
    scope = Scope(None, "team=x", "https://cluster.example", " --context prod")
    with Served(lambda: Live(scope)) as served:
        served.hear(EMPTY)
        tab.open(served.url)
        tab.wait(lambda: tab.notice == "empty", "the notice")
        assert tab.text("#notice h2") == "No migration task in all namespaces has team=x."
        assert "selector team=x" in tab.text("#cluster")


def test_a_cut_connection_keeps_the_rows_and_counts_how_old_they_are(
    tab: Tab, served: Served
) -> None:
    """From when the API server was last heard, and until it is back."""
    served.hear(News(What.LISTED, TASK, (bodies.task("orders", lag=3),)))
    tab.open(served.url)
    problem = ApiProblem("the API server https://x broke the connection")
    now_s = float(tab.js("return Date.now() / 1000"))
    served.hear(News(What.LOST, TASK, problem=problem), contact_s=now_s - 42)
    tab.wait(lambda: tab.notice == "lost", "the notice")
    assert "broke the connection" in tab.text("#notice")
    assert tab.text("#link").startswith("data is 4")
    first = tab.text("#link")
    tab.wait(lambda: tab.text("#link") != first, "it to get older")
    assert tab.rows() == ["orders"]
    served.hear(News(What.BACK, TASK), News(What.LISTED, TASK, (bodies.task("carts"),)))
    tab.wait(lambda: tab.rows() == ["carts"], "the new list")
    tab.wait(lambda: tab.notice == "" and tab.text("#link") == "live", "all to be well")


def test_a_login_that_ends_in_the_night_does_not_empty_the_screen(tab: Tab, served: Served) -> None:
    """What was seen stays, with the word that it is old."""
    served.hear(News(What.LISTED, TASK, (bodies.task("orders"),)))
    tab.open(served.url)
    served.hear(ended(401, "log in again"))
    tab.wait(lambda: tab.notice == "unauthorized", "the notice")
    assert tab.rows() == ["orders"]
    assert tab.text("#link").startswith("data is ")


def test_waves_that_may_not_be_seen_are_a_note_and_no_more(tab: Tab, served: Served) -> None:
    """The tasks are there."""
    served.hear(News(What.LISTED, TASK, (bodies.task("orders"),)))
    served.hear(News(What.ENDED, WAVE, problem=ApiProblem("cannot list waves", 403)))
    tab.open(served.url)
    tab.wait(lambda: tab.text("#partly") == "Waves are not shown: cannot list waves", "the note")
    assert (tab.notice, tab.rows()) == ("", ["orders"])


def test_a_namespace_that_is_deleted_with_its_tasks_is_told(tab: Tab, served: Served) -> None:
    """While they go, and when they are gone."""
    served.hear(News(What.LISTED, TASK, (bodies.task("orders"),)))
    tab.open(served.url)
    served.hear(News(What.DELETED, TASK, (bodies.task("orders"),)))
    tab.wait(lambda: tab.notice == "empty", "no task")
    tell_namespace(served, "terminating")
    tab.wait(lambda: tab.notice == "going", "it to go")
    tell_namespace(served, "missing")
    tab.wait(lambda: tab.notice == "gone", "it to be gone")
    tell_namespace(served, "")
    served.hear(News(What.CHANGED, TASK, (bodies.task("orders"),)))
    tab.wait(lambda: tab.rows() == ["orders"], "it to be back")


def test_a_board_that_is_started_again_is_found_again(tab: Tab) -> None:
    """The page says that it stands still, then goes on without being loaded again."""
    make: Callable[[], Any] = lambda: Live(SCOPE)  # noqa: E731 - the same twice
    with Served(make) as first:
        first.hear(News(What.LISTED, TASK, (bodies.task("orders"),)))
        tab.open(first.url)
        tab.js("window.same = true")
    tab.wait(lambda: tab.notice == "board", "the notice")
    assert tab.rows() == ["orders"]
    assert tab.text("#link") == "not live"
    assert first.server
    with Served(make, first.server.port, first.keys) as second:
        second.hear(News(What.LISTED, TASK, (bodies.task("carts"),)))
        tab.wait(lambda: tab.rows() == ["carts"], "the new board")
        tab.wait(lambda: tab.notice == "", "all to be well")
        assert tab.js("return window.same") is True


def test_the_board_of_another_run_says_where_its_address_is(tab: Tab) -> None:
    """Its token is another one."""
    make: Callable[[], Any] = lambda: Live(SCOPE)  # noqa: E731 - the same twice
    with Served(make) as first:
        first.hear(News(What.LISTED, TASK, (bodies.task("orders"),)))
        tab.open(first.url)
    assert first.server
    with Served(make, first.server.port):
        tab.wait(lambda: tab.notice == "session", "the notice")
        assert "printed last" in tab.text("#notice")
        assert tab.rows() == ["orders"]
