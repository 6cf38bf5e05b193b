"""What the watch asks of the machine that it runs on."""

from __future__ import annotations

import asyncio
import getpass
import socket
from typing import TYPE_CHECKING, NoReturn, cast

from dcs_migration_operator.kube.listing import Listing
from dcs_migration_operator.kube.pulse import Pulse
from dcs_migration_operator.kube.session import Cluster
from dcs_migration_operator.kube.watch import watch
from unit.kube.apiserver import ApiServer, refusal, serving

if TYPE_CHECKING:
    import pytest

    from dcs_migration_operator.engine.intake import Intake


class Quiet:
    """An intake that is told nothing."""

    def is_echo(self, _uid: str, _generation: int, _version: int) -> bool:
        """Never asked."""
        return False


async def test_it_asks_nobody_for_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container's user has none, and a host's may take a resolver seconds to tell."""

    def nobody(*_: object) -> NoReturn:
        raise OSError("No username set in the environment")

    monkeypatch.setattr(getpass, "getuser", nobody)
    monkeypatch.setattr(socket, "gethostbyaddr", nobody)
    stop, ready = asyncio.Event(), asyncio.Event()
    intake = cast("Intake", Quiet())
    async with serving(ApiServer(refusal(404))) as url:
        watching = asyncio.create_task(
            watch(
                Cluster(server=url, namespace="default"),
                intake,
                ("team-a",),
                heard=lambda: None,
                listing=Listing(intake, ("team-a",), cluster_projects=False),
                pulse=Pulse(float),
                ready=ready,
                stop=stop,
            )
        )
        begun = asyncio.create_task(ready.wait())
        await asyncio.wait({watching, begun}, return_when=asyncio.FIRST_COMPLETED)
        assert ready.is_set()
        stop.set()
        await watching
