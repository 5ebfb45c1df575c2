"""Connections over sockets: `SSLContext.wrap_socket`, with Python's ssl or ourselves at the other end."""

from __future__ import annotations

import http.client
import http.server
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import TIMEOUT, Identity
from tests.stdlib.helpers import client_context, ours, python, server_context


@contextmanager
def serving(context: Any, talk: Callable[[Any], None], **options: Any) -> Iterator[tuple[str, int]]:
    """A server in a thread, which talks with one client; its exceptions are raised at the end."""
    problems: list[BaseException] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(TIMEOUT)

    def serve() -> None:
        try:
            plain, _ = listener.accept()
            plain.settimeout(TIMEOUT)
            with context.wrap_socket(plain, server_side=True, **options) as connection:
                talk(connection)
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    finally:
        listener.close()
    if problems:
        raise problems[0]


def connected(context: Any, address: tuple[str, int], **options: Any) -> Any:
    plain = socket.create_connection(address, timeout=TIMEOUT)
    return context.wrap_socket(plain, server_hostname="localhost", **options)


@pytest.fixture(params=[(ours, python), (python, ours), (ours, ours)], ids=["client", "server", "both"])
def contexts(request: pytest.FixtureRequest, ca: Identity, server_identity: Identity, version: Any) -> tuple[Any, Any]:
    """A client's and a server's context, of which at least one is ours."""
    of_client, of_server = request.param
    return client_context(ca, of_client, version), server_context(server_identity, of_server, version)


def echo(connection: Any) -> None:
    while data := connection.recv(1 << 16):
        connection.sendall(data)


def test_exchange(contexts: tuple[Any, Any]) -> None:
    """All the ways to send and to receive, then a clean end."""
    client, server = contexts
    with serving(server, echo) as address, connected(client, address) as connection:
        assert isinstance(connection, ssl.SSLSocket)
        assert connection.getpeercert()["subject"] == ((("commonName", "example.test"),),)
        assert connection.send(b"one") == 3
        assert connection.recv(10) == b"one"
        connection.sendall(b"two")
        buffer = bytearray(10)
        assert connection.recv_into(buffer) == 3
        assert bytes(buffer[:3]) == b"two"
        connection.write(b"three")
        assert connection.read(2) + connection.read(10) == b"three"
        assert connection.pending() == 0
        with connection.makefile("rwb") as file:
            file.write(b"a line\n")
            file.flush()
            assert file.readline() == b"a line\n"


def test_much_data_both_ways(ca: Identity, server_identity: Identity, version: Any) -> None:
    """One thread reads while another writes, more than the buffers of the sockets hold.

    Both ends are ours: Python's own end is no part of what is tested, and fails at times with two threads before 3.13.
    """
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    data = os.urandom(1 << 16) * 64
    received = bytearray()
    with serving(server, echo) as address, connected(client, address) as connection:

        def read() -> None:
            while len(received) < len(data):
                received.extend(connection.recv(1 << 16))

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        connection.sendall(data)
        reader.join(TIMEOUT)
    assert received == data


def test_unwrap_leaves_the_plain_bytes(contexts: tuple[Any, Any]) -> None:
    """After unwrap() the socket carries plain bytes, and none of them are lost."""
    client, server = contexts

    def talk(connection: Any) -> None:
        assert connection.recv(10) == b"secret"
        plain = connection.unwrap()
        plain.sendall(b"in the open")
        plain.close()

    with serving(server, talk) as address, connected(client, address) as connection:
        connection.sendall(b"secret")
        plain = connection.unwrap()
        assert plain.recv(100) == b"in the open"
        plain.close()


def test_timeout(ca: Identity, server_identity: Identity) -> None:
    """A read that waits too long ends with TimeoutError, and the connection goes on."""
    release = threading.Event()

    def talk(connection: Any) -> None:
        assert release.wait(TIMEOUT)
        connection.sendall(b"late")

    with (
        serving(server_context(server_identity), talk) as address,
        connected(client_context(ca), address) as connection,
    ):
        connection.settimeout(0.01)
        with pytest.raises(TimeoutError, match="The read operation timed out"):
            connection.recv(10)
        release.set()
        connection.settimeout(TIMEOUT)
        assert connection.recv(10) == b"late"


