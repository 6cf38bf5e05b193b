"""Defines a channel: the parts that call DCS with one account, and the facts they have learnt."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcs_migration_operator.core.model import Account
    from dcs_migration_operator.engine.facts import ChannelFacts
    from dcs_migration_operator.engine.paced import PacedDcs
    from dcs_migration_operator.engine.poller import Poller
    from dcs_migration_operator.engine.sampler import Sampler
    from dcs_migration_operator.engine.stops import Stops

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """The parts for one account.

    Attributes:
        account: The endpoint and the credentials.
        facts: What these parts have learnt from DCS.
        dcs: Makes the calls.
        poller: Polls the tasks.
        stops: Requests stops.
        sampler: Samples the lag of targets.
        polling: The asyncio task that runs the poller.
    """

    account: Account
    facts: ChannelFacts
    dcs: PacedDcs
    poller: Poller
    stops: Stops
    sampler: Sampler
    polling: asyncio.Task[None]

    @property
    def site(self) -> tuple[str, str]:
        """Endpoint and cloud project, to which the facts apply whatever the credentials."""
        return self.account.endpoint, self.account.project_id

    def stuck_s(self) -> float:
        """Return the seconds without progress of the polling; infinite if it has failed."""
        return float("inf") if self.polling.done() else self.poller.stuck_s()

    async def close(self, timeout_s: float = 0.0) -> None:
        """Stop polling; send the waiting stops, or drop them after `timeout_s`."""
        self.polling.cancel()
        await self.stops.close(timeout_s)
        await asyncio.gather(self.polling, return_exceptions=True)
        self.poller.close()
        self.sampler.close()
        self.dcs.close()


def log_failure(polling: asyncio.Task[None]) -> None:
    """Log an internal error; the health check then fails, and the process is restarted."""
    error = None if polling.cancelled() else polling.exception()
    if error:
        _log.error("the polling has failed", exc_info=error)
