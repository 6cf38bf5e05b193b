"""The surroundings in which pods are tested are those of a container: nothing is lent to them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from support.chart import boxing
from support.chart.boxing import WAYS, boxed, refusal, way_here
from support.chart.pod import IMAGE
from support.checkout import ROOT

if TYPE_CHECKING:
    from pathlib import Path

RUN_S_MAX = 30.0

ASK = """
import json, os, pwd, resource, socket, tempfile

def known(uid):
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return ""

def written(folder):
    try:
        open(os.path.join(folder, "probe"), "x").close()
    except OSError:
        return False
    return True

def text(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""

def folders():
    for path, below, _ in os.walk("/"):
        yield path
        deep = path.count("/") >= 2 or path in {"/proc", "/sys"}
        linked = {name for name in below if os.path.islink(os.path.join(path, name))}
        below[:] = [] if deep else [name for name in below if name not in linked]

tried = list(folders())
lines = text("/proc/self/status").splitlines()
status = dict(line.split(":\\t") for line in lines if ":\\t" in line)
print(json.dumps({
    "ids": [os.getuid(), os.getgid(), os.getgroups()],
    "name": known(os.getuid()),
    "environment": dict(os.environ),
    "folder": os.getcwd(),
    "hostname": socket.gethostname(),
    "token": text("/var/run/secrets/kubernetes.io/serviceaccount/token"),
    "folders": len(tried),
    "writable": [path for path in tried if written(path)],
    "capabilities": int(status["CapEff"], 16),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE),
}))
"""
"""Prints what a program finds; every folder of the upper three levels is tried."""


def found(tmp_path: Path) -> dict[str, Any]:
    """Return what a boxed program finds."""
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").touch(mode=0o600)
    (account / "token").write_text("a token", encoding="utf-8")
    program = [sys.executable, "-I", "-c", ASK]
    answer = subprocess.run(  # noqa: S603 - our own command line
        boxed(program, account=account, hostname="pod-1", limits={"NOFILE": 64}),
        env={"ONLY": "this"},
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=True,
    )
    return dict(json.loads(answer.stdout))


def test_a_boxed_program_has_what_a_container_has(tmp_path: Path) -> None:
    """Uid 65532 without a name, one environment variable, no capability, nothing to write to."""
    here = found(tmp_path)
    # Python itself sets a locale where there is none.
    assert here["environment"].pop("LC_CTYPE", "C.UTF-8") == "C.UTF-8"
    assert here.pop("folders") > 100
    assert here == {
        "ids": [65532, 65532, here["ids"][2]],
        "name": "",
        "environment": {"ONLY": "this"},
        "folder": "/",
        "hostname": "pod-1",
        "token": "a token",
        "writable": [],
        "capabilities": 0,
        "files": [64, 64],
    }
    assert set(here["ids"][2]) <= {65532, 65534}


def test_every_way_that_works_leads_to_the_same_user() -> None:
    """Root's own needs an interpreter that everybody may read: here a shell is run."""
    ways = [way for way in WAYS if not refusal(way, ["/bin/sh", "-c", ":"])]
    assert ways
    for way in ways:
        answer = subprocess.run(  # noqa: S603 - our own command line
            boxed(["/bin/sh", "-c", "id -u; id -g; touch /tmp/probe"], way=way),
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=RUN_S_MAX,
            check=False,
        )
        assert answer.stdout.split() == ["65532", "65532"], way
        assert "Read-only file system" in answer.stderr, way


def test_where_there_is_no_way_a_test_fails_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says what was tried; nothing is skipped."""
    monkeypatch.setattr(boxing, "_OUTER", dict.fromkeys(WAYS, ("false",)))
    way_here.cache_clear()
    try:
        with pytest.raises(pytest.fail.Exception) as caught:
            way_here()
    finally:
        way_here.cache_clear()
    assert str(caught.value) == (
        "a program cannot be run as uid 65532 on this machine "
        "(by a user namespace: status 1; by root: status 1)"
    )


def test_a_pod_has_the_variables_of_the_image() -> None:
    """Those that the last stage of the Dockerfile sets."""
    last = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
    (line,) = re.findall(r"(?m)^ENV (.*)$", last)
    assert {pair.partition("=")[0] for pair in line.split()} == IMAGE.keys()
