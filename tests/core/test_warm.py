"""Connections that are in use keep their buffers, idle ones have none: nobody but the memory can tell."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from openssl_bio import SSL
from openssl_bio._core.engines import ENGINE
from tests.core.crowd import Crowd, use
from tests.helpers import TIMEOUT, Identity, Pair, client_context, received, server_context

LONG = bytes(range(256)) * 200  # some records

BEFORE_3_2 = SSL.OPENSSL_VERSION_NUMBER < 0x30200000
# An idle connection takes 17 KiB, 33 since OpenSSL 3.2; each of libssl's two buffers would take 17 more.
IDLE = (21 if BEFORE_3_2 else 36) * 1024


@pytest.fixture(scope="module")
def crowd(ca: Identity, server_identity: Identity) -> Crowd:
    return Crowd(client_context(SSL.TLS1_3_VERSION, ca), server_context(SSL.TLS1_3_VERSION, server_identity))


@pytest.fixture(params=["cold", "warm"])
def pair(pair: Pair, request: pytest.FixtureRequest) -> Pair:
    """One that has only shaken hands, or has been used."""
    if request.param == "warm":
        use(pair.client, pair.server)
    return pair


@pytest.mark.parametrize("at", [1, 4, 5, 6, 100, 16384, 16406, 16410, 40000])
def test_a_record_that_is_not_complete(pair: Pair, crowd: Crowd, at: int) -> None:
    """What libssl has of it stays where it is."""
    ciphertext = pair.client.send_data(LONG)
    got = pair.server.receive_data(ciphertext[:at])
    for middle in (ciphertext[at : at + 3], ciphertext[at + 3 : at + 20_000], ciphertext[at + 20_000 :]):
        crowd.work()
        got += pair.server.receive_data(middle)
    assert got == LONG


def test_a_record_that_was_not_read_to_its_end(pair: Pair, crowd: Crowd) -> None:
    """What libssl has decrypted stays where it is."""
    pair.client.send(LONG)
    pair.move()
    got = b""
    while len(got) < len(LONG):
        got += pair.server.recv(10_000)
        left = pair.server.pending()
        crowd.work()
        assert pair.server.pending() == left
    assert got == LONG


def test_ciphertext_that_nobody_has_taken(pair: Pair, crowd: Crowd) -> None:
    """It waits at its ends, in either direction."""
    for number in range(5):
        pair.client.send(b"%d" % number)
        pair.server.send(b"%d" % number)
        crowd.work()
    pair.move()
    crowd.work()
    assert received(pair.server) == received(pair.client) == b"01234"


def test_handshakes_that_stop(client: SSL.Context, server: SSL.Context, crowd: Crowd) -> None:
    """Each flight comes in pieces, with a pause behind each."""
    pair = Pair(client, server)
    ends = (pair.client, pair.server)
    for _ in range(6):
        for source, target in (ends, ends[::-1]):
            flight = source.data_to_send()
            for start in range(0, len(flight), 400):
                target.receive_data(flight[start : start + 400])
                crowd.work()
    assert pair.server.receive_data(pair.client.send_data(LONG)) == LONG
    assert pair.client.receive_data(pair.server.send_data(LONG)) == LONG


def test_a_close_after_a_pause(pair: Pair, crowd: Crowd) -> None:
    """An idle connection is closed as any other."""
    crowd.work()
    pair.client.shutdown()
    crowd.work()
    pair.move()
    with pytest.raises(SSL.ZeroReturnError):
        pair.server.recv(1)


def test_modes_are_what_was_set(client: SSL.Context, server: SSL.Context) -> None:
    """Whoever releases the buffers, the mode is told as it was set, and can be cleared."""
    plain = SSL.Connection(client, None)
    assert not plain.set_mode(0) & SSL.MODE_RELEASE_BUFFERS
    client.set_mode(SSL.MODE_RELEASE_BUFFERS)
    pair = Pair(client, server).handshake()
    for _ in range(2):
        use(pair.client, pair.server)
        assert pair.client.set_mode(0) & SSL.MODE_RELEASE_BUFFERS
        assert pair.server.receive_data(pair.client.send_data(LONG)) == LONG
    assert not pair.client.clear_mode(SSL.MODE_RELEASE_BUFFERS) & SSL.MODE_RELEASE_BUFFERS
    assert not pair.client.set_mode(0) & SSL.MODE_RELEASE_BUFFERS
    assert pair.client.receive_data(pair.server.send_data(LONG)) == LONG
    assert pair.client.set_mode(SSL.MODE_RELEASE_BUFFERS) & SSL.MODE_RELEASE_BUFFERS
    assert pair.client.receive_data(pair.server.send_data(LONG)) == LONG


class _Used(ctypes.Structure):
    """``struct mallinfo2`` of glibc."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in ["arena", "a", "b", "c", "d", "e", "f", "uordblks", "g", "h"])