def send_until_full(connection: Any, data: bytes) -> int:
    """Send as often as the connection takes it; returns how many bytes it took."""
    sent = 0
    while True:
        try:
            sent += connection.send(data)
        except ssl.SSLWantWriteError:
            return sent


def test_not_blocking(ca: Identity, server_identity: Identity) -> None:
    """A socket that does not block wants to read, or to write, and takes no more than it can send."""
    go = threading.Event()
    counted: list[int] = []

    def talk(connection: Any) -> None:
        connection.sendall(b"begin")
        assert go.wait(TIMEOUT)
        total = 0
        while data := connection.recv(1 << 16):
            total += len(data)
        counted.append(total)

    with (
        serving(server_context(server_identity), talk) as address,
        connected(client_context(ca), address) as connection,
    ):
        assert connection.recv(10) == b"begin"
        connection.setblocking(False)
        with pytest.raises(ssl.SSLWantReadError):
            connection.recv(10)
        data = bytes(1 << 16)
        sent = send_until_full(connection, data)
        go.set()
        connection.setblocking(True)
        connection.settimeout(TIMEOUT)
        sent += connection.send(data)
    assert counted == [sent]


@pytest.mark.parametrize("suppressed", [True, False])
def test_ragged_end(ca: Identity, server_identity: Identity, suppressed: bool) -> None:
    """An end without close_notify is b"" or SSLEOFError, as the user chose."""

    def talk(connection: Any) -> None:
        socket.socket.shutdown(connection, socket.SHUT_RDWR)

    client = client_context(ca)
    with (
        serving(server_context(server_identity), talk) as address,
        connected(client, address, suppress_ragged_eofs=suppressed) as connection,
    ):
        if suppressed:
            assert connection.recv(10) == b""
        else:
            with pytest.raises(ssl.SSLEOFError):
                connection.recv(10)


def test_refused_certificate(server_identity: Identity) -> None:
    """The client that trusts nobody says so, and tells the server by an alert."""
    context = ours.SSLContext(ours.PROTOCOL_TLS_CLIENT)

    def try_to_connect() -> None:
        with serving(server_context(server_identity), echo) as address:
            with pytest.raises(ssl.SSLCertVerificationError) as caught:
                connected(context, address)
            assert caught.value.verify_code == 20

    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        try_to_connect()


def test_handshake_later(ca: Identity, server_identity: Identity) -> None:
    """do_handshake_on_connect=False leaves the handshake to the user; connect() makes it otherwise."""
    context = client_context(ca)
    with (
        serving(server_context(server_identity), echo, do_handshake_on_connect=False) as address,
        context.wrap_socket(socket.socket(), server_hostname="localhost") as connection,
    ):
        connection.settimeout(TIMEOUT)
        connection.connect(address)
        assert connection.version() == "TLSv1.3"
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"


def test_session_is_resumed(ca: Identity, server_identity: Identity) -> None:
    """A session of one socket is resumed by another."""
    client, server = client_context(ca), server_context(server_identity)
    with serving(server, echo) as address, connected(client, address) as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        session = connection.session
    with serving(server, echo) as address, connected(client, address, session=session) as connection:
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        assert connection.session_reused


def test_http(ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """http.client and http.server on our contexts."""
    (tmp_path / "page").write_bytes(b"content" * 10000)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, directory=str(tmp_path), **options)

        def log_message(self, *_arguments: Any) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.socket = server_context(server_identity).wrap_socket(httpd.socket, server_side=True)
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        client = http.client.HTTPSConnection(
            "localhost", httpd.server_port, context=client_context(ca), timeout=TIMEOUT
        )
        client.request("GET", "/page")
        assert client.getresponse().read() == b"content" * 10000
        client.close()
        httpd.shutdown()
        thread.join(TIMEOUT)
