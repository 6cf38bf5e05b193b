"""Whose code was running, by py-spy's collapsed stacks."""

from __future__ import annotations

import pytest

from bench.profiler import leaves, owner, owners, roots

LIB = "/venv/lib/python3.11"
LINES = [
    "run (/x/dcs_migration_operator/app.py);call (/x/dcs_migration_operator/kube/api.py:7) 3",
    f"run (/x/dcs_migration_operator/app.py);loads ({LIB}/json/__init__.py);scan (<built-in>) 2",
    f"run (/x/app.py);EpollSelector.select ({LIB}/selectors.py) 90",
    f"run (/x/app.py);process ({LIB}/site-packages/kopf/_core/reactor.py) 1",
    "not a stack",
]


def test_a_sample_belongs_to_the_innermost_known_package() -> None:
    """What json does for us counts as json; what has no file counts for its caller."""
    assert owners(LINES) == {"ours, kube": 3, "stdlib json": 2, "kopf": 1}


def test_waiting_does_not_count() -> None:
    """A thread in `select` uses no CPU, whatever the sampler says."""
    assert leaves(LINES) == {"ours, kube: call": 3, "?: scan": 2, "kopf: process": 1}


@pytest.mark.parametrize(
    "frame,name",
    [
        ("f (/x/dcs_migration_operator/core/decide.py)", "ours, core"),
        ("f (/x/dcs_migration_operator/app.py)", "ours, app"),
        (f"f ({LIB}/site-packages/aiohttp/client.py:12)", "aiohttp"),
        (f"f ({LIB}/ssl.py)", "stdlib ssl"),
        ("f (<frozen importlib>)", ""),
        ("no file", ""),
    ],
)
def test_a_frame_tells_its_owner(frame: str, name: str) -> None:
    """The place of its file says whose it is."""
    assert owner(frame) == name


def test_a_step_belongs_to_whoever_began_it() -> None:
    """What kopf calls is done for kopf, down to our own handlers; frames above the loop are not."""
    head = f"main (/x/dcs_migration_operator/cli.py);Handle._run ({LIB}/asyncio/events.py)"
    kopf = f"worker ({LIB}/site-packages/kopf/queueing.py)"
    ours = "event (/x/dcs_migration_operator/kube/watch.py)"
    lines = [
        f"{head};{kopf};{ours} 4",
        f"{head};{ours} 2",
        f"{head};SSLProtocol.read ({LIB}/asyncio/sslproto.py) 1",
    ]
    assert roots(lines) == {"kopf": 4, "ours, kube": 2, "event loop": 1}