def allocated() -> int:
    """Bytes that malloc() has given out."""
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = _Used
    return int(libc.mallinfo2().uordblks)


can_measure = pytest.mark.skipif(
    ENGINE != "c" or not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "mallinfo2"),
    reason="the reference engine leaves it to libssl's mode; and only glibc tells how much memory is in use",
)


def with_data(client: SSL.Context, server: SSL.Context) -> Pair:
    """A pair that has used both buffers of both ends."""
    pair = Pair(client, server).handshake()
    assert pair.server.receive_data(pair.client.send_data(LONG)) == LONG
    assert pair.client.receive_data(pair.server.send_data(LONG)) == LONG
    return pair


@can_measure
@pytest.mark.parametrize("mode", [0, SSL.MODE_RELEASE_BUFFERS])
@pytest.mark.parametrize("used", [False, True])
def test_idle_connections_have_no_buffers(
    client: SSL.Context, server: SSL.Context, crowd: Crowd, mode: int, used: bool
) -> None:
    """Whatever the mode."""
    for context in (client, server):
        context.set_mode(mode)
    crowd.work()
    before = allocated()
    pairs = [with_data(client, server) for _ in range(30)]
    for pair in pairs if used else []:
        use(pair.client, pair.server)
    crowd.work()  # as many are warm as before
    assert (allocated() - before) / (2 * len(pairs)) < IDLE


def quietly(call: Callable[[], object]) -> None:
    with suppress(SSL.WantReadError, SSL.ZeroReturnError):
        call()


def only_shaken(pair: Pair) -> None:
    """Nothing is read after the handshake."""
    for end in (pair.client, pair.server) * 3:
        quietly(end.do_handshake)
        pair.move()


def read_with_tickets(pair: Pair) -> None:
    """The first data comes behind what the handshake leaves to read."""
    only_shaken(pair)
    for source, target in ((pair.client, pair.server), (pair.server, pair.client)):
        source.send(b"some")
        pair.move()
        assert target.recv(9) == b"some"


def closing(pair: Pair) -> None:
    """It was told that it will be closed, or has told it."""
    read_with_tickets(pair)
    pair.client.shutdown()
    pair.move()


def closed(pair: Pair) -> None:
    closing(pair)
    if BEFORE_3_2:  # later ones keep what the alert came in
        quietly(lambda: pair.server.recv(1))
    pair.server.shutdown()


@can_measure
@pytest.mark.parametrize("use_it", [only_shaken, read_with_tickets, closing, closed])
def test_what_is_not_data_leaves_no_buffers(
    client: SSL.Context, server: SSL.Context, crowd: Crowd, use_it: Callable[[Pair], None]
) -> None:
    """Neither messages of handshakes nor alerts do, nor data that comes with them."""

    def used() -> Pair:
        pair = Pair(client, server)
        use_it(pair)
        return pair

    crowd.work()
    used()
    before = allocated()
    pairs = [used() for _ in range(30)]
    crowd.work()
    assert (allocated() - before) / (2 * len(pairs)) < IDLE


@can_measure
def test_idle_connections_while_all_that_are_warm_are_in_use(
    client: SSL.Context, server: SSL.Context, ca: Identity, server_identity: Identity
) -> None:
    """Each is in a callback, which closes the next; the last one's makes connections that find no place."""
    took: list[float] = []

    def close_another(_connection: SSL.Connection, where: int, _value: int) -> None:
        if where == SSL.SSL_CB_WRITE_ALERT and closing:
            closing.pop().shutdown()
        elif where == SSL.SSL_CB_WRITE_ALERT:
            before = allocated()
            pairs = [with_data(client, server) for _ in range(30)]
            for pair in pairs:
                use(pair.client, pair.server)
            took.append((allocated() - before) / (2 * len(pairs)))

    told = client_context(SSL.TLS1_3_VERSION, ca), server_context(SSL.TLS1_3_VERSION, server_identity)
    for context in told:
        context.set_info_callback(close_another)
    closing = []
    for pair in [with_data(*told) for _ in range(20)]:
        use(pair.client, pair.server)
        closing += [pair.client, pair.server]
    closing.pop().shutdown()
    assert took[0] < IDLE


def test_threads_beside_each_other(client: SSL.Context, server: SSL.Context) -> None:
    """Connections are made, used, left alone and dropped in four threads; together they are too many to be warm."""

    def work() -> None:
        held = [Pair(client, server).handshake() for _ in range(8)]
        for turn in range(60):
            one = held[turn % 8]
            assert one.server.receive_data(one.client.send_data(LONG)) == LONG
            assert one.client.receive_data(one.server.send_data(b"small")) == b"small"
            if turn % 5 == 0:
                held[(turn + 4) % 8] = Pair(client, server).handshake()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result(TIMEOUT)
