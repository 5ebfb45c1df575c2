"""What several tests need: certificates, contexts, and two connections that talk to each other."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from openssl_bio import SSL, crypto

_serials = itertools.count(1)

TIMEOUT = 90.0  # seconds, after which something is taken to hang: a loaded machine gets a Java to run in 25


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, also as PEM files."""

    certificate: crypto.X509
    key: crypto.PKey
    certificate_file: Path
    key_file: Path

    def issue(self, name: str, folder: Path, alternatives: bytes) -> Identity:
        """A certificate that this authority signed, with these subjectAltNames."""
        extensions = [
            crypto.X509Extension(b"basicConstraints", True, b"CA:FALSE"),
            crypto.X509Extension(b"subjectAltName", False, alternatives),
        ]
        return _new(name, folder, extensions, self)


def new_authority(folder: Path, name: str = "an authority") -> Identity:
    """A self-signed certificate that may sign others."""
    extensions = [
        crypto.X509Extension(b"basicConstraints", True, b"CA:TRUE"),
        crypto.X509Extension(b"keyUsage", True, b"keyCertSign,cRLSign"),
    ]
    return _new(name, folder, extensions)


def new_key() -> crypto.PKey:
    """A key on P-256."""
    key = crypto.PKey()
    key.generate_key(crypto.TYPE_EC, 256)
    return key


def _new(
    name: str, folder: Path, extensions: list[crypto.X509Extension], authority: Identity | None = None
) -> Identity:
    key = new_key()
    certificate = crypto.X509()
    certificate.set_version(2)
    certificate.set_serial_number(next(_serials))
    certificate.get_subject().CN = name
    certificate.set_issuer((authority.certificate if authority else certificate).get_subject())
    certificate.set_pubkey(key)
    certificate.gmtime_adj_notBefore(-3600)
    certificate.gmtime_adj_notAfter(24 * 3600)
    certificate.add_extensions(extensions)
    # What strict verification demands, which is the default since Python 3.13.
    certificate.add_extensions([crypto.X509Extension(b"subjectKeyIdentifier", False, b"hash", subject=certificate)])
    issuer = authority.certificate if authority else certificate
    certificate.add_extensions([crypto.X509Extension(b"authorityKeyIdentifier", False, b"keyid", issuer=issuer)])
    certificate.sign(authority.key if authority else key, "sha256")
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    certificate_file.write_bytes(crypto.dump_certificate(crypto.FILETYPE_PEM, certificate))
    key_file.write_bytes(crypto.dump_privatekey(crypto.FILETYPE_PEM, key))
    return Identity(certificate, key, certificate_file, key_file)


def context_of(version: int, identity: Identity | None = None) -> SSL.Context:
    """A context that speaks one version."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    if identity is not None:
        context.use_certificate(identity.certificate)
        context.use_privatekey(identity.key)
    return context


def client_context(version: int, ca: Identity, identity: Identity | None = None) -> SSL.Context:
    """A client's context that trusts ``ca`` and verifies the server."""
    context = context_of(version, identity)
    context.get_cert_store().add_cert(ca.certificate)
    context.set_verify(SSL.VERIFY_PEER)
    return context


def server_context(version: int, identity: Identity, ca: Identity | None = None) -> SSL.Context:
    """A server's context; with ``ca``, one that demands a client's certificate."""
    context = context_of(version, identity)
    if ca is not None:
        context.get_cert_store().add_cert(ca.certificate)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        context.add_client_ca(ca.certificate)
    return context


def carry(source: SSL.Connection, target: SSL.Connection) -> int:
    """Carry all the ciphertext that is there; returns how many bytes it was."""
    total = 0
    while True:
        try:
            total += target.bio_write(source.bio_read(1 << 20))
        except SSL.WantReadError:
            return total


def received(connection: SSL.Connection, size: int = 1 << 16) -> bytes:
    """All the plaintext that is there."""
    data = bytearray()
    while True:
        try:
            data += connection.recv(size)
        except SSL.WantReadError:
            return bytes(data)


def digest(certificate: crypto.X509 | None) -> bytes:
    """What tells one certificate from another."""
    assert certificate is not None
    return certificate.digest("sha256")


class Pair:
    """Two connections in memory."""

    def __init__(self, client_context: SSL.Context, server_context: SSL.Context) -> None:
        self.client = SSL.Connection(client_context)
        self.client.set_connect_state()
        self.server = SSL.Connection(server_context)
        self.server.set_accept_state()

    def move(self) -> int:
        """Carry ciphertext both ways until there is none left; returns how many bytes it was."""
        total = 0
        while moved := carry(self.client, self.server) + carry(self.server, self.client):
            total += moved
        return total

    def handshake(self) -> Pair:
        """Finish the handshake, and let the client read its tickets. What a connection raises is raised."""
        waiting = [self.client, self.server]
        for _ in range(20):
            for connection in list(waiting):
                try:
                    connection.do_handshake()
                except SSL.WantReadError:
                    continue
                waiting.remove(connection)
            self.move()
            if not waiting:
                assert received(self.client) == b""
                return self
        raise AssertionError("the handshake does not end")
