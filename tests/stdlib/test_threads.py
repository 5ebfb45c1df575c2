"""Threads that share memory BIOs, and threads that share a connection."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.helpers import TIMEOUT, Identity
from tests.stdlib.helpers import Pair, client_context, server_context

DATA = bytes(range(256)) * 4096


def run(*calls: Callable[[], None]) -> None:
    """Run each call in a thread of its own; what one raises is raised."""
    problems: list[BaseException] = []

    def guarded(call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=guarded, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
        if problems:
            raise problems[0]
        assert not thread.is_alive()


def patiently(call: Callable[[], Any]) -> Any:
    """Call until it does not want to read any more; the peer's bytes come from another thread."""
    while True:
        try:
            return call()
        except ssl.SSLWantReadError:
            time.sleep(0.0005)


def test_two_connections_share_two_bios(ca: Identity, server_identity: Identity, bio: Any, version: Any) -> None:
    """What one thread's connection writes, another thread's reads, with nobody between them."""
    pair = Pair(client_context(ca, version=version), server_context(server_identity, version=version), bio)
    received: dict[str, bytes] = {}

    def talk(name: str, end: Any) -> Callable[[], None]:
        def call() -> None:
            patiently(end.do_handshake)
            data = bytearray()
            for start in range(0, len(DATA), 1 << 16):
                end.write(DATA[start : start + (1 << 16)])
            while len(data) < len(DATA):
                data += patiently(lambda: end.read(1 << 17))
            received[name] = bytes(data)

        return call

    run(talk("client", pair.client), talk("server", pair.server))
    assert received == {"client": DATA, "server": DATA}


def test_a_wait_is_no_end(ca: Identity, server_identity: Identity, bio: Any, version: Any) -> None:
    """A connection that finds its BIO empty at the moment when another thread fills it waits; it sees no end."""
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    for _ in range(150):
        pair = Pair(client, server, bio)

        def shake(end: Any) -> Callable[[], None]:
            return lambda: patiently(end.do_handshake)

        run(shake(pair.client), shake(pair.server))
        assert pair.client.version() == pair.server.version() is not None


def test_one_connection_in_two_threads(done: Pair) -> None:
    """One thread writes while another reads the same connection; each record arrives whole, in order."""
    count = 200
    lines = [b"%06d\n" % number for number in range(count)]
    echoed = bytearray()

    def write() -> None:
        for line in lines:
            done.client.write(line)

    def echo() -> None:
        seen = 0
        while seen < count * 7:
            data = patiently(lambda: done.server.read(1000))
            seen += len(data)
            done.server.write(data)

    def read() -> None:
        while len(echoed) < count * 7:
            echoed.extend(patiently(lambda: done.client.read(1000)))

    run(write, echo, read)
    assert echoed == b"".join(lines)
