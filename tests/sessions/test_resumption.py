"""Sessions with other implementations: they travel as bytes between our clients, and between servers as tickets."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import TicketKeys, stdlib
from tests.helpers import TIMEOUT, Identity
from tests.interop.peers import finished, gnutls_server, listening, openssl_server, program
from tests.sessions.faces import FACES
from tests.sessions.test_psk import connect

KEY = b"k" * 32
FACE = FACES["ssl"]


def asked(context: Any, port: int, session: Any = None) -> tuple[bool, bytes]:
    """Whether a client of ours resumed its session, and the bytes of the one it has now; the server echoes a line."""
    with connect(port) as plain, context.wrap_socket(plain, server_hostname="localhost", session=session) as connection:
        connection.sendall(b"hello\n")
        assert connection.recv(100) in (b"hello\n", b"olleh\n")
        return connection.session_reused, connection.session.to_bytes(KEY)


def travels(port: int, version: str, ca: Identity) -> None:
    """Each client is new, and has nothing but the bytes of the one before."""
    resumed, data = asked(FACE.client(version, ca), port)
    assert not resumed
    for _ in range(2):
        resumed, data = asked(FACE.client(version, ca), port, stdlib.SSLSession.from_bytes(data, KEY))
        assert resumed


@pytest.mark.parametrize("server", ["gnutls-serv", "s_server"])
def test_our_clients_of_programs(
    server: str, version: str, ca: Identity, server_identity: Identity, tmp_path: Path
) -> None:
    certificate, key = str(server_identity.certificate_file), str(server_identity.key_file)
    if server == "gnutls-serv":
        command = partial(gnutls_server, "--echo", "--x509certfile", certificate, "--x509keyfile", key)
    else:
        command = partial(openssl_server, "-rev", "-cert", certificate, "-key", key)
    with listening(command, tmp_path / "log") as (_, port):
        travels(port, version, ca)


@contextmanager
def served(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a server's thread that serves one connection after the other."""
    listening = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        while True:
            try:
                plain, _ = listening.accept()
            except OSError:
                return
            plain.settimeout(TIMEOUT)
            serve(plain)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(TIMEOUT)


def echo(context: Any, plain: socket.socket) -> None:
    with plain, context.wrap_socket(plain, server_side=True) as connection:
        connection.sendall(connection.recv(100))


def of_version(context: ssl.SSLContext, version: str) -> ssl.SSLContext:
    context.minimum_version = context.maximum_version = {
        "1.2": ssl.TLSVersion.TLSv1_2,
        "1.3": ssl.TLSVersion.TLSv1_3,
    }[version]
    return context


def test_our_clients_of_pythons_ssl(version: str, ca: Identity, server_identity: Identity) -> None:
    context = of_version(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), version)
    context.load_cert_chain(server_identity.certificate_file, server_identity.key_file)
    with served(lambda plain: echo(context, plain)) as port:
        travels(port, version, ca)


@contextmanager
def fleet(version: str, identity: Identity) -> Iterator[int]:
    """The port of two servers of ours that share ticket keys, and take turns."""
    keys, contexts = TicketKeys(), [FACE.server(version, identity) for _ in range(2)]
    for context in contexts:
        context.set_ticket_keys(keys)

    def serve(plain: socket.socket) -> None:
        contexts.reverse()
        echo(contexts[0], plain)

    with served(serve) as port:
        yield port


def test_pythons_ssl_at_our_servers(version: str, ca: Identity, server_identity: Identity) -> None:
    context = of_version(ssl.create_default_context(cafile=str(ca.certificate_file)), version)
    session, resumed = None, []
    with fleet(version, server_identity) as port:
        for _ in range(3):
            plain = socket.create_connection(("127.0.0.1", port), TIMEOUT)
            with context.wrap_socket(plain, server_hostname="localhost", session=session) as connection:
                connection.sendall(b"hello\n")
                assert connection.recv(100) == b"hello\n"
                resumed.append(connection.session_reused)
                session = connection.session
    assert resumed == [False, True, True]


def test_gnutls_at_our_servers(version: str, ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """It comes back by itself, and meets the other server."""
    program("gnutls-cli", "gnutls-bin")
    trust = ["--x509cafile", str(ca.certificate_file), "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}"]
    with fleet(version, server_identity) as port:
        command = ["gnutls-cli", "--resume", "--waitresumption", *trust, "-p", str(port), "localhost"]
        done = finished(command, b"hello\n", tmp_path)
    assert b"*** This is a resumed session" in done.output, (done.output, done.log)
