"""Small writes that share records, on connections of both faces."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from threading import Thread
from typing import Any

import pytest

from openssl_bio import SSL
from openssl_bio import stdlib as ssl
from tests.core.test_one_call import Ends, handshake, stdlib_ends
from tests.helpers import TIMEOUT, Identity

WANT_READ = (SSL.WantReadError, ssl.SSLWantReadError)
RECORD = 16 * 1024


@pytest.fixture(params=["pyopenssl", "stdlib", "a view"])
def fresh(
    request: pytest.FixtureRequest, client: SSL.Context, server: SSL.Context, version: int, server_identity: Identity
) -> Ends:
    """A client and a server that have not begun."""
    if request.param == "stdlib":
        return stdlib_ends(ssl.MemoryBIO, version, server_identity)
    pair = SSL.Connection(client), SSL.Connection(server)
    pair[0].set_connect_state()
    pair[1].set_accept_state()
    return pair if request.param == "pyopenssl" else (pair[0].ssl_object, pair[1])


@pytest.fixture
def ends(fresh: Ends) -> Ends:
    """A client and a server that are connected."""
    return handshake(fresh)


def sizes(ciphertext: bytes) -> list[int]:
    """Of each record of data, without its header."""
    found = []
    while ciphertext:
        size = int.from_bytes(ciphertext[3:5])
        assert ciphertext[0] == 23
        found.append(size)
        ciphertext = ciphertext[5 + size :]
    return found


def written(client: Any) -> Callable[[bytes], int]:
    """What the face calls writing."""
    write: Callable[[bytes], int] = client.send if isinstance(client, SSL.Connection) else client.write
    return write


def test_many_small_writes_make_one_record(ends: Ends) -> None:
    client, server = ends
    with client.corked():
        for i in range(1000):
            assert written(client)(bytes([i % 256])) == 1
    ciphertext = client.data_to_send()
    assert len(sizes(ciphertext)) == 1
    assert server.receive_data(ciphertext) == bytes(i % 256 for i in range(1000))
    for _ in range(2):
        written(client)(b"apart")
    assert len(sizes(client.data_to_send())) == 2


def test_full_records_do_not_wait(ends: Ends) -> None:
    """What is sealed in the block is full records, and large writes are sealed as ever; all in order."""
    client, server = ends
    data = [bytes([i]) * 1000 for i in range(40)]
    data[30] = b"large" * 10_000
    take = client.bio_read if isinstance(client, SSL.Connection) else None
    with client.corked():
        for part in data:
            assert written(client)(part) == len(part)
        early = b"" if take is None else take(1 << 20)
    rest = client.data_to_send()
    assert take is None or len(sizes(early)) > 4
    ciphertext = early + rest
    assert len(sizes(ciphertext)) == 2 + len(data[30]) // RECORD + 1 + 1
    assert max(sizes(ciphertext)) <= RECORD + 64
    assert server.receive_data(ciphertext) == b"".join(data)


def test_kinds_of_data(ends: Ends) -> None:
    client, server = ends
    with client.corked():
        for data in (b"one ", bytearray(b"two "), memoryview(b"xthree ")[1:], memoryview(b"four").cast("I")):
            assert written(client)(data) == len(bytes(data))  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            written(client)(None)  # type: ignore[arg-type]
    assert server.receive_data(client.data_to_send()) == b"one two three four"


def test_blocks_in_blocks(ends: Ends) -> None:
    """Each that ends seals what there is, and only the outermost ends the gathering."""
    client, server = ends
    with client.corked():
        written(client)(b"1")
        with client.corked():
            written(client)(b"2")
        written(client)(b"3")
        written(client)(b"4")
    written(client)(b"5")
    ciphertext = client.data_to_send()
    assert len(sizes(ciphertext)) == 3
    assert server.receive_data(ciphertext) == b"12345"


def test_block_that_raises(ends: Ends) -> None:
    """What was written was written."""
    client, server = ends

    def write_and_fail() -> None:
        with client.corked():
            written(client)(b"all ")
            written(client)(b"the same")
            raise LookupError("of the application")

    with pytest.raises(LookupError):
        write_and_fail()
    assert server.receive_data(client.data_to_send()) == b"all the same"


def test_block_before_the_handshake(fresh: Ends) -> None:
    """Its end wants to read; what it gathered is sealed by the next write or block, before that one's data."""
    client, server = fresh
    with pytest.raises(WANT_READ), client.corked():
        written(client)(b"gathered ")
    with pytest.raises(WANT_READ):
        written(client)(b"not taken")
    handshake(fresh)
    written(client)(b"first")
    assert server.receive_data(client.data_to_send()) == b"gathered first"
    with client.corked():
        written(client)(b"again")
    assert server.receive_data(client.data_to_send()) == b"again"


