"""Initial fleets: how many migrations, with which statuses and ids.

Pure. Equal arguments give equal ids, so that the author of manifests can generate the same list.
"""

import random
from collections.abc import Iterator, Mapping
from typing import Final

from sandbox.dcs.migration import MIGRATING_WORDS, MigrationSpec, dashed

MIXED_WORDS: Final = (
    *MIGRATING_WORDS,
    "RUNNING",
    "CREATING",
    "SUCCESS",
    "TERMINATED",
    "FAILED",
    "RELEASED",
)
"""The statuses that a mixed fleet cycles through: the migrating ones first."""
UNDASHED_EVERY: Final = 4
"""In a mixed fleet, one id in this many is 32 hex digits without dashes."""


def task_ids(count: int, seed: int, project_id: str) -> list[str]:
    """Return the dashed ids of the first `count` generated migrations of a project."""
    generator = random.Random(f"{seed}/{project_id}")  # noqa: S311 - reproducible, not secret
    return [dashed(f"{generator.getrandbits(128):032x}") for _ in range(count)]


def project_ids(count: int, seed: int) -> list[str]:
    """Return the ids of the first `count` generated projects: 32 hex digits, as in the cloud."""
    generator = random.Random(f"{seed}/projects")  # noqa: S311 - reproducible, not secret
    return [f"{generator.getrandbits(128):032x}" for _ in range(count)]


def populate(
    project_id: str, *, running: int, words: Mapping[str, int], mixed: int, seed: int
) -> Iterator[MigrationSpec]:
    """Yield the generated migrations of one project.

    Args:
        project_id: Makes the ids of two projects different.
        running: Number of incremental migrations, `INCRMIGEATING`.
        words: Number of migrations of each word.
        mixed: Number of migrations that go through `MIXED_WORDS`.
        seed: Different seeds give different ids.
    """
    plan = ["INCRMIGEATING"] * running
    plan += [word for word, count in words.items() for _ in range(count)]
    plan += [MIXED_WORDS[number % len(MIXED_WORDS)] for number in range(mixed)]
    ids = task_ids(len(plan), seed, project_id)
    for number, (task_id, word) in enumerate(zip(ids, plan, strict=True)):
        incremental = word not in ("FULLMIGRATING", "SUCCESS")
        is_mixed = number >= len(plan) - mixed
        yield MigrationSpec(
            task_id=task_id.replace("-", "")
            if is_mixed and number % UNDASHED_EVERY == UNDASHED_EVERY - 1
            else task_id,
            name=f"migration-{number:05}",
            word=word,
            method="incremental_migration" if incremental else "full_amount_migration",
        )
