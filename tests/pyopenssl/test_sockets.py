"""Connections over sockets and file descriptors, with Python's ssl at the other end."""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from openssl_bio import SSL
from tests.helpers import TIMEOUT, Identity, client_context, context_of, server_context


@dataclass(frozen=True)
class Wire:
    """Two connected sockets with small buffers, ours, which blocks, and the peer's; and threads for the peer."""

    ours: socket.socket
    peers: socket.socket
    threads: ThreadPoolExecutor
    open: ExitStack
    ca: Identity
    identity: Identity

    def server(self) -> ssl.SSLSocket:
        """The peer as a server, whose handshake is still to come."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.identity.certificate_file, self.identity.key_file)
        tls = context.wrap_socket(self.peers, server_side=True, do_handshake_on_connect=False)
        return self.open.enter_context(tls)

    def client(self) -> ssl.SSLSocket:
        """The peer as a client, whose handshake is still to come."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ca.certificate_file)
        tls = context.wrap_socket(self.peers, server_hostname="example.test", do_handshake_on_connect=False)
        return self.open.enter_context(tls)


@pytest.fixture
def wire(ca: Identity, server_identity: Identity) -> Iterator[Wire]:
    ours, peers = socket.socketpair()
    for end in (ours, peers):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 14)
    peers.settimeout(TIMEOUT)
    with ThreadPoolExecutor(4) as pool, ExitStack() as stack, ours, peers:
        yield Wire(ours, peers, pool, stack, ca, server_identity)


def echo(peer: ssl.SSLSocket) -> bytes:
    """Shake hands, send everything back until the end, close; returns what it was."""
    peer.do_handshake()
    data = b""
    while piece := peer.recv(1 << 14):
        data += piece
        peer.sendall(piece)
    peer.unwrap().close()
    return data


def client_over(context: SSL.Context, sock: Any) -> SSL.Connection:
    connection = SSL.Connection(context, sock)
    connection.set_connect_state()
    return connection


def server_over(context: SSL.Context, sock: Any) -> SSL.Connection:
    connection = SSL.Connection(context, sock)
    connection.set_accept_state()
    return connection


def finish(connection: SSL.Connection) -> None:
    """Close from both sides."""
    while not connection.shutdown():
        with pytest.raises(SSL.ZeroReturnError):
            connection.recv(1)


