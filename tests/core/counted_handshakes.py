"""usage: counted_handshakes.py KIND VERSION COUNT COUNTER LIBRARY...

Shake hands in this process, in which libcrypto's allocations are counted before anything has loaded it; print what was
measured after the first handshakes, and after each further tenth of them.  `handshake_leaks` runs this.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from collections.abc import Iterator

TENTHS = 10


def count_in(counter: str, libraries: list[str]) -> ctypes.c_long:
    """Let these libraries' allocations be counted; the number of those that are alive."""
    counting = ctypes.CDLL(counter)
    functions = counting.counted_malloc, counting.counted_realloc, counting.counted_free
    for library in libraries:
        if ctypes.CDLL(library).CRYPTO_set_mem_functions(*functions) != 1:
            sys.exit(f"{library} has allocated already")
    return ctypes.c_long.in_dll(counting, "live_allocations")


def measured(kind: str, version: int, count: int, live: ctypes.c_long) -> Iterator[tuple[int, int]]:
    """Allocations that are alive, and bytes of resident memory."""
    from tests.core import test_leaks  # it loads libcrypto

    for _ in range(TENTHS + 1):
        test_leaks.handshakes(kind, version, count // TENTHS)
        assert live.value > 1000, "nothing is counted"
        yield live.value, test_leaks.resident_kib() * 1024


def main(kind: str, version: str, count: str, counter: str, *libraries: str) -> None:
    """Measure, and print."""
    live = count_in(counter, list(libraries))
    gc.disable()
    figures = list(measured(kind, int(version), int(count), live))
    print(json.dumps({"live": [one for one, _ in figures], "resident": [other for _, other in figures]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
