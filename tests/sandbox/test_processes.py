"""The rules for child processes: started, paused and ended by id, and never left behind."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox.control_plane.processes import (
    GUARD,
    LOOPBACK,
    Server,
    free_port,
    loopback_environment,
)
from sandbox.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

SLEEP = ["/bin/sleep", "1000"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Give a server that does nothing for a long time, not yet started."""
    server = Server(SLEEP, tmp_path / "server.log")
    yield server
    server.close()


def state_of(pid: int) -> str:
    """Return the letter with which the kernel describes a process; empty if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    return text.rpartition(")")[2].split()[0]


def test_a_server_runs_until_it_is_stopped(server: Server) -> None:
    """It has an id while it runs, and none after; stopping twice is harmless."""
    seen = [server.pid]
    server.start()
    seen.append(server.pid)
    server.stop()
    server.stop()
    seen.append(server.pid)
    assert [pid is None for pid in seen] == [True, False, True]


def test_a_server_can_be_started_again(server: Server) -> None:
    """After a stop or a crash, and not while it is running."""
    server.start()
    with pytest.raises(RuntimeError, match="sleep is already running"):
        server.start()
    server.kill()
    assert not server.running
    server.start()
    assert server.running


def test_the_guard_becomes_the_program(server: Server) -> None:
    """The id belongs to the program itself, so signals reach it and not a wrapper."""
    server.start()
    name = Path(f"/proc/{server.pid}/comm")
    assert eventually(lambda: name.read_text(encoding="utf-8").strip() == "sleep")


def test_a_paused_server_is_frozen_and_can_still_be_stopped(server: Server) -> None:
    """Pausing stops every thread of it; ending needs no resume before."""
    server.start()
    pid = server.pid
    assert pid is not None
    server.pause()
    assert eventually(lambda: state_of(pid) == "T")
    server.resume()
    assert eventually(lambda: state_of(pid) in {"S", "R"})
    server.pause()
    server.stop()
    assert not server.running


def test_the_end_of_the_log_is_kept(tmp_path: Path) -> None:
    """What a server said last is at hand when it has ended."""
    server = Server(["/bin/sh", "-c", "seq 100; echo the cause >&2; exit 1"], tmp_path / "log")
    assert server.tail() == ""
    server.start()
    eventually(lambda: not server.running)
    server.close()
    assert server.tail().splitlines()[-2:] == ["100", "the cause"]
    assert len(server.tail().splitlines()) == 12


def test_a_server_outlives_the_thread_that_asked_for_it(server: Server) -> None:
    """The kernel's parent-death signal counts threads, so another thread is the parent."""
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    pid = server.pid
    assert pid is not None
    comm = Path(f"/proc/{pid}/comm")
    eventually(lambda: comm.read_text(encoding="utf-8").strip() == "sleep")
    assert server.running


def test_a_server_dies_with_its_parent(tmp_path: Path) -> None:
    """Even if the parent is killed and can do nothing about it."""
    code = f"""
import sys, time
from pathlib import Path
from sandbox.control_plane.processes import Server
server = Server({SLEEP!r}, Path({str(tmp_path / "log")!r}))
server.start()
while Path(f"/proc/{{server.pid}}/comm").read_text().strip() != "sleep":
    time.sleep(0.01)
print(server.pid, flush=True)
time.sleep(1000)
"""
    deploy = GUARD.parents[2]
    with subprocess.Popen(  # noqa: S603 - this very Python
        [sys.executable, "-c", code], cwd=deploy, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    assert eventually(lambda: state_of(child) in {"", "Z"})


def test_the_guard_does_not_start_anything_for_a_dead_parent() -> None:
    """A parent that died before the signal was asked for would never be noticed."""
    answer = subprocess.run(  # noqa: S603 - this very Python
        [sys.executable, str(GUARD), "1", "/bin/echo", "started"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (answer.returncode, answer.stdout) == (1, "")


def test_a_free_port_can_be_listened_on() -> None:
    """The port is free, and two calls do not give the same one while the first is in use."""
    port = free_port()
    with socket.create_server((LOOPBACK, port)):
        assert free_port() != port


def test_servers_see_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxy variables are left out in either case, all others are kept."""
    for name in ("http_proxy", "HTTPS_PROXY", "All_Proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "http://192.0.2.1:9")
    monkeypatch.setenv("KEPT", "1")
    environment = loopback_environment()
    assert not [name for name in environment if name.lower().endswith("_proxy")]
    assert environment["KEPT"] == "1"


def test_a_signal_to_an_ended_server_hits_nobody(server: Server) -> None:
    """Its id may belong to somebody else by now."""
    server.start()
    server.kill()
    for act in (server.pause, server.resume, server.kill, server.stop):
        act()
    assert server.pid is None