def read_exactly(connection: SSL.Connection, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += connection.recv(size - len(data))
    return data


@pytest.mark.parametrize("as_descriptor", [False, True], ids=["socket", "descriptor"])
def test_client_echo(as_descriptor: bool, client: SSL.Context, wire: Wire) -> None:
    """A blocking client sends more than the kernel keeps, and gets it back."""
    answer = wire.threads.submit(echo, wire.server())
    connection = client_over(client, wire.ours.fileno() if as_descriptor else wire.ours)
    connection.do_handshake()
    sent = os.urandom(300_000)
    writing = wire.threads.submit(connection.sendall, sent)
    assert read_exactly(connection, len(sent)) == sent
    assert writing.result(TIMEOUT) == len(sent)
    finish(connection)
    assert answer.result(TIMEOUT) == sent


def test_server_echo(server: SSL.Context, wire: Wire) -> None:
    """A blocking server answers a client that shakes hands by its first write."""

    def ask() -> bytes:
        peer = wire.client()
        peer.do_handshake()
        peer.sendall(b"a question")
        answer = peer.recv(100)
        peer.unwrap().close()
        return answer

    answer = wire.threads.submit(ask)
    connection = server_over(server, wire.ours)
    assert connection.recv(100) == b"a question"
    assert connection.send(b"an answer") == 9
    finish(connection)
    assert answer.result(TIMEOUT) == b"an answer"


def until_done(connection: SSL.Connection, operation: Callable[[], Any], wants: list[type[SSL.Error]]) -> Any:
    """Repeat an operation of a connection over a socket that does not block, and count what it wanted."""
    while True:
        try:
            return operation()
        except SSL.WantReadError:
            wants.append(SSL.WantReadError)
            assert select.select([connection], [], [], TIMEOUT)[0]
        except SSL.WantWriteError:
            wants.append(SSL.WantWriteError)
            assert connection.want_write()
            assert select.select([], [connection], [], TIMEOUT)[1]


@pytest.mark.parametrize("timeout", [0.0, 5.0], ids=["non-blocking", "time-out"])
def test_socket_that_does_not_block(timeout: float, client: SSL.Context, wire: Wire) -> None:
    """The caller is told what to wait for; `select` sees what is left; a repeated send loses and doubles nothing."""
    wire.ours.settimeout(timeout)
    wants: list[type[SSL.Error]] = []

    def until_wanted(error: type[SSL.Error]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while error not in wants:
            assert time.monotonic() < deadline, f"the other end did not get {error}"
            time.sleep(0.001)

    def peer() -> bytes:
        tls = wire.server()
        until_wanted(SSL.WantReadError)
        tls.do_handshake()
        until_wanted(SSL.WantWriteError)
        data = b""
        while piece := tls.recv(1 << 14):
            data += piece
        tls.sendall(data[::-1])
        tls.unwrap().close()
        return data

    received = wire.threads.submit(peer)
    connection = client_over(client, wire.ours)
    until_done(connection, connection.do_handshake, wants)
    sent, done = os.urandom(400_000), 0
    while done < len(sent):
        done += until_done(connection, partial(connection.send, sent[done:]), wants)
    assert SSL.WantWriteError in wants
    assert until_done(connection, connection.shutdown, wants) is False
    data = b""
    while len(data) < len(sent):
        data += until_done(connection, lambda: connection.recv(1 << 16), wants)
    assert data == sent[::-1]
    assert received.result(TIMEOUT) == sent
    with pytest.raises(SSL.ZeroReturnError):
        until_done(connection, lambda: connection.recv(1), wants)
    assert until_done(connection, connection.shutdown, wants) is True


def test_select_sees_every_record(client: SSL.Context, wire: Wire) -> None:
    """One recv of a record's size takes one record, so that `select` tells of the others."""

    def peer() -> None:
        tls = wire.server()
        tls.do_handshake()
        for _ in range(3):
            tls.sendall(b"x" * 100)
        tls.recv(1)

    wire.threads.submit(peer)
    connection = client_over(client, wire.ours)
    connection.do_handshake()
    for _ in range(3):
        assert select.select([wire.ours], [], [], TIMEOUT)[0]
        assert connection.recv(1 << 14) == b"x" * 100
        assert connection.pending() == 0
    connection.sendall(b"!")


def test_plaintext_after_the_end_stays_in_the_socket(client: SSL.Context, wire: Wire) -> None:
    """Bytes behind the peer's close_notify are not TLS's: the socket still has them."""

    def peer() -> None:
        tls = wire.server()
        tls.do_handshake()
        plain = tls.unwrap()
        plain.sendall(b"plain again")
        plain.detach()

    done = wire.threads.submit(peer)
    connection = client_over(client, wire.ours)
    connection.do_handshake()
    with pytest.raises(SSL.ZeroReturnError):
        connection.recv(10)
    assert connection.shutdown() is True
    assert wire.ours.recv(100) == b"plain again"
    done.result(TIMEOUT)


def test_reader_that_waits_stalls_no_writer(client: SSL.Context, wire: Wire) -> None:
    """One thread waits in recv while another sends what the peer's answer depends on."""
    answer = wire.threads.submit(echo, wire.server())
    connection = client_over(client, wire.ours)
    connection.do_handshake()
    waiting: Future[bytes] = wire.threads.submit(connection.recv, 100)
    with pytest.raises(TimeoutError):
        waiting.result(0.2)
    assert connection.send(b"now") == 3
    assert waiting.result(TIMEOUT) == b"now"
    finish(connection)
    assert answer.result(TIMEOUT) == b"now"


def test_36_connect_accept_and_delegation(client: SSL.Context, server: SSL.Context) -> None:
    """`connect`, `connect_ex`, `accept` and `sock_shutdown` are the socket's, and so is every unknown attribute."""
    with socket.create_server(("127.0.0.1", 0)) as listening, ThreadPoolExecutor(1) as pool:
        listener = SSL.Connection(server, listening)
        address = listener.getsockname()
        for connect in ("connect", "connect_ex"):
            accepted = pool.submit(listener.accept)
            near = SSL.Connection(client, socket.socket())
            assert getattr(near, connect)(address) in (None, 0)
            far, peer = accepted.result(TIMEOUT)
            assert isinstance(far, SSL.Connection)
            assert far.get_context() is listener.get_context()
            assert peer == near.getsockname()
            handshake = pool.submit(far.do_handshake)
            near.do_handshake()
            handshake.result(TIMEOUT)
            far.sock_shutdown(socket.SHUT_WR)
            with pytest.raises(SSL.SysCallError) as cut:
                near.recv(1)
            assert cut.value.args == (-1, "Unexpected EOF")
            near.close()
            far.close()
    with socket.socket() as unconnected:
        near = SSL.Connection(client, unconnected)
        assert near.connect_ex(address) == errno.ECONNREFUSED
        with pytest.raises(ConnectionRefusedError):
            near.connect(address)


def test_36_memory_connections_have_no_socket(client: SSL.Context) -> None:
    connection = SSL.Connection(client)
    for name in ("connect", "connect_ex", "sock_shutdown"):
        with pytest.raises(AttributeError, match="no socket"):
            getattr(connection, name)(0)
    with pytest.raises(AttributeError, match="no socket"):
        connection.accept()
    with pytest.raises(AttributeError, match="'Connection' object has no attribute 'fileno'"):
        connection.fileno()


def test_40_socket_connections_have_no_memory(client: SSL.Context, wire: Wire) -> None:
    connection = SSL.Connection(client, wire.ours)
    for call in (lambda: connection.bio_read(1), lambda: connection.bio_write(b"x"), connection.bio_shutdown):
        with pytest.raises(TypeError, match="Connection sock was not None"):
            call()


def test_35_what_is_no_socket(client: SSL.Context) -> None:
    with pytest.raises(TypeError, match="argument must be an int, or have a fileno"):
        SSL.Connection(client, object())
    with pytest.raises(ValueError, match=r"file descriptor cannot be a negative integer \(-1\)"):
        SSL.Connection(client, -1)
    closed = socket.socket()
    closed.close()
    with pytest.raises(ValueError, match="negative"):
        SSL.Connection(client, closed)


def test_transport_errors_have_their_errno(client: SSL.Context, wire: Wire) -> None:
    """A socket that was closed, and one whose peer is gone."""
    connection = client_over(client, wire.ours)
    wire.peers.close()
    with pytest.raises(SSL.SysCallError) as broken:
        connection.do_handshake()
    assert broken.value.args == (errno.EPIPE, "EPIPE")
    wire.ours.close()
    with pytest.raises(SSL.SysCallError) as closed:
        connection.do_handshake()
    assert closed.value.args == (errno.EBADF, "EBADF")


def test_plain_http_is_no_tls(client: SSL.Context, wire: Wire) -> None:
    """The header tells libssl, which does not wait for a body."""
    wire.peers.sendall(b"HTTP/1.1 400 Bad Request\r\n")
    connection = client_over(client, wire.ours)
    with pytest.raises(SSL.Error) as wrong:
        connection.do_handshake()
    assert not isinstance(wrong.value, SSL.SysCallError)


def test_failed_handshake_alerts_the_peer(server: SSL.Context, wire: Wire) -> None:
    """The alert is out before the error is raised."""

    def peer() -> str | None:
        try:
            wire.client().do_handshake()
        except ssl.SSLError as error:
            return error.reason
        return None

    reason = wire.threads.submit(peer)

    def refuse(_connection: SSL.Connection) -> None:
        raise KeyError("refused")

    server.set_tlsext_servername_callback(refuse)
    connection = server_over(server, wire.ours)
    with pytest.raises(KeyError, match="refused"):
        connection.do_handshake()
    assert "UNRECOGNIZED_NAME" in (reason.result(TIMEOUT) or "")


def test_41_shorter_retry_is_refused(client: SSL.Context, wire: Wire) -> None:
    """What was sealed cannot be taken back: a retry with less data says so."""
    wire.ours.setblocking(False)
    tls = wire.server()
    shaken = wire.threads.submit(tls.do_handshake)
    connection = client_over(client, wire.ours)
    wants: list[type[SSL.Error]] = []
    until_done(connection, connection.do_handshake, wants)
    shaken.result(TIMEOUT)
    data = bytes(1 << 16)
    while not connection.want_write():
        with suppress(SSL.WantWriteError):
            connection.send(data)
    reading = wire.threads.submit(lambda: [tls.recv(1 << 14) for _ in range(4)])
    with pytest.raises(SSL.Error, match="bad write retry"):
        until_done(connection, lambda: connection.send(b"less"), wants)
    reading.result(TIMEOUT)


def test_context_of_one_version_over_pipes(version: int, server_identity: Identity) -> None:
    """Anything with a fileno will do: one end of a socket pair as a file object."""
    left, right = socket.socketpair()
    with left, right, left.makefile("rwb", buffering=0) as file, ThreadPoolExecutor(1) as pool:
        server = server_over(server_context(version, server_identity), right)
        done = pool.submit(server.do_handshake)
        client = client_over(context_of(version), file)
        client.do_handshake()
        done.result(TIMEOUT)
        assert client.send(b"over a file") == 11
        assert server.recv(100) == b"over a file"


def test_client_that_leaves_before_the_tickets(ca: Identity, server_identity: Identity, wire: Wire) -> None:
    """A TLS 1.3 handshake has succeeded when the client is content, though it reads no ticket any more."""
    server = server_over(server_context(SSL.TLS1_3_VERSION, server_identity), wire.ours)
    client = client_over(client_context(SSL.TLS1_3_VERSION, ca), None)
    wire.ours.setblocking(False)

    def carry() -> None:
        with suppress(SSL.WantReadError):
            wire.peers.sendall(client.bio_read(1 << 16))

    for _ in range(2):
        with suppress(SSL.WantReadError):
            client.do_handshake()
        carry()
        if client.get_finished() is None:
            with pytest.raises(SSL.WantReadError):
                server.do_handshake()
            client.bio_write(wire.peers.recv(1 << 16))
    wire.peers.close()
    server.do_handshake()
    with pytest.raises(SSL.SysCallError):
        server.recv(1)
