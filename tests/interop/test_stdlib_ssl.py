"""Python's own ``ssl`` at the other end, in memory."""

from __future__ import annotations

import hashlib
import ssl

import pytest

from openssl_bio import SSL
from tests.helpers import Identity, client_context, server_context


class Python:
    """An ``ssl.SSLObject`` and its two BIOs."""

    def __init__(self, context: ssl.SSLContext, *, server: bool) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        name = None if server else "example.test"
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server, server_hostname=name)

    def carry(self, ours: SSL.Connection) -> None:
        """Ciphertext in both directions."""
        if data := self.outgoing.read():
            ours.bio_write(data)
        try:
            self.incoming.write(ours.bio_read(1 << 22))
        except SSL.WantReadError:
            return


def python_context(server: bool, version: int, ca: Identity, identity: Identity | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion(version)
    context.load_verify_locations(ca.certificate_file)
    if identity is not None:
        context.load_cert_chain(identity.certificate_file, identity.key_file)
    return context


def shake(ours: SSL.Connection, python: Python) -> None:
    todo = [ours, python.tls]
    for _ in range(10):
        for end in list(todo):
            try:
                end.do_handshake()
                todo.remove(end)
            except (SSL.WantReadError, ssl.SSLWantReadError):
                pass
            python.carry(ours)
        if not todo:
            return
    raise AssertionError("the handshake does not end")


@pytest.fixture(params=["client", "server"])
def ends(
    request: pytest.FixtureRequest, version: int, ca: Identity, server_identity: Identity, client_identity: Identity
) -> tuple[SSL.Connection, Python]:
    """Our client and Python's server, and the other way round, after a handshake with certificates on both sides."""
    if request.param == "client":
        ours = SSL.Connection(client_context(version, ca, client_identity))
        ours.set_connect_state()
        ours.set_tlsext_host_name(b"example.test")
        ours.set_verify_host("example.test")
        context = python_context(True, version, ca, server_identity)
        context.verify_mode = ssl.CERT_REQUIRED
        python = Python(context, server=True)
    else:
        ours = SSL.Connection(server_context(version, server_identity, ca))
        ours.set_accept_state()
        python = Python(python_context(False, version, ca, client_identity), server=False)
    shake(ours, python)
    return ours, python


def test_mutual_tls_data_and_close(ends: tuple[SSL.Connection, Python]) -> None:
    """Both see the other's certificate, the same bytes arrive, and the close is clean on both sides."""
    ours, python = ends
    assert python.tls.version() == ours.get_protocol_version_name()
    assert python.tls.getpeercert()
    assert ours.get_peer_certificate() is not None
    data = bytes(range(256)) * 256
    assert ours.send(data) == len(data)
    python.carry(ours)
    heard = b""
    while len(heard) < len(data):
        heard += python.tls.read(1 << 20)
    assert heard == data
    assert python.tls.write(data) == len(data)
    python.carry(ours)
    assert ours.recv(1 << 20) == data
    assert not ours.shutdown()
    python.carry(ours)
    python.tls.unwrap()
    python.carry(ours)
    assert ours.shutdown()


def test_100_megabytes(ends: tuple[SSL.Connection, Python]) -> None:
    """A long transfer arrives byte for byte."""
    ours, python = ends
    sent, heard, total = hashlib.sha256(), hashlib.sha256(), 0
    piece = hashlib.sha512(b"seed").digest() * 16384
    for i in range(100):
        block = i.to_bytes(4, "big") + piece[4:]
        sent.update(block)
        ours.sendall(block)
        python.carry(ours)
        while python.incoming.pending or python.tls.pending():
            try:
                part = python.tls.read(1 << 18)
            except ssl.SSLWantReadError:
                break
            heard.update(part)
            total += len(part)
    assert total == 100 * len(piece)
    assert heard.digest() == sent.digest()
