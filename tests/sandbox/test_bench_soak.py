"""What a soak concludes from its samples."""

from __future__ import annotations

import pytest

from bench.soak import PROBLEM, Sample, growth

MIB = 1024 * 1024


def samples(memory_mib: list[float]) -> list[Sample]:
    """Return samples with this memory, five seconds apart."""
    return [
        Sample(
            at_s=5.0 * number,
            rss_bytes=int(one * MIB),
            open_files=20,
            threads=2,
            tasks=40,
            objects=70_000,
            blocks=400_000,
            heap_bytes=20 * MIB,
        )
        for number, one in enumerate(memory_mib)
    ]


def test_a_leak_is_beyond_noise() -> None:
    """1 MiB per sample is a slope of 720 MiB an hour, and 60 MiB between the compared fifths."""
    found = growth(samples([70.0 + number for number in range(100)] + [100.0]), "rss_bytes")
    assert found["beyond_noise"]
    assert found["per_hour"] == pytest.approx(720 * MIB)
    assert found["last"] - found["first"] == 60 * MIB


def test_warming_up_is_no_growth() -> None:
    """The first fifth is left out, and so is the last sample, which is of the calm."""
    found = growth(samples([50.0] * 20 + [70.0, 72.0] * 40 + [99.0]), "rss_bytes")
    assert not found["beyond_noise"]
    assert (found["start"], found["calm"]) == (50 * MIB, 99 * MIB)


def test_a_few_samples_are_enough_to_conclude() -> None:
    """A soak of seconds, to try it out, has two or three."""
    assert not growth(samples([70.0, 70.0, 70.0]), "rss_bytes")["beyond_noise"]


@pytest.mark.parametrize(
    "line,is_problem",
    [
        ('{"level": "error", "message": "x"}', True),
        ("Traceback (most recent call last):", True),
        ('{"level": "warning", "message": "DCS said error"}', False),
    ],
)
def test_errors_in_the_log_are_found(line: str, is_problem: bool) -> None:  # noqa: FBT001 - a row
    """Warnings are not: DCS has bad moments on purpose."""
    assert bool(PROBLEM.search(line)) is is_problem
