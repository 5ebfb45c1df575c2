"""DTLS with OpenSSL's and GnuTLS's programs, over UDP sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from openssl_bio import SSL
from tests.helpers import TIMEOUT, Identity
from tests.interop.peers import Command, gnutls_server, listening, openssl_server, program, started


@contextmanager
def bound() -> Iterator[socket.socket]:
    """A UDP socket on a port of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock


def server_command(peer: str, identity: Identity) -> Command:
    certificate, key = str(identity.certificate_file), str(identity.key_file)
    if peer == "s_server":
        return openssl_server("-dtls1_2", "-listen", "-cert", certificate, "-key", key)
    return gnutls_server("--udp", "--echo", "--x509certfile", certificate, "--x509keyfile", key)


def client_command(peer: str, ca: Identity, port: int) -> list[str]:
    trusted = str(ca.certificate_file)
    if peer == "s_client":
        options = ["-dtls1_2", "-connect", f"127.0.0.1:{port}", "-CAfile", trusted, "-verify_return_error"]
        return [program("openssl", "openssl"), "s_client", *options]
    options = ["--udp", "-p", str(port), "--x509cafile", trusted, "--verify-hostname=example.test"]
    return [program("gnutls-cli", "gnutls-bin"), *options, "127.0.0.1"]


@pytest.mark.parametrize("peer", ["s_server", "gnutls-serv"])
def test_client(peer: str, ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """Handshake with a cookie, one datagram there, one back, close."""
    context = SSL.Context(SSL.DTLS_METHOD)
    context.load_verify_locations(ca.certificate_file)
    context.set_verify(SSL.VERIFY_PEER)
    command = partial(server_command, peer, server_identity)
    with listening(command, tmp_path / "log") as (process, port), bound() as sock:
        sock.connect(("127.0.0.1", port))
        connection = SSL.Connection(context, sock)
        connection.set_connect_state()
        connection.do_handshake()
        connection.send(b"there and back\n")
        if peer == "s_server":
            assert process.line("there and back")
            process.write(b"there and back\n")
        assert connection.recv(1 << 14) == b"there and back\n"
        connection.shutdown()


@pytest.mark.parametrize("peer", ["s_client", "gnutls-cli"])
def test_server(peer: str, ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """Ask for a cookie, shake hands with who returns it, echo a datagram."""
    context = SSL.Context(SSL.DTLS_METHOD)
    context.use_certificate(server_identity.certificate)
    context.use_privatekey(server_identity.key)
    context.set_cookie_generate_callback(lambda _connection: b"cookie")
    context.set_cookie_verify_callback(lambda _connection, cookie: cookie == b"cookie")
    with bound() as sock, started(client_command(peer, ca, sock.getsockname()[1]), tmp_path / "log") as process:
        sock.settimeout(TIMEOUT)
        _, address = sock.recvfrom(1, socket.MSG_PEEK)
        sock.connect(address)
        sock.setblocking(True)
        connection = SSL.Connection(context, sock)
        connection.set_accept_state()
        connection.DTLSv1_listen()
        connection.do_handshake()
        process.write(b"from the client\n")
        data = connection.recv(1 << 14)
        assert data == b"from the client\n"
        connection.send(b"answer: " + data)
        assert process.line("answer: from the client")
        connection.shutdown()
