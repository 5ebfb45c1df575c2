"""What both ends of one connection share: exported keying material and channel bindings."""

from __future__ import annotations

import datetime
import hashlib
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from openssl_bio import Credential, crypto, stdlib
from tests.contexts.pki import new_key
from tests.helpers import Identity
from tests.interop.peers import program, started
from tests.stdlib.helpers import Pair, client_context, server_context, wants_read
from tests.stdlib.test_sockets import connected, serving

LABEL = "EXPORTER-openssl-bio-test"
FLAGS = {ssl.TLSVersion.TLSv1_2: "-tls1_2", ssl.TLSVersion.TLSv1_3: "-tls1_3"}


# -- exported keying material -----------------------------------------------------------------------------------------


def test_both_ends_export_the_same(done: Pair) -> None:
    near, far = done.client, done.server
    material = near.export_keying_material(LABEL, 40)
    assert len(material) == 40
    assert material == far.export_keying_material(LABEL.encode(), 40)
    assert near.export_keying_material(LABEL, 40, b"one") == far.export_keying_material(LABEL, 40, bytearray(b"one"))
    assert near.export_keying_material(LABEL, 0) == b""
    others = [near.export_keying_material(*given) for given in ((LABEL + "2", 40), (LABEL, 40, b"one"))]
    assert len({material, *others}) == 3


def test_a_context_of_nothing(done: Pair, version: Any) -> None:
    """It is another than none on TLS 1.2 (RFC 5705), and the same on TLS 1.3 (RFC 8446)."""
    same = done.client.export_keying_material(LABEL, 32) == done.client.export_keying_material(LABEL, 32, b"")
    assert same == (version == ssl.TLSVersion.TLSv1_3)


def test_no_export_before_the_end_of_the_handshake(pair: Pair) -> None:
    with pytest.raises(ssl.SSLError, match="can be exported after the handshake"):
        pair.client.export_keying_material(LABEL, 32)
    assert wants_read(pair.client.do_handshake)
    with pytest.raises(ssl.SSLError, match="can be exported after the handshake"):
        pair.client.export_keying_material(LABEL, 32)
    pair.handshake()


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((5, 32), TypeError, "label is a str or bytes, not int"),
        (("Schlüssel", 32), ValueError, "ascii"),
        ((LABEL, "32"), TypeError, "length is an int, not str"),
        ((LABEL, -1), ValueError, "length is from 0 to 65535, not -1"),
        ((LABEL, 65536), ValueError, "length is from 0 to 65535, not 65536"),
        ((LABEL, 32, "text"), TypeError, "context is bytes or None, not str"),
        ((LABEL, 32, b"x" * 65536), ValueError, "context has 65536 bytes, and may have 65535"),
    ],
)
def test_what_cannot_be_exported(done: Pair, arguments: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        done.client.export_keying_material(*arguments)
    assert done.client.export_keying_material(LABEL, 32)


def test_more_than_tls_1_3_can_derive(done: Pair, version: Any) -> None:
    if version == ssl.TLSVersion.TLSv1_2:
        assert len(done.client.export_keying_material(LABEL, 65535)) == 65535
    else:
        with pytest.raises(ssl.SSLError):
            done.client.export_keying_material(LABEL, 65535)


@pytest.mark.parametrize("peer", ["s_server", "s_client"])
def test_openssl_exports_the_same(
    peer: str, ca: Identity, server_identity: Identity, version: Any, tmp_path: Path
) -> None:
    """Over sockets: what openssl's programs print."""
    options = ["-keymatexport", LABEL, "-keymatexportlen", "32", FLAGS[version]]
    if peer == "s_server":
        files = ["-cert", str(server_identity.certificate_file), "-key", str(server_identity.key_file)]
        command = [program("openssl", "openssl"), "s_server", "-accept", "127.0.0.1:0", *files, *options]
        with started(command, tmp_path / "log") as running:
            line = running.line("ACCEPT")
            assert line is not None
            with connected(client_context(ca), ("127.0.0.1", int(line.rpartition(":")[2]))) as connection:
                material = connection.export_keying_material(LABEL, 32)
                printed = running.line("Keying material: ")
    else:
        with s_client(server_context(server_identity, version=version), options, tmp_path) as (material, printed):
            pass
    assert re.search("[0-9A-F]{64}", str(printed)).group() == material.hex().upper()  # type: ignore[union-attr]


@contextmanager
def s_client(context: Any, options: list[str], folder: Path) -> Iterator[tuple[bytes, str | None]]:
    """What our server exports, and what s_client prints."""
    exported: list[bytes] = []

    def talk(connection: Any) -> None:
        exported.append(connection.export_keying_material(LABEL, 32))
        while connection.recv(100):
            pass

    with serving(context, talk) as (_, port):
        command = [program("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{port}", *options]
        with started(command, folder / "log") as running:
            printed = running.line("Keying material: ")
            running.write(b"Q\n")
            running.line("DONE")
    yield exported[0], printed


# -- channel bindings -------------------------------------------------------------------------------------------------


def end_points(pair: Pair) -> set[bytes]:
    return {end.get_channel_binding("tls-server-end-point") for end in (pair.client, pair.server)}


def test_server_end_point(done: Pair, server_identity: Identity) -> None:
    certificate = ssl.PEM_cert_to_DER_cert(server_identity.certificate_file.read_text())
    assert end_points(done) == {hashlib.sha256(certificate).digest()}
    assert stdlib.CHANNEL_BINDING_TYPES == ["tls-unique", "tls-exporter", "tls-server-end-point"]


def test_server_end_point_of_a_resumed_connection(ca: Identity, server_identity: Identity, version: Any) -> None:
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    first = Pair(client, server).handshake()
    again = Pair(client, server, session=first.client.session).handshake()
    assert again.client.session_reused
    assert end_points(again) == end_points(first)


def test_which_certificate_was_it(ca: Identity, server_identity: Identity, version: Any) -> None:
    """libssl does not keep a server's own certificate in a session, so with several nobody knows."""
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    key, certificate = signed_by("rsa", hashes.SHA256())
    own = Credential.load(server_identity.certificate_file, server_identity.key_file)
    server.use_credentials(Credential.load(certificate, key), own)
    client.set_server_sigalgs("ECDSA+SHA256")
    client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    first = Pair(client, server).handshake()
    assert len(end_points(first)) == 1
    again = Pair(client, server, session=first.client.session).handshake()
    assert again.server.session_reused
    with pytest.raises(ValueError, match="which certificate a resumed session was made with"):
        again.server.get_channel_binding("tls-server-end-point")


def signed_by(kind: str, digest: Any, **options: Any) -> tuple[Any, Any]:
    """A key, and a certificate that it signed itself by this hash function."""
    key = new_key(kind)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "itself")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - day).not_valid_after(now + day)
    if isinstance(digest, hashes.SHA1):  # cryptography makes no such signatures any more
        certificate = crypto.X509.from_cryptography(builder.sign(key, hashes.SHA256()))
        certificate.sign(crypto.PKey.from_cryptography_key(key), "sha1")
        return key, certificate
    return key, builder.sign(key, digest, **options)


