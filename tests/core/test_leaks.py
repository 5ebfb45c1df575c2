"""Memory stays flat over handshakes that succeed, fail and are abandoned, with the cyclic collector off.

``HANDSHAKES=20000 pytest tests/core/test_leaks.py`` makes the long run that ``make leaks`` makes.
"""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from openssl_bio import SSL
from tests.pyopenssl.test_callbacks import Boom, Side, carry, contexts, shake

HANDSHAKES = int(os.environ.get("HANDSHAKES", "1500"))
# How a handshake ends: well, by a refused certificate, by a callback, or by nobody going on after a flight.
FLIGHTS = ("abandoned 0", "abandoned 1", "abandoned 2", "abandoned 3", "abandoned 4")
KINDS = ("good", "failed", "raising", *FLIGHTS)


@pytest.fixture(autouse=True)
def no_cyclic_collector() -> Iterator[None]:
    """Reference counts alone must free everything."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def resident_kib() -> int:
    """This process's resident memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE") // 1024


def refuse(*_arguments: Any) -> NoReturn:
    raise Boom


def handshakes(kind: str, version: int) -> None:
    client_context, server_context = contexts(version)
    if kind == "failed":
        client_context.set_verify(SSL.VERIFY_PEER)
    elif kind == "raising":
        client_context.set_verify(SSL.VERIFY_PEER, refuse)
    for _ in range(HANDSHAKES // 4):
        client, server = Side(client_context, server=False), Side(server_context, server=True)
        if kind in FLIGHTS:
            fly(client, server, FLIGHTS.index(kind))
        else:
            shake(client, server)
            assert client.done == (kind == "good")


def fly(client: Side, server: Side, flights: int) -> None:
    """So many flights of a handshake."""
    for number in range(flights):
        one, other = (client, server) if number % 2 == 0 else (server, client)
        one.step()
        carry(one.connection, other.connection)
    if flights:
        other.step()


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from Linux's /proc")
@pytest.mark.parametrize("version", [0x303, 0x304])
@pytest.mark.parametrize("kind", ["good", "failed", "raising", "abandoned 2"] if HANDSHAKES < 10_000 else KINDS)
def test_memory_is_flat(kind: str, version: int) -> None:
    """The second batch of handshakes adds no memory to what the first one used."""
    handshakes(kind, version)
    before = resident_kib()
    handshakes(kind, version)
    grown = resident_kib() - before
    # A leaked connection takes 30 KiB at the least; malloc's own drift is far below one KiB for each.
    assert grown < 256 + HANDSHAKES // 4, f"{grown} KiB more after {HANDSHAKES // 4} handshakes"


@pytest.mark.parametrize("kind", KINDS)
def test_dropped_connection_is_freed_at_once(kind: str) -> None:
    """No reference cycle keeps a connection, also not through an exception that it raised."""
    client_context, server_context = contexts(0x304)
    if kind == "failed":
        client_context.set_verify(SSL.VERIFY_PEER)
    elif kind == "raising":
        client_context.set_verify(SSL.VERIFY_PEER, refuse)
    client, server = Side(client_context, server=False), Side(server_context, server=True)
    if kind in FLIGHTS:
        fly(client, server, FLIGHTS.index(kind))
    else:
        shake(client, server)
    dropped = weakref.ref(client.connection)
    del client
    assert dropped() is None
