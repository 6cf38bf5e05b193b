"""Garbage collector, buffers and allocator are set up, also where there is no glibc."""

from __future__ import annotations

import ctypes
import gc
import inspect
from asyncio.sslproto import SSLProtocol
from typing import TYPE_CHECKING, Any

import pytest

from dcs_migration_operator import memory

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def all_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave collector and buffers of the test run as they were."""
    monkeypatch.setattr(SSLProtocol, "max_size", SSLProtocol.max_size)
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_the_collector_passes_over_what_is_there() -> None:
    """Modules are left out from now on, and it runs less often."""
    memory.settle()
    assert gc.get_threshold() == memory.GC_THRESHOLDS
    assert gc.get_freeze_count() > 0


def test_a_connection_takes_a_small_buffer() -> None:
    """The event loop still asks this attribute, which it does not document, and would take more."""
    memory.settle()
    assert SSLProtocol.max_size == memory.TLS_BYTES
    assert "bytearray(self.max_size)" in inspect.getsource(SSLProtocol.__init__)


def test_the_allocator_keeps_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """One arena; what is large is given back to the kernel."""
    told: list[tuple[int, int]] = []

    class Library:
        def __init__(self, _: object) -> None: ...

        def mallopt(self, name: int, value: int) -> int:
            told.append((name, value))
            return 1

    monkeypatch.setattr(ctypes, "CDLL", Library)
    memory.settle()
    assert told == [(-8, 1), (-3, 131_072), (-1, 131_072)]


def test_the_numbers_are_those_of_the_c_library() -> None:
    """The one of this machine says 1 to an option that it knows."""
    library: Any = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        pytest.skip("no glibc")
    assert library.mallopt(memory.M_MMAP_THRESHOLD, memory.LARGE_BYTES) == 1


def test_another_c_library_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no such options, as musl."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    memory.settle()
    assert gc.get_threshold() == memory.GC_THRESHOLDS