PSS = padding.PSS(padding.MGF1(hashes.SHA512()), 64)


@pytest.mark.parametrize(
    ("kind", "digest", "options", "expected"),
    [
        ("ec", hashes.SHA384(), {}, "sha384"),
        ("rsa", hashes.SHA512(), {}, "sha512"),
        ("rsa", hashes.SHA512(), {"rsa_padding": PSS}, "sha512"),
        ("ec", hashes.SHA1(), {}, "sha256"),
        ("ed25519", None, {}, None),
    ],
    ids=["SHA384", "RSA", "PSS", "SHA1", "ed25519"],
)
def test_server_end_point_by_signature(
    version: Any, kind: str, digest: Any, options: Any, expected: str | None
) -> None:
    key, certificate = signed_by(kind, digest, **options)
    client, server = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT), stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
    for context in (client, server):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        context.set_ciphers("ALL:@SECLEVEL=0")
    server.use_credentials(Credential.load(certificate, key))
    pair = Pair(client, server).handshake()
    if expected is None:
        for end in (pair.client, pair.server):
            with pytest.raises(ValueError, match="not defined for a signature without a hash function"):
                end.get_channel_binding("tls-server-end-point")
    else:
        assert end_points(pair) == {hashlib.new(expected, pair.client.getpeercert(True)).digest()}


def test_no_certificate_no_end_point(version: Any) -> None:
    client, server = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT), stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
    for context in (client, server):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        context.set_ciphers("PSK")
    client.set_psk_client_callback(lambda _hint: ("me", b"k" * 32))
    server.set_psk_server_callback(lambda _identity: b"k" * 32)
    pair = Pair(client, server, server_hostname=None).handshake()
    for end in (pair.client, pair.server):
        with pytest.raises(ValueError, match="the server has shown none"):
            end.get_channel_binding("tls-server-end-point")


def test_bindings_of_sockets(ca: Identity, server_identity: Identity, version: Any) -> None:
    """The same as those of objects, before the handshake too."""
    kind = "tls-exporter" if version == ssl.TLSVersion.TLSv1_3 else "tls-unique"

    def talk(connection: Any) -> None:
        connection.sendall(connection.get_channel_binding(kind))
        connection.recv(1)

    context = client_context(ca, version=version)
    with serving(server_context(server_identity), talk) as address:
        with connected(context, address, do_handshake_on_connect=False) as connection:
            assert connection.get_channel_binding(kind) is None
            connection.do_handshake()
            assert connection.recv(100) == connection.get_channel_binding(kind)
        assert connection.get_channel_binding("tls-exporter") is None
        with pytest.raises(ValueError, match="'other' channel binding type not implemented"):
            connection.get_channel_binding("other")
        with pytest.raises((ValueError, OSError)):
            connection.export_keying_material(LABEL, 32)
