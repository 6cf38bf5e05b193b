"""`kubectl dcs board` on a real API server, as people run it: watches, rights, Hold and Go."""

from __future__ import annotations

import re
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from board.tools import ROOT
from sandbox import manifests
from sandbox.control_plane import ControlPlane
from sandbox.control_plane.processes import loopback_environment
from support.person import Person
from support.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Iterator

    from board.chrome import Tab
    from support.person import Right

END_S_MAX = 60.0
INTERRUPTED = 130

PAGE = (ROOT / "docs" / "board.md").read_text(encoding="utf-8")

RIGHTS = re.findall(r"^\| `([a-z]+) ([a-z]+)` \|", PAGE, re.MULTILINE)
"""The table of the page: verbs and resources."""


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """Run etcd and kube-apiserver with the CRDs."""
    with ControlPlane() as one:
        one.install_crds()
        yield one


@pytest.fixture
def shop(plane: ControlPlane) -> Shop:
    """Give a namespace with a wave of two, and one that is only observed."""
    name = f"test-{secrets.token_hex(4)}"
    plane.api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    made = Shop(plane.api, name)
    made.wave("night")
    for task in ("orders", "carts"):
        made.task(task, cutover={"waveRef": {"name": "night"}})
        made.say(task, "True/Holding", phase="INCRMIGEATING")
    made.task("stock")
    made.say("stock", "True/Observed", phase="INCRMIGEATING")
    path = manifests.path(name, manifests.PROJECTS)
    plane.api.create(path, manifests.dcs_project(region="cn-north-4"))
    return made


class Board:
    """A board in a process of its own. Use it as a context manager."""

    def __init__(self, kubeconfig: Path, namespace: str, *options: str) -> None:
        command = [str(Path(sys.executable).parent / "kubectl-dcs"), "board", "--no-browser"]
        self._process = subprocess.Popen(  # noqa: S603 - the plugin
            [*command, "-n", namespace, *options],
            env=loopback_environment() | {"KUBECONFIG": str(kubeconfig), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def end(self) -> int:
        """End it as Ctrl-C does; returns the exit status."""
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=END_S_MAX)
        return self._process.returncode


def test_a_night_on_a_real_api_server(tab: Tab, plane: ControlPlane, shop: Shop) -> None:
    """Opened, followed, set to Go by the page, and ended by Ctrl-C."""
    with Board(plane.kubeconfig, shop.namespace, "--actions") as board:
        tab.open(board.url)
        tab.wait(lambda: tab.counts() == {"holding": 2, "observed": 1}, "the tasks")
        card = f"[data-wave='{shop.namespace}/night']"
        assert tab.text(f"{card} .badge") == "Hold"
        tab.click(f"{card} .card-change")
        tab.wait(lambda: tab.find("#confirm .button-go").is_enabled(), "the review")
        tab.click("#confirm .button-go")
        tab.wait(lambda: tab.text(f"{card} .badge") == "Go", "the wave to go")
        assert shop.get("night", manifests.WAVES)["spec"]["state"] == "Go"
        shop.say("orders", "False/CutoverTimedOut", "Stalled", phase="INCRMIGEATING")
        tab.wait(lambda: tab.rows()[0] == "orders", "who needs a person")
        tab.type("j", "Enter")
        tab.wait(lambda: "CutoverTimedOut" in tab.text("#drawer-body"), "the opened row")
        assert "cn-north-4" in tab.text("#drawer-body")
        assert board.end() == INTERRUPTED


def test_an_api_server_that_is_restarted_is_noticed_and_found_again(
    tab: Tab, plane: ControlPlane, shop: Shop
) -> None:
    """The page says how old its data is meanwhile, and misses nothing."""
    with Board(plane.kubeconfig, shop.namespace) as board:
        tab.open(board.url)
        tab.wait(lambda: len(tab.rows()) == 3, "the tasks")
        with plane.apiserver_down():
            tab.wait(lambda: tab.notice == "lost", "the notice")
            assert tab.text("#link").startswith("data is ")
            assert len(tab.rows()) == 3
        shop.task("late")
        tab.wait(lambda: "late" in tab.rows(), "what happened meanwhile")
        tab.wait(lambda: tab.notice == "", "all to be well")


def wanted(right: Right) -> str:
    """Return what the page says without a right."""
    verb, resource = right
    if resource == "migrationtasks":
        return "#notice"
    return "#partly" if verb in {"list", "watch"} else ".confirm-said"


@pytest.mark.parametrize("missing", RIGHTS, ids=" ".join)
def test_the_rights_of_the_page_are_needed_and_enough(
    tab: Tab, plane: ControlPlane, shop: Shop, missing: Right
) -> None:
    """Without one the page names what it cannot do; once it is given, it goes on by itself."""
    person = Person(plane, shop.namespace, RIGHTS)
    person.may([right for right in RIGHTS if right != missing])
    with Board(person.kubeconfig, shop.namespace, "--actions") as board:
        tab.driver.get(board.url)
        if missing[0] in {"get", "patch"}:
            tab.wait(lambda: tab.count(".card-change") == 1, "the wave")
            tab.click(".card-change")
            if missing[0] == "get":
                tab.wait(lambda: tab.find("#confirm .button-go").is_enabled(), "the review")
                tab.click("#confirm .button-go")
        told = wanted(missing)
        tab.wait(lambda: missing[1] in tab.text(told), f"a word about {missing}")
        person.may(list(RIGHTS))
        if missing[0] in {"get", "patch"}:
            tab.type("Esc")
            tab.click(".card-change")
            tab.wait(lambda: tab.find("#confirm .button-go").is_enabled(), "the review")
            tab.click("#confirm .button-go")
            tab.wait(lambda: tab.text(".badge") == "Go", "the wave to go")
        else:
            tab.wait_long(lambda: tab.text(told) == "", "the page to go on")
            tab.wait(lambda: len(tab.rows()) == 3, "the tasks")


def test_a_namespace_that_is_being_deleted_is_told(
    tab: Tab, plane: ControlPlane, shop: Shop
) -> None:
    """By asking for it once there is no task left; nothing removes it here, so it stays so."""
    with Board(plane.kubeconfig, shop.namespace) as board:
        tab.open(board.url)
        tab.wait(lambda: len(tab.rows()) == 3, "the tasks")
        where = ("--namespace", shop.namespace)
        plane.kubectl("delete", "namespace", shop.namespace, "--wait=false")
        plane.kubectl("delete", "migrationtasks", "--all", *where)
        tab.wait_long(lambda: tab.notice == "going", "the notice")
