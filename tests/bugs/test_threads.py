"""C: threads, locks and signals."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from openssl_bio import SSL
from tests.bugs.ends import Ends
from tests.helpers import TIMEOUT, Identity, client_context


@contextmanager
def over_sockets(ends: Ends) -> Iterator[tuple[Any, Any]]:
    """A client and a server of the face over two ends of a socket, after the handshake."""
    near, far = socket.socketpair()
    if ends.is_ssl:
        near.settimeout(TIMEOUT)
        far.settimeout(TIMEOUT)
        late = {"do_handshake_on_connect": False}
        client = ends.client().wrap_socket(near, server_hostname="localhost", **late)
        server = ends.server().wrap_socket(far, server_side=True, **late)
    else:
        client, server = SSL.Connection(ends.client(), near), SSL.Connection(ends.server(), far)
        client.set_connect_state()
        server.set_accept_state()
    try:
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(server.do_handshake)
            client.do_handshake()
            other.result(TIMEOUT)
        yield client, server
    finally:
        client.close()
        server.close()
        if not ends.is_ssl:
            near.close()
            far.close()


def started(*targets: Callable[[], Any]) -> list[threading.Thread]:
    threads = [threading.Thread(target=target, daemon=True) for target in targets]
    for thread in threads:
        thread.start()
    return threads


def exactly(end: Any, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = end.recv(size - len(data))
        assert piece
        data += piece
    return bytes(data)


def test_C17_reader_that_waits_delays_no_writer(ends: Ends) -> None:
    """One thread waits for data that comes only when another has written."""
    with over_sockets(ends) as (client, server):
        got: list[bytes] = []
        (reader,) = started(lambda: got.append(client.recv(10)))
        time.sleep(0.05)
        client.send(b"ping")
        assert exactly(server, 4) == b"ping"
        server.send(b"pong")
        reader.join(TIMEOUT)
        assert got == [b"pong"]


def test_C17_no_lock_of_a_context_is_held_while_a_callback_runs(ends: Ends) -> None:
    """A callback waits for another thread that changes its context, and makes a connection from it."""
    contexts = {"client": ends.client(), "server": ends.server()}
    side, put = next(iter(ends.installers().values()))
    done: list[bool] = []

    def call(*_arguments: Any) -> Any:
        if not done:

            def change() -> None:
                contexts["client"].load_verify_locations(str(ends.ca.certificate_file))
                ends.pair(contexts["client"], contexts["server"])
                done.append(True)

            (thread,) = started(change)
            thread.join(TIMEOUT)
            assert done
        return None if ends.is_ssl else True

    put(contexts[side], call)
    assert ends.shake(ends.pair(contexts["client"], contexts["server"])) == {}
    assert done


def test_C18_callback_uses_its_own_connection(ends: Ends) -> None:
    """From a callback: reading, writing and handshaking are refused, at once and from another thread soon."""
    contexts = {"client": ends.client(), "server": ends.server()}
    side, put = next(iter(ends.installers().values()))
    pairs: list[Any] = []
    refused: list[str] = []

    def call(*_arguments: Any) -> Any:
        if pairs:
            end = getattr(pairs.pop(), side)
            for deed in (end.do_handshake, lambda: ends.read(end, 1), lambda: ends.write(end, b"x")):
                with pytest.raises((RuntimeError, ends.error)) as caught:
                    deed()
                refused.append(str(caught.value))

            def elsewhere() -> None:
                with pytest.raises(RuntimeError) as caught:
                    end.do_handshake()
                refused.append(str(caught.value))

            (thread,) = started(elsewhere)
            thread.join(TIMEOUT)
        return None if ends.is_ssl else True

    put(contexts[side], call)
    pair = ends.pair(contexts["client"], contexts["server"])
    pairs.append(pair)
    assert ends.shake(pair) == {}
    assert ["callback" in text for text in refused] == [True] * 4


def test_C19_two_threads_on_one_connection(ends: Ends) -> None:
    """One thread reads what another writes, both ways at once, in memory."""
    pair = ends.pair()
    assert ends.shake(pair) == {}
    size = 400_000
    total = {"client": 0, "server": 0}
    carrying = threading.Lock()
    end_time = time.monotonic() + TIMEOUT

    def write(name: str) -> None:
        for _ in range(size // 1000):
            assert ends.write(getattr(pair, name), b"x" * 1000) == 1000

    def read(name: str) -> None:
        while total[name] < size and time.monotonic() < end_time:
            with carrying:
                ends.move(pair)
            try:
                data = ends.read(getattr(pair, name), 1 << 16)
            except ends.want_read:
                time.sleep(0.0005)
                continue
            assert data == b"x" * len(data)
            total[name] += len(data)

    with ThreadPoolExecutor(4) as pool:
        work = [pool.submit(call, name) for call in (write, read) for name in total]
        for future in work:
            future.result(2 * TIMEOUT)
    assert total == {"client": size, "server": size}


def test_C19_two_readers_and_two_writers(ends: Ends) -> None:
    """Four threads on one connection over a socket: no byte is lost, doubled or changed, and no record is broken."""
    count, size = 60, 50_000
    with over_sockets(ends) as (client, server):
        got: list[bytes] = []

        def write(mark: int) -> None:
            for _ in range(count):
                client.sendall(bytes([mark]) * size)

        def read() -> None:
            while data := client.recv(1 << 14):
                got.append(data)

        def echo() -> None:
            for _ in range(count * 2):
                server.sendall(exactly(server, size))
            # Python's waits for the peer's answer.
            server.unwrap() if ends.is_ssl else server.shutdown()

        def read_to_end() -> None:
            if ends.is_ssl:
                read()
            else:
                with pytest.raises(SSL.ZeroReturnError):
                    read()

        with ThreadPoolExecutor(5) as pool:
            echoing, *work = [pool.submit(call) for call in (echo, read_to_end, read_to_end)]
            work += [pool.submit(write, mark) for mark in (1, 2)]
            for future in work:
                future.result(2 * TIMEOUT)
            if ends.is_ssl:
                client.unwrap()
            echoing.result(TIMEOUT)
    data = b"".join(got)
    assert (len(data), data.count(1), data.count(2)) == (2 * count * size, count * size, count * size)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
def test_C21_storm_of_signals(ends: Ends) -> None:
    """A handler that raises, every millisecond, during large reads: no byte is lost, and each exception is seen."""
    data = os.urandom(1 << 20).replace(b"\0", b"0")

    class Interrupt(Exception):
        pass

    raised = caught = 0
    armed = False

    def ring(_number: int, _frame: object) -> None:
        nonlocal raised, armed
        if armed:
            armed = False
            raised += 1
            raise Interrupt

    before = signal.signal(signal.SIGALRM, ring)
    pair = ends.pair()
    assert ends.shake(pair) == {}
    places = {0}  # where in the data we may be
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        for start in range(0, len(data), 1 << 16):
            assert ends.write(pair.server, data[start : start + (1 << 16)]) == 1 << 16
            ends.move(pair)
        while len(data) not in places:
            buffer, interrupted = bytearray(5000), False
            try:
                armed = True
                ends.read_into(pair.client, buffer)
                armed = False
            except Interrupt:
                caught += 1
                interrupted = True
            piece = buffer.rstrip(b"\0")
            after = {place + len(piece) for place in places if data[place : place + len(piece)] == piece}
            # When the handler raises inside of the read, the next one brings the same bytes again.
            places = after | places if interrupted else after
            assert places
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert raised == caught


def test_C21_signal_while_a_read_waits(ca: Identity, server_identity: Identity) -> None:
    """A handler that does not raise changes nothing: the read goes on waiting."""
    ends = Ends("pyOpenSSL", SSL.TLS1_3_VERSION, ca, server_identity)
    rung = threading.Event()
    before = signal.signal(signal.SIGALRM, lambda *_: rung.set())
    try:
        with over_sockets(ends) as (client, server):

            def answer() -> None:
                rung.wait(TIMEOUT)
                server.send(b"late")

            (thread,) = started(answer)
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            assert client.recv(10) == b"late"
            thread.join(TIMEOUT)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert rung.is_set()


# -- a descriptor that is another's by now ----------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["socket", "descriptor of a file object"])
def test_closed_socket_is_never_written_to(given: str, version: int, ca: Identity, server_identity: Identity) -> None:
    """The number of a closed socket is given to another: what the connection still has goes nowhere."""
    near, far = socket.socketpair()
    far.settimeout(TIMEOUT)
    file = near if given == "socket" else near.makefile("rwb", buffering=0)
    if given != "socket":
        near.close()
    client = SSL.Connection(client_context(version, ca), file)
    client.set_connect_state()
    number = file.fileno()
    file.close()
    one, two = socket.socketpair()
    with one, two, far:
        two.setblocking(False)
        stranger = one if one.fileno() == number else None
        if stranger is None:
            os.dup2(one.fileno(), number)
        try:
            with pytest.raises((SSL.Error, ValueError, OSError)):
                client.do_handshake()
            with pytest.raises((SSL.Error, ValueError, OSError)):
                client.shutdown()
            del client
            with pytest.raises(BlockingIOError):
                two.recv(1)
        finally:
            if stranger is None:
                os.close(number)


def test_closed_socket_of_ssl_is_never_written_to(version: int, ca: Identity, server_identity: Identity) -> None:
    """Closed while a thread waits in it, and its number given away: later calls fail, nothing is written."""
    with over_sockets(Ends("ssl", version, ca, server_identity)) as (client, _server):
        number = client.fileno()
        client.close()
        one, two = socket.socketpair()
        with one, two:
            two.setblocking(False)
            if one.fileno() != number:
                os.dup2(one.fileno(), number)
            try:
                for call in (lambda: client.send(b"x"), lambda: client.recv(1), client.unwrap, client.do_handshake):
                    with pytest.raises((OSError, ValueError)):
                        call()
                with pytest.raises(BlockingIOError):
                    two.recv(1)
            finally:
                if one.fileno() != number:
                    os.close(number)
