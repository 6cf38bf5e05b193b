"""The pages about the plugin print what it prints, command by command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cluster.plugin.walk import Reader, follow
from sandbox import manifests
from support.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sandbox.api import Api
    from sandbox.control_plane import ControlPlane
    from support.operator.cloud import Cloud, CloudProject

IN_NIGHT = {"cutover": {"waveRef": {"name": "night"}}}
NAMES = ("orders-cache", "prices-cache", "users-cache")
IDS = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(1, 10)]


def connect(api: Api, namespace: str, dcs: CloudProject) -> Shop:
    """Make a namespace with a project of the simulated cloud."""
    api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    secret = manifests.secret(**dcs.credentials)
    api.create(manifests.core_path(namespace, "secrets"), secret)
    spec = {"endpoint": dcs.cloud.endpoint, "projectId": dcs.project_id}
    api.create(manifests.path(namespace, manifests.PROJECTS), manifests.dcs_project(**spec))
    return Shop(api, namespace)


def seconds_ago(seconds: int) -> str:
    """Return a time of the last seconds, as the operator writes it."""
    return f"{datetime.now(UTC) - timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def stop_of(second: int, **more: Any) -> dict[str, Any]:
    """Return `status.stop` of an order at 02:10 and some seconds."""
    return {
        "requestedAt": f"2026-11-26T02:10:{second:02}Z",
        "acceptedAt": f"2026-11-26T02:10:{second + 1:02}Z",
        "terminatedAt": f"2026-11-26T02:10:{second + 13:02}Z",
        "attempts": 1,
        "requestId": f"f0e1d2c3b4a5968778695a4b3c2d1e{second:02}",
        "lagAtOrder": 0,
        **more,
    }


class Reference:
    """The world of docs/kubectl-dcs.md."""

    def __init__(self, shop: Shop, sessions: str) -> None:
        self.shop = shop
        shop.wave("night")
        shop.task("sessions-cache", taskId=sessions)
        for name in ("orders-eu", "orders-us"):
            shop.task(name, labels={"team": "orders"}, **IN_NIGHT)
        shop.task("carts-cache", labels={"team": "carts"})
        shop.task("search-cache", labels={"team": "orders"}, cutover={})
        shop.task("stock-cache")
        self._managed("stock-cache")
        self._holding()

    def _managed(self, name: str) -> None:
        labels = {
            "kustomize.toolkit.fluxcd.io/name": "fleet",
            "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
        }
        self.shop.api.patch(self.shop.path(name), {"metadata": {"labels": labels}})

    def _holding(self) -> None:
        shop = self.shop
        for name, lag in (("orders-eu", 1204), ("orders-us", 7)):
            behind: dict[str, Any] = {"lag": self._lag(lag), "caught_up": "False/Lagging"}
            shop.say(name, "True/Holding", phase="INCRMIGEATING", **behind)
        for name in ("carts-cache", "stock-cache", "sessions-cache"):
            shop.say(name, "True/Observed", phase="INCRMIGEATING")
        opened = {"openedAt": seconds_ago(90), "timesOutAt": seconds_ago(90 - 1800)}
        broken: dict[str, Any] = {
            "lag": self._lag(0),
            "caught_up": "False/NotReplicating",
            "cutover": opened,
        }
        shop.say("search-cache", "False/NotReplicating", "Stalled", phase="INCRMIGEATING", **broken)
        tasks = {"total": 2, "waiting": 2, "caughtUp": 0, "stopping": 0, "stopped": 0, "trouble": 0}
        shop.say("night", "True/Holding", plural=manifests.WAVES, tasks=tasks)

    @staticmethod
    def _lag(offset: int) -> dict[str, Any]:
        return {"offset": offset, "fullProgress": 100, "observedAt": seconds_ago(4)}

    def caught_up(self) -> None:
        """Let both tasks of the wave have caught up."""
        for name in ("orders-eu", "orders-us"):
            rests: dict[str, Any] = {"lag": self._lag(0), "caught_up": "True/CaughtUp"}
            self.shop.say(name, "True/Holding", phase="INCRMIGEATING", **rests)

    def stopped(self) -> None:
        """Let the wave be complete."""
        for second, name in enumerate(("orders-eu", "orders-us")):
            opened = {"openedAt": "2026-11-26T02:10:00Z"}
            about = {"name": f"mig-{name}", "targetInstance": f"dcs-{name}"}
            self.shop.stopped(name, stop=stop_of(second), cutover=opened, task=about)
        tasks = {"total": 2, "waiting": 0, "caughtUp": 0, "stopping": 0, "stopped": 2, "trouble": 0}
        self.shop.say("night", "True/Complete", plural=manifests.WAVES, tasks=tasks)


@pytest.mark.timeout(300)
def test_the_reference_prints_what_it_says(
    control_plane: ControlPlane, api: Api, cloud: Cloud, tmp_path: Path
) -> None:
    """Every block of commands of docs/kubectl-dcs.md."""
    dcs = cloud.open_project()
    for number, name in enumerate(("orders-cache", "订单缓存", "sessions-cache")):
        dcs.add(IDS[number], name=name)
    dcs.add(IDS[5], name="old-cache", word="SUCCESS")
    world = Reference(connect(api, "shop", dcs), IDS[2])
    stages = {
        "wait night --until caught-up": world.caught_up,
        "report night": world.stopped,
    }
    follow(
        "docs/kubectl-dcs.md",
        reader(control_plane, tmp_path, "shop", dcs, stages, {"stop -l team=carts": "1\n"}),
    )


def reader(
    plane: ControlPlane,
    folder: Path,
    namespace: str,
    dcs: CloudProject,
    stages: dict[str, Callable[[], None]],
    typed: dict[str, str],
) -> Reader:
    """Return a reader in a folder of their own."""
    (folder / "home").mkdir()
    return Reader(
        plane, folder / "home", namespace, endpoint=dcs.cloud.endpoint, typed=typed, stages=stages
    )


class Tonight:
    """The world of docs/cutover-from-a-terminal.md: what an operator would say, step by step."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def seen(self) -> None:
        """Let DCS have been asked about the tasks."""
        self._say("True/Observed")

    def holding(self) -> None:
        """Let lags have been seen."""
        self._say("True/Holding", lags=(1204, 7, 0))
        self._count("Holding", waiting=2, caughtUp=1)

    def caught_up(self) -> None:
        """Let all have caught up."""
        self._say("True/Holding", lags=(0, 0, 0))
        self._count("Holding", caughtUp=3)

    def stopped(self) -> None:
        """Let all be stopped."""
        for second, name in enumerate(NAMES):
            opened = {"openedAt": "2026-11-26T02:10:00Z"}
            self.shop.stopped(name, stop=stop_of(second), cutover=opened, task={"name": name})

    def complete(self) -> None:
        """Let the wave say so."""
        self._count("Complete", stopped=3)

    def _say(self, ready: str, lags: tuple[int, ...] = ()) -> None:
        for number, name in enumerate(NAMES):
            more: dict[str, Any] = {"phase": "INCRMIGEATING"}
            if lags:
                lag = {"offset": lags[number], "fullProgress": 100, "observedAt": seconds_ago(4)}
                says = "False/Lagging" if lags[number] else "True/CaughtUp"
                more |= {"lag": lag, "caught_up": says}
            self.shop.say(name, ready, **more)

    def _count(self, reason: str, **numbers: int) -> None:
        none = dict.fromkeys(("waiting", "caughtUp", "stopping", "stopped", "trouble"), 0)
        tasks = {"total": len(NAMES)} | none | numbers
        self.shop.say("night", f"True/{reason}", plural=manifests.WAVES, tasks=tasks)


@pytest.mark.timeout(300)
def test_the_cutover_prints_what_it_says(
    control_plane: ControlPlane, api: Api, cloud: Cloud, tmp_path: Path
) -> None:
    """Every block of commands of docs/cutover-from-a-terminal.md."""
    dcs = cloud.open_project()
    for task_id, name in zip(IDS[6:], NAMES, strict=True):
        dcs.add(task_id, name=name)
    world = Tonight(connect(api, "tonight", dcs))
    stages = {
        "stop -l wave=night": world.seen,
        "status --wave night": world.holding,
        "wait night --until caught-up": world.caught_up,
        "plan --wave night": world.caught_up,
        "wait night --timeout 1h": world.stopped,
        "report night": world.complete,
    }
    typed = {"stop -l wave=night": "3\n"}
    who = reader(control_plane, tmp_path, "tonight", dcs, stages, typed)
    follow("docs/cutover-from-a-terminal.md", who)
