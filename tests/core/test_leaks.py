"""Memory stays flat over handshakes that succeed, fail and are abandoned, with the cyclic collector off.

The long run that ``make leaks`` makes is `handshake_leaks`.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
import weakref
from collections.abc import Iterator
from pathlib import Path
from socket import MSG_PEEK
from typing import Any, NoReturn

import pytest

from openssl_bio import SSL
from tests.pyopenssl.test_callbacks import Boom, Side, carry, contexts, shake

HANDSHAKES = 400
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


def handshakes(kind: str, version: int, count: int) -> None:
    """So many handshakes of a kind, between two new contexts."""
    client_context, server_context = contexts(version)
    if kind == "failed":
        client_context.set_verify(SSL.VERIFY_PEER)
    elif kind == "raising":
        client_context.set_verify(SSL.VERIFY_PEER, refuse)
    for _ in range(count):
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
@pytest.mark.parametrize("kind", ["good", "failed", "raising", "abandoned 2"])
def test_memory_is_flat(kind: str, version: int) -> None:
    """The second batch of handshakes adds no memory to what the first one used."""
    handshakes(kind, version, HANDSHAKES)
    before = resident_kib()
    handshakes(kind, version, HANDSHAKES)
    grown = resident_kib() - before
    # A leaked connection takes 30 KiB at the least; malloc's own drift is far below one KiB for each.
    assert grown < 256 + HANDSHAKES, f"{grown} KiB more after {HANDSHAKES} handshakes"


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


@pytest.mark.skipif(
    not hasattr(sys, "getallocatedblocks"), reason="this Python does not tell how much it has allocated"
)
def test_names_are_not_kept() -> None:
    """What the C engine asks Python for by name leaves no string in Python's cache of attributes."""
    client_context, _server_context = contexts(0x304)
    client = Side(client_context, server=False).connection

    def call() -> None:
        Side(client_context, server=False)
        with contextlib.suppress(SSL.WantReadError):
            client.recv(1, MSG_PEEK)

    for _ in range(200):  # caches of other kinds grow to their size
        call()
    sys._clear_type_cache()
    before = sys.getallocatedblocks()
    for _ in range(200):
        call()
    assert sys.getallocatedblocks() - before < 10