def test_write_that_raises_may_be_repeated(fresh: Ends) -> None:
    """Where a record is full that cannot be sealed, the write takes nothing."""
    client, server = fresh
    part = b"x" * 10_000

    def write_twice() -> None:
        with client.corked():
            written(client)(part)
            for _ in range(3):
                with pytest.raises(WANT_READ):
                    written(client)(part)

    with pytest.raises(WANT_READ):
        write_twice()
    handshake(fresh)
    written(client)(b"y")
    assert server.receive_data(client.data_to_send()) == part + b"y"


def test_closing_in_a_block(ends: Ends) -> None:
    """What waits is sealed before the close_notify."""
    client, server = ends
    closes = client.shutdown if isinstance(client, SSL.Connection) else client.unwrap
    with client.corked():
        written(client)(b"last words")
        with suppress(WANT_READ):
            closes()
    assert server.receive_data(client.data_to_send()) == b"last words"
    with pytest.raises((SSL.ZeroReturnError, ssl.SSLZeroReturnError)):
        server.receive_data(b"")


def test_the_one_call_form_in_a_block(ends: Ends) -> None:
    client, server = ends
    with client.corked():
        written(client)(b"one ")
        ciphertext = client.send_data(b"two ")
        assert server.receive_data(ciphertext) == b"one two "
        written(client)(b"three ")
        assert client.data_to_send() == b""
        assert server.receive_data(client.send_data(b"")) == b"three "
        written(client)(b"four")
    assert server.receive_data(client.data_to_send()) == b"four"


def test_connection_that_fails_in_a_block(ends: Ends) -> None:
    """Its end says what the connection failed of, and so does whatever is written later."""
    client, _ = ends
    errors = (SSL.Error, ssl.SSLError)

    def write_and_fail() -> None:
        with client.corked():
            written(client)(b"nobody gets this")
            for fails in (
                lambda: client.receive_data(b"\x17\x03\x03\x00\x05wrong"),
                lambda: written(client)(b"nor this"),
            ):
                with pytest.raises(errors):
                    fails()

    for fails in (write_and_fail, lambda: written(client)(b"nor this")):
        with pytest.raises(errors):
            fails()


def test_both_views_of_a_connection(client: SSL.Context, server: SSL.Context) -> None:
    """What either writes is gathered, whichever was corked."""
    pair = SSL.Connection(client), SSL.Connection(server)
    pair[0].set_connect_state()
    pair[1].set_accept_state()
    handshake(pair)
    for corked, other in ((pair[0], pair[0].ssl_object), (pair[0].ssl_object, pair[0])):
        with corked.corked():
            written(corked)(b"one ")
            written(other)(b"two ")
            written(corked)(b"three")
        written(other)(b"!")
        ciphertext = pair[0].data_to_send()
        assert len(sizes(ciphertext)) == 2
        assert pair[1].receive_data(ciphertext) == b"one two three!"


def test_several_threads(ends: Ends) -> None:
    """Everything arrives, what each has written in its order."""
    client, server = ends

    def work(mark: int) -> None:
        for i in range(20):
            with client.corked():
                for j in range(10):
                    written(client)(bytes([mark, i, j]))

    threads = [Thread(target=work, args=(mark,)) for mark in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    received = server.receive_data(client.data_to_send())
    parts = [received[at : at + 3] for at in range(0, len(received), 3)]
    for mark in range(4):
        assert [part for part in parts if part[0] == mark] == [
            bytes([mark, i, j]) for i in range(20) for j in range(10)
        ]


def test_datagrams_are_not_joined() -> None:
    connection = SSL.Connection(SSL.Context(SSL.DTLS_METHOD))
    with pytest.raises(ValueError, match="datagrams are not joined"), connection.corked():
        pass


def test_sockets_are_not_corked(client: SSL.Context) -> None:
    ours, peers = socket.socketpair()
    with ours, peers, pytest.raises(TypeError), SSL.Connection(client, ours).corked():
        pass


def test_corking_in_a_callback(fresh: Ends, client: SSL.Context, server: SSL.Context) -> None:
    """Refused, as all output is."""
    refused: list[RuntimeError] = []

    def cork(connection: Any, *_: Any) -> None:
        try:
            with connection.corked():
                pass
        except RuntimeError as error:
            refused.append(error)

    pair = SSL.Connection(client), SSL.Connection(server)
    pair[0].set_connect_state()
    pair[1].set_accept_state()
    pair[0].set_info_callback(cork)
    handshake(pair)
    assert refused
    written(pair[0])(b"as ever")
    assert pair[1].receive_data(pair[0].data_to_send()) == b"as ever"
