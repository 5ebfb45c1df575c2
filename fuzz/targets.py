"""What is fuzzed: functions of bytes that raise only if something is wrong with us.

Records are fed into connections of both roles and faces in every state of a handshake, on TLS 1.2, TLS 1.3 and DTLS;
bytes and files into every loader.  A target lets those exceptions pass that its calls document, and no others; after
each input the error queue must be empty.  Keys and certificates are made anew in each process.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from openssl_bio import (
    SSL,
    ClientHello,
    ClientHelloError,
    Credential,
    TrustStore,
    crypto,
    parse_client_hello,
    stdlib,
)
from openssl_bio._core._lib import lib

SECRET = b"secret"
ROOMY = 1 << 16
# What the first byte of a stream's input says: the protocol, and the face of the end that is fed.
MODES = ("TLSv1.2", "TLSv1.3", "DTLS", "ssl TLSv1.2", "ssl TLSv1.3")


def make_identity() -> tuple[crypto.X509, crypto.PKey]:
    """A certificate that signs itself, and its key."""
    key = crypto.PKey()
    key.generate_key(crypto.TYPE_EC, 256)
    certificate = crypto.X509()
    certificate.set_version(2)
    certificate.set_serial_number(1)
    certificate.get_subject().CN = "fuzz.test"
    certificate.set_issuer(certificate.get_subject())
    certificate.set_pubkey(key)
    certificate.gmtime_adj_notBefore(-3600)
    certificate.gmtime_adj_notAfter(24 * 3600)
    certificate.add_extensions([crypto.X509Extension(b"subjectAltName", False, b"DNS:fuzz.test,IP:127.0.0.1")])
    certificate.sign(key, "sha256")
    return certificate, key


CERTIFICATE, KEY = make_identity()
CERTIFICATE_PEM = crypto.dump_certificate(crypto.FILETYPE_PEM, CERTIFICATE)
KEY_PEM = crypto.dump_privatekey(crypto.FILETYPE_PEM, KEY)


def _context(method: int, version: int | None) -> SSL.Context:
    context = SSL.Context(method)
    if version is not None:
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
    context.use_certificate(CERTIFICATE)
    context.use_privatekey(KEY)
    context.get_cert_store().add_cert(CERTIFICATE)
    context.set_verify(SSL.VERIFY_PEER, lambda _connection, _certificate, _error, _depth, ok: bool(ok))
    context.set_alpn_protos([b"h2", b"http/1.1"])
    context.set_alpn_select_callback(lambda _connection, offered: offered[0])
    context.set_tlsext_servername_callback(lambda connection: connection.get_servername() and None)
    context.set_ocsp_server_callback(lambda _connection, _data: b"staple")
    context.set_ocsp_client_callback(lambda _connection, _staple, _data: True)
    context.set_info_callback(lambda connection, _where, _value: connection.get_state_string() and None)
    return context


def _ssl_context(role: int, version: ssl.TLSVersion) -> Any:
    context: Any = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER if role else stdlib.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = version
    context.use_credentials(Credential.load(CERTIFICATE_PEM, KEY_PEM))
    context.load_verify_locations(cadata=CERTIFICATE_PEM.decode())
    context.verify_mode = stdlib.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    if role:
        context.sni_callback = lambda *_: None
    context._msg_callback = lambda *_: None
    return context


CONTEXTS = {
    "TLSv1.2": _context(SSL.TLS_METHOD, SSL.TLS1_2_VERSION),
    "TLSv1.3": _context(SSL.TLS_METHOD, SSL.TLS1_3_VERSION),
    "DTLS": _context(SSL.DTLS_METHOD, None),
}
SSL_CONTEXTS = {
    f"ssl {version.name.replace('_', '.')}": [_ssl_context(role, version) for role in (0, 1)]
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
}


def _connection(name: str, *, server: bool) -> SSL.Connection:
    connection = SSL.Connection(CONTEXTS[name.removeprefix("ssl ")])
    if server:
        connection.set_accept_state()
    else:
        connection.set_connect_state()
        connection.set_tlsext_host_name(b"fuzz.test")
        connection.request_ocsp()
    return connection


class End:
    """One end of either face: `step` goes on, `put` and `take` move ciphertext."""

    def __init__(self, mode: str, *, server: bool) -> None:
        self.is_ssl = mode in SSL_CONTEXTS
        if self.is_ssl:
            self.incoming, self.outgoing = stdlib.MemoryBIO(), stdlib.MemoryBIO()
            options: dict[str, Any] = {"server_side": True} if server else {"server_hostname": "fuzz.test"}
            self.it: Any = SSL_CONTEXTS[mode][server].wrap_bio(self.incoming, self.outgoing, **options)
        else:
            self.it = _connection(mode, server=server)
        self.errors: Any = ssl.SSLError if self.is_ssl else SSL.Error

    def put(self, data: bytes) -> None:
        """Ciphertext from the peer, on DTLS one datagram."""
        if self.is_ssl:
            self.incoming.write(data)
        else:
            self.it.bio_write(data)

    def take(self) -> bytes:
        """Ciphertext for the peer."""
        if self.is_ssl:
            return self.outgoing.read()
        try:
            taken: bytes = self.it.bio_read(ROOMY)
        except SSL.WantReadError:
            return b""
        return taken

    def step(self) -> None:
        """Handshake, then read; whatever of the face's errors it ends with."""
        for call in (self.it.do_handshake, lambda: self.it.read(ROOMY)):
            try:
                call()
            except self.errors:
                return

    def close(self) -> None:
        """Send data and a close_notify; it must be possible to drop the end in each state."""
        for call in (lambda: self.it.write(b"x"), self.it.unwrap if self.is_ssl else self.it.shutdown):
            try:
                call()
            except self.errors:
                continue


