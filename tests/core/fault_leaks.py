"""What fails leaks nothing: each scenario's faults, over and over, with the cyclic collector off.

``FAULT_LEAKS=n make leaks`` repeats each n times.  That takes minutes, so the suite leaves this file out: its name does
not begin with "test".
"""

from __future__ import annotations

import gc
import os
import resource
from collections.abc import Iterator

import pytest

from tests.core.faults import Call, Library
from tests.core.test_faults import CRYPTO, SCENARIOS, STDLIB, attempt, calls_of, library, new, world
from tests.core.world import Scenario, World

__all__ = ["library", "world"]

ROUNDS = int(os.environ.get("FAULT_LEAKS", "100"))
# Bytes a round that a measurement may be off: a page here and there, and a fragmented heap.
NOISE = 64
WINDOWS = 4


@pytest.fixture(autouse=True)
def _uncollected() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def resident() -> int:
    """Bytes of memory in use."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def run(scenario: Scenario, faults: list[Call], library: Library, world: World, rounds: int) -> None:
    for _ in range(rounds):
        for fault in faults:
            made = new(scenario, world)
            library.calls.clear()
            with library.failing_at(fault):
                attempt(scenario, made, world)


@pytest.mark.parametrize("scenario", [*SCENARIOS, *STDLIB, *CRYPTO], ids=lambda scenario: scenario.name)
def test_memory_is_flat(scenario: Scenario, library: Library, world: World) -> None:
    faults = calls_of(scenario, library, world)
    if not faults:
        return
    rounds = -(-ROUNDS // len(faults))
    grown = []
    for _ in range(WINDOWS):
        before = resident()
        run(scenario, faults, library, world, rounds)
        grown.append((resident() - before) / (rounds * len(faults)))
    # A leak shows in every window; a heap that grows to its size does not.
    assert min(grown[1:]) < NOISE, f"{grown} bytes for each failing call; {gc.collect()} objects left to the collector"
