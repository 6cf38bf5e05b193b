"""Classifies every known DCS status word.

Sources: the show page of 2025-12-17 (ten words), the list page (four), the Terraform provider and
gophertelekomcloud (the rest). The API spells the incremental phase both `INCRMIGEATING` and
`INCRMIGRATING`. A word that is not in the table counts as active: it is polled and is no error.
"""

from __future__ import annotations

from enum import Enum, auto
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

PENDING: Final = "PENDING"
"""The operator's own word for a task that was not polled yet; DCS never uses it."""

TERMINATING: Final = "TERMINATING"
TERMINATED: Final = "TERMINATED"
DELETED: Final = "DELETED"


class PhaseClass(Enum):
    """What a status word means for a wish to stop."""

    ACTIVE = auto()  # runs, or may start to run
    TERMINATING = auto()  # being stopped
    TERMINATED = auto()  # stopped, the documented success of a stop
    ENDED = auto()  # ended by itself
    FAILED = auto()  # ended with an error; a person has to investigate
    GONE = auto()  # DCS does not know the id


WORDS: Final[Mapping[str, PhaseClass]] = MappingProxyType(
    {
        "CREATING": PhaseClass.ACTIVE,
        "RUNNING": PhaseClass.ACTIVE,  # DCS means: created, waiting for its configuration
        "MIGRATING": PhaseClass.ACTIVE,
        "FULLMIGRATING": PhaseClass.ACTIVE,
        "INCRMIGEATING": PhaseClass.ACTIVE,
        "INCRMIGRATING": PhaseClass.ACTIVE,
        TERMINATING: PhaseClass.TERMINATING,
        TERMINATED: PhaseClass.TERMINATED,
        "SUCCESS": PhaseClass.ENDED,
        "MIGRATION_SUCCESS": PhaseClass.ENDED,
        "RELEASED": PhaseClass.ENDED,
        "FAILED": PhaseClass.FAILED,
        "MIGRATION_FAILED": PhaseClass.FAILED,
        "ERROR": PhaseClass.FAILED,
        DELETED: PhaseClass.GONE,
    }
)


def class_of(word: str) -> PhaseClass:
    """Return the class of a status word; an unknown word is active."""
    return WORDS.get(word, PhaseClass.ACTIVE)
