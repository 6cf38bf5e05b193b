"""Pods with addresses of one family only: what `--listen` means in networks of each kind.

Each network is a namespace of the kernel with a loopback and nothing else, as good as a pod's.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

RUN_S_MAX: Final = 60.0

PORT: Final = 8080

ASK: Final = """
import asyncio, sys
import aiohttp
from dcs_migration_operator.cli import _address
from dcs_migration_operator.telemetry.health import Health

async def main():
    health = Health(stuck_s=dict, ready=lambda: True, metrics=lambda: (b"", "text/plain"))
    await health.start(*_address(sys.argv[1]))
    async with aiohttp.ClientSession() as session:
        for host in ("127.0.0.1", "[::1]"):
            try:
                async with session.get(f"http://{host}:8080/readyz") as answer:
                    print(host, answer.status)
            except aiohttp.ClientConnectionError:
                print(host, "-")
    await health.close()

asyncio.run(main())
"""
"""Serves the pages where an option says, and prints how they are reached."""

BOTH: Final = ("ip link set lo up",)
ONLY_IPV6: Final = (*BOTH, "ip addr del 127.0.0.1/8 dev lo")
ONLY_IPV4: Final = (*BOTH, "sysctl -qw net.ipv6.conf.all.disable_ipv6=1")


def reached(network: Sequence[str], listen: str) -> list[str]:
    """Return how the pages are reached in a network that these commands make."""
    unshare = shutil.which("unshare")
    assert unshare, "unshare of util-linux is needed"
    script = " && ".join([*network, 'exec "$@"'])
    where = [unshare, "--user", "--map-root-user", "--net", "--", "sh", "-ec", script, "sh"]
    answer = subprocess.run(  # noqa: S603 - our own command line
        [*where, sys.executable, "-c", ASK, listen],
        capture_output=True,
        text=True,
        timeout=RUN_S_MAX,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout.splitlines()


@pytest.mark.parametrize(
    "network, found",
    [
        (BOTH, ["127.0.0.1 200", "[::1] 200"]),
        (ONLY_IPV6, ["127.0.0.1 -", "[::1] 200"]),
        (ONLY_IPV4, ["127.0.0.1 200", "[::1] -"]),
    ],
    ids=["both", "only-ipv6", "only-ipv4"],
)
def test_the_charts_option_fits_every_network(network: Sequence[str], found: list[str]) -> None:
    """`:8080` answers by whatever address a pod has."""
    assert reached(network, ":8080") == found


@pytest.mark.parametrize(
    "listen, found",
    [
        ("[::]:8080", ["127.0.0.1 200", "[::1] 200"]),
        ("0.0.0.0:8080", ["127.0.0.1 200", "[::1] -"]),
        ("[::1]:8080", ["127.0.0.1 -", "[::1] 200"]),
    ],
)
def test_an_address_that_is_named_is_meant(listen: str, found: list[str]) -> None:
    """No more than it, but for the one that means all."""
    assert reached(BOTH, listen) == found
