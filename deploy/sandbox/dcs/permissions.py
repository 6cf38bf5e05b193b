"""Which call needs which permission, and which key lacks one.

The actions are those of the identity policies (`dcs:migrationTask:...`). A key may do everything
until something is denied to it; a call without its permission is 403 DCS.2007 and names the
action.
"""

from collections.abc import Collection, Mapping
from typing import Final

from sandbox.dcs.errors import POLICY_DENIES, Refusal

ACTIONS: Final[Mapping[str, str]] = {
    "batch_stop": "modify",
    "stop": "modify",
    "sync_stop": "modify",
    "batch_restart": "modify",
    "list": "list",
    "show": "get",
    "stats": "get",
    "logs": "get",
    "delete": "delete",
}
"""By operation, without the common prefix."""
PREFIX: Final = "dcs:migrationTask:"


def action_of(operation: str) -> str:
    """Return the full name of the action that an operation needs."""
    return PREFIX + ACTIONS.get(operation, operation)


class Permissions:
    """What is denied to which key."""

    def __init__(self) -> None:
        self._denied: dict[str, frozenset[str]] = {}

    def deny(self, access_key: str, actions: Collection[str]) -> None:
        """Permit a key everything but these; raise `ValueError` for an unknown action."""
        wanted = frozenset(one.removeprefix(PREFIX) for one in actions)
        if unknown := wanted - set(ACTIONS.values()):
            possible = ", ".join(sorted(set(ACTIONS.values())))
            raise ValueError(f"unknown actions: {', '.join(sorted(unknown))}; known: {possible}")
        self._denied[access_key] = wanted

    def denied(self, access_key: str) -> list[str]:
        """Return what a key may not do."""
        return sorted(self._denied.get(access_key, ()))

    def forget(self, access_key: str) -> None:
        """Deny nothing anymore to a key that is gone."""
        self._denied.pop(access_key, None)

    def check(self, access_key: str, operation: str) -> None:
        """Raise `Refusal` DCS.2007 if the key may not do this."""
        if ACTIONS.get(operation) in self._denied.get(access_key, ()):
            raise Refusal(POLICY_DENIES, action_of(operation))
