"""What is said of a connection that fails: always which host it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.dcs import Fault, FaultKind
from unit.dcs import wire
from unit.dcs.test_client_network import TIMEOUT_S, full_backlog

if TYPE_CHECKING:
    from sandbox.dcs import Simulator


async def test_the_host_is_in_every_failure_of_the_connection(dcs: Simulator) -> None:
    """Whoever has ten projects sees which of them it is."""
    dcs.faults.add(Fault(kind=FaultKind.HANG))
    hanging = wire.client_of(dcs.endpoint, timeout_s=TIMEOUT_S)
    errors = [await wire.error_of(hanging, "list", "")]
    hanging.close()
    async with wire.fixed_server(b"") as endpoint:
        broken = wire.client_of(endpoint)
        errors.append(await wire.error_of(broken, "list", ""))
        broken.close()
    with full_backlog() as endpoint:
        full = wire.client_of(endpoint, connect_timeout_s=0.1)
        errors.append(await wire.error_of(full, "list", ""))
        full.close()
    gone = wire.client_of(endpoint)
    errors.append(await wire.error_of(gone, "list", ""))
    gone.close()
    codes = ["timeout", "connection-lost", "connect-timeout", "no-connection"]
    assert [error.detail.code for error in errors] == codes
    assert all(error.detail.message.startswith("127.0.0.1") for error in errors)
    assert not any(error.answered for error in errors)
