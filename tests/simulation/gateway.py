"""A model of the gateway in front of DCS: it checks signatures and counts those that it refuses.

What the real one does with a key that was refused too often (a lock of five minutes) is left out
on purpose: no case may come so far, and `refusals` shows how far it came.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from dcs_migration_operator.core.errors import AuthFailed
from dcs_migration_operator.core.model import ErrorDetail

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcs_migration_operator.core.model import Account

LOCK_S: Final = 300.0
"""Refusals in a row count against a key for so long."""


@dataclass(slots=True)
class Gateway:
    """The keys that it knows, and what it has refused.

    Attributes:
        secrets: The right secret key of each access key; an unknown access key is always refused.
        refusal_s: How long a refusal takes.
        refusals: By access key, the moment at which each refused call came in, since the last one
            that was right.
    """

    secrets: dict[str, str] = field(default_factory=dict)
    refusal_s: float = 0.05
    broken: Callable[[], bool] = lambda: False
    """Whether it refuses everybody at the moment."""
    refusals: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    most: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    """By access key, the most refusals in a row within `LOCK_S` so far."""

    def is_right(self, account: Account) -> bool:
        """Tell whether the signature of an account is right at this moment."""
        key = account.credentials
        return not self.broken() and self.secrets.get(key.access_key) == key.secret_key

    def count(self, account: Account) -> None:
        """Take note of a call as it comes in."""
        access_key, now = account.credentials.access_key, asyncio.get_running_loop().time()
        refusals = self.refusals[access_key]
        if self.is_right(account):
            refusals.clear()
            return
        refusals.append(now)
        refusals[:] = [at for at in refusals if at > now - LOCK_S]
        self.most[access_key] = max(self.most[access_key], len(refusals))


@dataclass(frozen=True, slots=True)
class Signer:
    """The check of one account's calls."""

    gateway: Gateway
    account: Account

    async def check(self) -> None:
        """Raise if the signature of a call that comes in now is wrong.

        Raises:
            AuthFailed: It is, after the time that a refusal takes.
        """
        right = self.gateway.is_right(self.account)
        self.gateway.count(self.account)
        if not right:
            await asyncio.sleep(self.gateway.refusal_s)
            raise AuthFailed(ErrorDetail("APIGW.0301", "incorrect signature"), http_status=401)
