"""Command lines under which a program has the surroundings of a container of the chart's pod.

The program runs as the image's user, without an entry in any database, a capability or a writable
folder; it finds the ServiceAccount at its usual place and has its own host name. `box.py` arranges
this. There is a way for all users, by a user namespace, and one for root where those are switched
off; the network is shared with this machine.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BOX: Final = Path(__file__).with_name("box.py")

USER: Final = "65532"
"""The user id in the Dockerfile and in the chart's values; no user of a machine has it."""

PROBE_S_MAX: Final = 30.0

NAMESPACE: Final = "a user namespace"
ROOT: Final = "root"
WAYS: Final = (NAMESPACE, ROOT)

_OUTER: Final[Mapping[str, tuple[str, ...]]] = {
    NAMESPACE: ("unshare", "--user", "--map-root-user", "--mount", "--uts", "--"),
    ROOT: ("unshare", "--mount", "--uts", "--"),
}
"""How to get rights over mounts, only while the program runs and over nothing else."""

_BECOME: Final[Mapping[str, tuple[str, ...]]] = {
    NAMESPACE: ("unshare", "--user", f"--map-user={USER}", f"--map-group={USER}", "--"),
    ROOT: (
        *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"),
        # A change of the user resets the setting that ends the program with the tests.
        *("--bounding-set=-all", "--pdeathsig=KILL", "--"),
    ),
}
"""How to give up these rights for good."""


def boxed(
    program: Sequence[str],
    *,
    account: Path | None = None,
    hostname: str = "pod",
    limits: Mapping[str, int] | None = None,
    way: str = "",
) -> list[str]:
    """Return a command line that runs a program as in a pod, under the same process id.

    Args:
        program: The command; its first element is the path of an executable.
        account: A folder with the files that the kubelet projects for the ServiceAccount.
        hostname: The pod's name.
        limits: Name of `RLIMIT_…` → value.
        way: The way to get rights over mounts; the first one that works if not given.
    """
    way = way or way_here()
    told = ",".join(f"{name}={value}" for name, value in (limits or {}).items())
    inner = [sys.executable, "-I", "-S", str(BOX), str(account or ""), hostname, told]
    return [*_found(_OUTER[way]), *inner, *_found(_BECOME[way]), "--", *program]


@functools.cache
def way_here() -> str:
    """Return the first way that works for this interpreter; fail the test if there is none."""
    said = {way: refusal(way, [sys.executable, "-c", ""]) for way in WAYS}
    for way, reason in said.items():
        if not reason:
            return way
    reasons = "; ".join(f"by {way}: {reason}" for way, reason in said.items())
    pytest.fail(f"a program cannot be run as uid {USER} on this machine ({reasons})", pytrace=False)


def refusal(way: str, program: Sequence[str]) -> str:
    """Return why a program that does nothing cannot be run in this way; empty if it can."""
    answer = subprocess.run(  # noqa: S603 - our own command line
        boxed(program, way=way),
        env={},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PROBE_S_MAX,
        check=False,
    )
    if answer.returncode == 0:
        return ""
    return (answer.stderr.strip().splitlines() or [f"status {answer.returncode}"])[-1]


def _found(command: Sequence[str]) -> list[str]:
    """Return a command line with the path of its program."""
    program, *arguments = command
    path = shutil.which(program)
    if not path:
        pytest.fail(f"{program} of util-linux is needed to run a pod", pytrace=False)
    return [path, *arguments]
