"""How far one strange thing reaches on a real API server: 429s, a wrong key, unknown ids, projects.

    PYTHONPATH=deploy:tests python -m bench blast --scene throttled

Owns the scenes whose figures `docs/reliability.md` names: each counts what the healthy had to wait,
and what the strange cost.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bench import scenes
from bench.contestants import Product
from bench.stand import CREATORS, NAMESPACE, START_S_MAX, Stand
from bench.trial import alive, percentile, start, until_ended
from sandbox import dcs, manifests
from sandbox.control_plane.processes import LOOPBACK
from sandbox.pages import read_page
from sandbox.waiting import eventually

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from sandbox.control_plane.processes import Server

LIMIT_S: Final = 600.0
"""For the work of one scene; each is over within a minute if nothing is wrong."""
LOOK_S: Final = 0.1
"""Between two looks at counts and health: the resolution of what is told in seconds."""
LIST_S: Final = 1.0
"""Between two lists of all resources: a thousand bodies are a megabyte, which is work for the API
server that is measured as well."""
PAGE_S_MAX: Final = 10.0
"""For one health page."""
KEY: Final = {"accessKey": dcs.ACCESS_KEY, "secretKey": dcs.SECRET_KEY}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this measurement."""
    add = parser.add_argument
    add("--throttled", type=int, default=100, help="projects on one throttled key (%(default)s)")
    add("--wrong", type=int, default=12, help="projects with one wrong key (%(default)s)")
    add("--wrong-seconds", type=float, default=60.0, help="they are watched (%(default)g)")
    add("--unknown", type=int, default=1000, help="ids that DCS does not know (%(default)s)")
    add("--unused", type=int, default=10_000, help="projects that no task names (%(default)s)")
    add("--scene", choices=[*SCENES], action="append", help="only this one; repeatable")
    add("--json", type=Path, metavar="FILE", help="default: .cache/bench/blast.json")


def main(options: argparse.Namespace) -> int:
    """Play the scenes; returns the exit status."""
    return scenes.play("blast", SCENES, options, {})


def throttled(options: argparse.Namespace) -> dict[str, Any]:
    """Let one key meet a second of 429 while many projects begin to use it."""
    projects = _sharing(options.throttled)
    with Stand(1, projects) as stand:
        product = Product()
        server, _ = start(stand, product)
        for name, one in _named(projects).items():
            stand.add_project(name, one.project_id, **KEY)
        pages: Counter[int] = Counter()
        with repeatedly(lambda: _health(product, pages)):
            began_s = time.time()
            # A text that names a window of five minutes would be believed, and waited for.
            fault = {
                "kind": "throttle",
                "access_key": dcs.ACCESS_KEY,
                "for_s": 1.0,
                "window_s": 1.0,
            }
            stand.cloud.ask("POST", "/faults", fault)
            stand.create(
                manifests.migration_task(
                    name,
                    dcs.task_ids(1, 0, one.project_id)[0],
                    stopped=True,
                    projectRef={"name": name},
                )
                for name, one in _named(projects).items()
            )
            until_ended(stand, server, len(projects), LIMIT_S)
            ended_s = time.time()
        orders = stand.cloud.ask("GET", "/calls?operation=batch_stop")["calls"]
        counts = stand.cloud.ask("GET", "/counts")
        accepted = [one["at_s"] for one in orders if one["status"] == http.HTTPStatus.OK]
    return {
        "projects": len(projects),
        "calls_answered_429": sum(one.get("429", 0) for one in counts["operations"].values()),
        "last_order_after_the_429s_s": max(accepted) - began_s - 1.0,
        "all_terminated_s": ended_s - began_s,
        "orders": len(accepted),
        "health_pages_read": pages.total(),
        "health_pages_red": pages.total() - pages[http.HTTPStatus.OK],
    }


def wrong_key(options: argparse.Namespace) -> dict[str, Any]:
    """Let many projects use one wrong secret key while another key works."""
    projects = _sharing(options.wrong)
    with Stand(100) as stand:
        server, _ = start(stand, Product())
        wrong = {"accessKey": "KEY-OF-NOBODY", "secretKey": "SECRET-OF-NOBODY"}
        for name, one in _named(projects).items():
            stand.add_project(name, one.project_id, **wrong)
        began_s = time.time()
        stand.create(
            [
                *stand.tasks(),
                *(
                    manifests.migration_task(name, stopped=True, projectRef={"name": name})
                    for name in _named(projects)
                ),
            ]
        )
        eventually(lambda: stand.count("TERMINATED") == len(stand.task_ids), LIMIT_S, LOOK_S)
        healthy_s = time.time() - began_s
        eventually(lambda: _told(stand, "CredentialsInvalid") == len(projects), LIMIT_S, LIST_S)
        told_s = time.time() - began_s
        time.sleep(options.wrong_seconds)  # the calls that must not come are what is counted
        alive(server)
        counts = stand.cloud.ask("GET", "/counts")
    return {
        "projects": len(projects),
        "most_401s_in_a_row": counts["most_401s_in_a_row"],
        "all_401s": sum(counts["rejections"].values()),
        "locks": sum(counts["locks"].values()),
        "all_told_s": told_s,
        "healthy_neighbors": len(stand.task_ids),
        "healthy_terminated_s": healthy_s,
    }


