"""A signal handler that raises in the middle of a read or a write: the stream of TLS records stays whole."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from openssl_bio import SSL
from tests.helpers import TIMEOUT, Identity, client_context, server_context

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")

SIZE = 3_000_000


class Interrupt(Exception):
    """What the signal handler raises."""


class Alarm:
    """Raises `Interrupt` in `shaken` calls, sooner or later: most take some tens of microseconds."""

    def __init__(self) -> None:
        self.armed = False
        self.count = 0
        self.calls = 0

    def ring(self, _number: int, _frame: object) -> None:
        if self.armed:
            self.armed = False
            self.count += 1
            raise Interrupt

    def shaken(self, call: Callable[[], Any]) -> Any:
        """What the call returns; None if it was interrupted."""
        self.calls += 1
        signal.setitimer(signal.ITIMER_REAL, (2 + self.calls % 59 * 3) / 1e6)
        try:
            self.armed = True
            result = call()
            self.armed = False
        except Interrupt:
            return None
        finally:
            self.armed = False
        return result


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    alarm = Alarm()
    before = signal.signal(signal.SIGALRM, alarm.ring)
    yield alarm
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def everything(connection: SSL.Connection) -> int:
    connection.do_handshake()
    total = 0
    while True:
        try:
            total += len(connection.recv(1 << 16))
        except SSL.ZeroReturnError:
            return total


def send_everything(connection: SSL.Connection) -> None:
    connection.do_handshake()
    connection.sendall(bytes(SIZE))
    connection.shutdown()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.fixture
def ends(version: int, ca: Identity, server_identity: Identity) -> Iterator[tuple[SSL.Connection, SSL.Connection]]:
    """A client and a server."""
    ours, peers = socket.socketpair()
    with ours, peers:
        client = SSL.Connection(client_context(version, ca), ours)
        client.set_connect_state()
        server = SSL.Connection(server_context(version, server_identity), peers)
        server.set_accept_state()
        yield client, server


def read_shaken(client: SSL.Connection, alarm: Alarm) -> int:
    total = 0
    while True:
        try:
            total += len(alarm.shaken(lambda: client.recv(1 << 14)) or b"")
        except SSL.ZeroReturnError:
            return total


def test_reading(alarm: Alarm, ends: tuple[SSL.Connection, SSL.Connection], pool: ThreadPoolExecutor) -> None:
    """What an interrupted `recv` was about to return is lost to who called it, and nothing else is."""
    client, server = ends
    work = pool.submit(send_everything, server)
    client.do_handshake()
    received = read_shaken(client, alarm)
    work.result(TIMEOUT)
    assert alarm.count > 0
    assert SIZE - alarm.count * (1 << 14) <= received <= SIZE


def test_writing(alarm: Alarm, ends: tuple[SSL.Connection, SSL.Connection], pool: ThreadPoolExecutor) -> None:
    """What an interrupted `send` has sealed is sent, and nothing twice."""
    client, server = ends
    work = pool.submit(everything, server)
    client.do_handshake()
    sent = 0
    while sent < SIZE:
        sent += alarm.shaken(lambda: client.send(bytes(1 << 15))) or 0
    client.shutdown()
    assert alarm.count > 0
    assert sent <= work.result(TIMEOUT) <= sent + alarm.count * (1 << 15)
