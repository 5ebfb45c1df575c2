"""What fails in our own C leaks nothing: each fault of each scenario of `native_faults`, over and over.

It takes minutes, so the suite leaves this file out: its name does not begin with "test".  ``make leaks`` runs it with
a build that has ``shim.h`` in it, and with all memory counted as `fault_leaks` does.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest

from tests.core.fault_leaks import _uncollected, growth, test_leaks_would_be_seen
from tests.core.faults import real
from tests.core.native_faults import OTHERS, contexts, described, run, shim, world
from tests.core.scenarios_native import SCENARIOS, Contexts
from tests.core.world import Scenario, World

__all__ = ["_uncollected", "contexts", "test_leaks_would_be_seen", "world"]

pytestmark = pytest.mark.timeout(0)  # the suite's limit is for tests of seconds
# Scenarios that leave cycles, and why: there it is the collector that has to leave nothing.
CYCLES = {
    "interrupted": "a connection's callback is a method of what has the connection",
    "interrupted, short records": "the same",
    "refused handshake": "a callback's exception that there is no memory to raise waits, and has the connection",
    "methods": "a class is a cycle",
    "entered again": "a function keeps exceptions, whose traceback has its frame",
}


def leaks(making: Callable[[], Any], call: Callable[[Any], Any], name: str) -> list[str]:
    """The faults that leave memory behind, or objects to the cyclic collector."""
    assert run(call, making(), 0) is None
    found = []
    for number in range(1, shim.calls + 1):

        def fail(number: int = number) -> None:
            run(call, making(), number)
            real.ERR_clear_error()  # of the few that may leave an error: `native_faults` looks at that
            if name in CYCLES:
                gc.collect()

        fail()
        where = described(shim.fault.contents) if shim.fault else "no fault"
        if grown := growth(fail):
            found.append(f"{where}: {grown} bytes more")
    return found


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_fails_in_c_leaves_nothing(name: str, contexts: Contexts) -> None:
    make, call = SCENARIOS[name]
    assert leaks(lambda: make(contexts), call, name) == []


@pytest.mark.parametrize("scenario", OTHERS, ids=lambda scenario: scenario.name)
def test_what_fails_under_python_leaves_nothing(scenario: Scenario, world: World) -> None:
    assert leaks(lambda: scenario.make(world), lambda made: scenario.call(made, world), scenario.name) == []