def unknown_ids(options: argparse.Namespace) -> dict[str, Any]:
    """Let many resources name ids that DCS does not know, beside as many that it knows."""
    with Stand(options.unknown) as stand:
        start(stand, Product())
        strange = [
            manifests.migration_task(
                f"unknown-{number:05}", str(uuid.UUID(int=number + 1)), stopped=True
            )
            for number in range(options.unknown)
        ]
        told_s: dict[str, float] = {}
        path = manifests.path(NAMESPACE, manifests.TASKS)
        version = stand.plane.api.get(path)["metadata"]["resourceVersion"]
        with ThreadPoolExecutor(max_workers=1) as pool:
            watching = pool.submit(_first_words, stand, version, told_s, len(strange))
            born_s = stand.create(strange)
            watching.result(LIMIT_S)
        waits_s = [max(at_s - born_s[one], 0.0) for one, at_s in told_s.items()]
        eventually(lambda: _told(stand, "TaskNotFound") == len(strange), LIMIT_S, LIST_S)
        found_s = time.time() - max(born_s.values())
        counts = stand.cloud.counts()
    return {
        "ids": len(strange),
        "first_word_p50_s": percentile(waits_s, 50),
        "first_word_max_s": max(waits_s),
        "all_task_not_found_s": found_s,
        "shows": counts["show"],
        "lists": counts["list"],
    }


def unused_projects(options: argparse.Namespace) -> dict[str, Any]:
    """Start beside many projects that no task names."""
    product = Product()
    with Stand(1) as stand:
        server, _ = start(stand, product)
        server.stop()
        empty_s = _start_s(stand, server, product)
        server.stop()
        api, path = stand.plane.api, manifests.path(NAMESPACE, manifests.PROJECTS)
        spec = {"endpoint": stand.cloud.endpoint, "projectId": dcs.PROJECT_ID}

        def create(number: int) -> None:
            credentials = {"secretRef": {"name": f"of-{number:05}"}}
            api.create(
                path, manifests.dcs_project(f"unused-{number:05}", credentials=credentials, **spec)
            )

        with ThreadPoolExecutor(max_workers=CREATORS) as pool:
            list(pool.map(create, range(options.unused)))
        full_s = _start_s(stand, server, product)
        began_s = time.time()
        stand.create(stand.tasks())
        ended = until_ended(stand, server, 1, LIMIT_S)
        stopped_s = time.time() - began_s
    return {
        "projects": options.unused,
        "ready_without_them_s": empty_s,
        "ready_with_them_s": full_s,
        "a_task_stopped_meanwhile": ended,
        "stopped_after_s": stopped_s,
    }


@contextlib.contextmanager
def repeatedly(look: Callable[[], None]) -> Iterator[None]:
    """Look again and again while the block lasts, in a thread of its own."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_S):
            look()

    with ThreadPoolExecutor(max_workers=1) as pool:
        watching = pool.submit(watch)
        try:
            yield
        finally:
            over.set()
        watching.result()


def _health(product: Product, pages: Counter[int]) -> None:
    """Count what the health page answers; 0 stands for no answer."""
    try:
        status, _ = read_page(f"{LOOPBACK}:{product.port}", "/healthz", PAGE_S_MAX)
    except OSError:
        status = 0
    pages[status] += 1


def _first_words(stand: Stand, version: str, told_s: dict[str, float], count: int) -> None:
    """Note by task id when a resource first shows a status of the operator's, until all do."""
    path = manifests.path(NAMESPACE, manifests.TASKS)
    for event in stand.plane.api.watch(path, version):
        if manifests.written_status(event["object"]):
            told_s.setdefault(event["object"]["spec"]["taskId"], time.time())
        if len(told_s) == count:
            return


def _sharing(count: int) -> list[dcs.ProjectOptions]:
    """Return so many cloud projects of the first key, each with one migration."""
    return [
        dcs.ProjectOptions(
            project_id=f"{number:032x}",
            access_key=dcs.ACCESS_KEY,
            secret_key=dcs.SECRET_KEY,
            running=1,
        )
        for number in range(1000, 1000 + count)
    ]


def _named(projects: list[dcs.ProjectOptions]) -> dict[str, dcs.ProjectOptions]:
    return {f"project-{number:05}": one for number, one in enumerate(projects)}


def _told(stand: Stand, reason: str) -> int:
    """Count the resources that are not ready for this reason."""
    items = stand.plane.api.get(manifests.path(NAMESPACE, manifests.TASKS))["items"]
    return sum(
        any(one["type"] == "Ready" and one["reason"] == reason for one in conditions)
        for item in items
        if (conditions := manifests.written_status(item).get("conditions", []))
    )


def _start_s(stand: Stand, server: Server, product: Product) -> float:
    """Start the operator anew; return the seconds until it is ready."""
    began_s = time.monotonic()
    server.start()
    eventually(lambda: alive(server) and product.listed(stand), START_S_MAX, LOOK_S)
    return time.monotonic() - began_s


SCENES: Final = {
    "throttled": throttled,
    "wrong_key": wrong_key,
    "unknown_ids": unknown_ids,
    "unused_projects": unused_projects,
}
