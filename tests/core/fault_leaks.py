"""What fails leaks nothing: each fault of each scenario, over and over, with the cyclic collector off.

It takes minutes, so the suite leaves this file out: its name does not begin with "test".  ``make leaks`` runs it with
all memory coming from malloc, Python's too, and with no cache in malloc, so that what is in use is known to the byte.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.core.faults import Call, Library
from tests.core.test_faults import CRYPTO, SCENARIOS, SESSIONS, STDLIB, attempt, calls_of, library, new, world
from tests.core.world import Scenario, World

__all__ = ["library", "world"]

ROUNDS = int(os.environ.get("FAULT_LEAKS", "4"))
WINDOWS = 40
pytestmark = pytest.mark.timeout(0)  # the suite's limit is for tests of seconds


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


class _Info(ctypes.Structure):
    """`struct mallinfo2` of glibc 2.33."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks"),
            *("uordblks", "fordblks", "keepcost"),
        )
    )


libc = ctypes.CDLL(None)
libc.mallinfo2.restype = _Info


def in_use() -> int:
    """Bytes that malloc has given out, to Python, to libcrypto and to our C."""
    gc.freeze()  # what there is: a cycle of garbage is to be seen
    gc.collect()  # so this only empties Python's free lists, which grow up to thousands of tuples
    sys._clear_type_cache()  # which holds names that were looked up by others' C, such as io's
    info = libc.mallinfo2()
    return int(info.uordblks + info.hblkhd)


def growth(call: Callable[[], object]) -> list[int]:
    """How many bytes more were in use after each window of some calls; nothing if that came to an end.

    Caches grow to their size, and the heap settles; a leak shows in every window.
    """
    grown: list[int] = []
    while len(grown) < WINDOWS:
        before = in_use()
        for _ in range(ROUNDS):
            call()
        grown.append(in_use() - before)
        if max(grown[-2:]) <= 0 and len(grown) > 2:
            return []
    return grown


def test_leaks_would_be_seen() -> None:
    """The measure: a list that grows, and an allocation of C's that nobody frees."""
    assert os.environ.get("PYTHONMALLOC") == "malloc", "`make leaks` says how to run this"
    kept: list[bytes] = []
    assert growth(lambda: kept.append(bytes(16)))
    assert growth(lambda: libc.malloc(16))
    assert not growth(lambda: bytes(16))


@pytest.mark.parametrize("scenario", [*SCENARIOS, *STDLIB, *CRYPTO, *SESSIONS], ids=lambda scenario: scenario.name)
def test_what_fails_leaves_nothing(scenario: Scenario, library: Library, world: World) -> None:
    found = []
    for fault in calls_of(scenario, library, world):

        def fail(fault: Call = fault) -> None:
            made = new(scenario, world)
            library.calls.clear()
            with library.failing_at(fault):
                attempt(scenario, made, world)

        if grown := growth(fail):
            found.append(f"{fault.name} in {os.path.basename(fault.site)}: {grown} bytes more")
    assert found == [], f"{gc.collect()} objects were left to the collector"