def patched(flight: bytes, patches: bytes) -> bytes:
    """A flight with bytes changed: two bytes of patches say where, the third what is put there; then what is cut."""
    changed = bytearray(flight)
    for index in range(0, len(patches) - 2, 3):
        where = int.from_bytes(patches[index : index + 2], "big")
        if changed:
            changed[where % len(changed)] ^= patches[index + 2]
    if len(patches) % 3 == 1 and patches[-1]:
        del changed[len(changed) * patches[-1] // 256 :]
    return bytes(changed)


def stream(data: bytes) -> None:
    """Handshake for some flights with a good peer, then feed the rest of the input, or a patched flight of the peer.

    The first byte is the mode and the role, the second how many steps there are before, and whether it is a patch.
    """
    if len(data) < 3:
        return
    mode = MODES[data[0] % len(MODES)]
    ours, peer = End(mode, server=data[0] >= 128), End(mode.removeprefix("ssl "), server=data[0] < 128)
    for step in range(data[1] % 6):
        one, other = (ours, peer) if step % 2 == (data[0] >= 128) else (peer, ours)
        one.step()
        while flight := one.take():
            other.put(flight)
    if data[1] >= 128:
        peer.step()
        while flight := peer.take():
            ours.put(patched(flight, data[2:]))
    else:
        ours.put(data[2:])
    ours.step()
    ours.step()
    ours.take()
    ours.close()
    ours.take()
    assert lib.ERR_peek_error() == 0


def _look(certificate: crypto.X509) -> None:
    for index in range(certificate.get_extension_count()):
        str(certificate.get_extension(index))
    certificate.get_subject().get_components()
    certificate.get_notAfter()
    certificate.get_pubkey().bits()


def _both(load: Callable[[int, bytes], Any], data: bytes) -> Any:
    return load(crypto.FILETYPE_PEM if data[:1] == b"-" else crypto.FILETYPE_ASN1, data)


def _private_key(kind: int, data: bytes) -> crypto.PKey:
    return crypto.load_privatekey(kind, data, SECRET if kind == crypto.FILETYPE_PEM else None)


def _check(key: crypto.PKey) -> None:
    if key.type() == crypto.TYPE_RSA:
        key.check()


def _tell(hello: ClientHello) -> None:
    """All that a ClientHello is asked for; a damaged extension hides no other."""
    for name in ("server_names", "alpn_protocols", "versions", "groups", "signature_algorithms", "ja3_hash", "ja4"):
        with suppress(ClientHelloError):
            getattr(hello, name)


def _session(data: bytes) -> None:
    """A session whose checksum is good, so that what is behind it is reached."""
    body = b"openssl_bio session 1 open\n" + data
    SSL.Session.from_bytes(body + hashlib.sha256(body).digest())


def _trust(data: bytes) -> None:
    stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT).load_verify_locations(
        cadata=data.decode("ascii") if data[:1] == b"-" else data
    )


LOADERS: list[Callable[[bytes], Any]] = [
    lambda data: _look(_both(crypto.load_certificate, data)),
    lambda data: _check(_both(_private_key, data)),
    lambda data: _both(crypto.load_publickey, data).bits(),
    lambda data: _both(crypto.load_certificate_request, data).get_extensions(),
    lambda data: _both(crypto.load_crl, data).get_revoked(),
    lambda data: _both(crypto.load_pkcs7_data, data).get_type_name(),
    lambda data: crypto.load_pkcs12(data, SECRET),
    lambda data: Credential.load(data, KEY_PEM),
    lambda data: Credential.load(CERTIFICATE_PEM, data, passphrase=SECRET),
    TrustStore,
    _trust,
    lambda data: _tell(parse_client_hello(data, dtls=False)),
    lambda data: _tell(parse_client_hello(data, dtls=True)),
    _session,
]


def loader(data: bytes) -> None:
    """The first byte says which loader is given the others."""
    if not data:
        return
    try:
        LOADERS[data[0] % len(LOADERS)](data[1:])
    except (crypto.Error, ssl.SSLError, ValueError):
        assert lib.ERR_peek_error() == 0
    assert lib.ERR_peek_error() == 0


TARGETS = {"stream": stream, "loader": loader}


def seeds(name: str) -> list[bytes]:
    """Inputs to begin with."""
    if name == "loader":
        pkcs12 = crypto.PKCS12()
        pkcs12.set_certificate(CERTIFICATE)
        pkcs12.set_privatekey(KEY)
        texts = [CERTIFICATE_PEM, KEY_PEM, crypto.dump_certificate(crypto.FILETYPE_ASN1, CERTIFICATE)]
        texts += [crypto.dump_privatekey(crypto.FILETYPE_ASN1, KEY), crypto.dump_publickey(crypto.FILETYPE_ASN1, KEY)]
        texts += [crypto.dump_privatekey(crypto.FILETYPE_PEM, KEY, "aes128", SECRET), pkcs12.export(SECRET, 1, 1)]
        return [bytes([index]) + text for index in range(len(LOADERS)) for text in texts]
    found = []
    for first in (*range(len(MODES)), *range(130, 130 + len(MODES))):
        for steps in range(6):
            found += [bytes([first, 128 + steps, 0, 7, 1]), bytes([first, 128 + steps])]
            found.append(bytes([first, steps]) + b"\x16\x03\x03\x00\x04\x01\x00\x00\x00")
            found.append(bytes([first, steps]) + b"\x15\x03\x03\x00\x02\x02\x28\x17\x03\x03\x00\x01\x00")
    return found
