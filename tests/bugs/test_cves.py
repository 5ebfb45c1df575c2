"""Flaws of other bindings and traps of libssl that have a CVE; `docs/cves.md` has the whole table."""

from __future__ import annotations

import datetime
import gc
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from openssl_bio import SSL, crypto, stdlib
from openssl_bio.stdlib._certificates import certificate_dict
from tests.bugs.ends import Ends
from tests.helpers import TIMEOUT, Identity, Pair, client_context, server_context
from tests.stdlib import helpers as stdlib_helpers


def test_CVE_2019_5010_empty_distribution_point(ca: Identity) -> None:
    """A certificate whose CRL distribution point has neither a name nor an issuer is read, and names none."""
    key: Any = ca.key.to_cryptography_key()
    name = ca.certificate.to_cryptography().subject
    # An extension with a sequence of one empty DistributionPoint, which `cryptography` does not write.
    empty = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.31"), bytes.fromhex("30023000"))
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1)
        .not_valid_before(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2050, 1, 1, tzinfo=datetime.UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(empty, critical=False)
        .sign(key, hashes.SHA256())
    )
    loaded = crypto.X509.from_cryptography(certificate)
    told = certificate_dict(loaded._x509)  # libssl would not come so far: it takes the certificate for an invalid one
    assert told["serialNumber"] == "01"
    assert not told.get("crlDistributionPoints")
    assert b"CRL Distribution" in crypto.dump_certificate(crypto.FILETYPE_TEXT, loaded)
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificate.public_bytes(Encoding.DER))
    assert context.cert_store_stats()["x509"] == 1


def test_CVE_2023_40217_bytes_before_the_handshake(ca: Identity, server_identity: Identity) -> None:
    """What a peer sent before it closed is never read as if it had come through TLS."""
    ends = Ends("ssl", SSL.TLS1_3_VERSION, ca, server_identity)
    for side in ("client", "server"):
        listener = socket.create_server(("127.0.0.1", 0))
        with listener, socket.create_connection(listener.getsockname(), TIMEOUT) as peer:
            accepted, _address = listener.accept()
            accepted.settimeout(TIMEOUT)
            peer.sendall(b"DELETE / HTTP/1.0\r\n\r\n")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            peer.close()
            got = b""
            try:
                if side == "client":
                    wrapped = ends.client().wrap_socket(accepted, server_hostname="localhost")
                else:
                    wrapped = ends.server().wrap_socket(accepted, server_side=True)
                got = wrapped.recv(100)
            except OSError:
                pass
            finally:
                accepted.close()
            assert got == b""


def test_CVE_2024_0397_authorities_are_listed_while_they_are_loaded(ca: Identity, tmp_path: Path) -> None:
    """Threads ask for what a context trusts while others add to it."""
    context: Any = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    more = [ca.issue(f"authority {number}", tmp_path, b"DNS:a.test") for number in range(8)]
    texts = [crypto.dump_certificate(crypto.FILETYPE_PEM, one.certificate).decode() for one in more]

    def load(text: str) -> None:
        for _ in range(20):
            context.load_verify_locations(cadata=text)

    def ask(_number: int) -> int:
        most = 0
        for _ in range(60):
            found = context.get_ca_certs(binary_form=True)
            assert all(certificate.startswith(b"\x30") for certificate in found)
            most = max(most, len(found), context.cert_store_stats()["x509"])
        return most

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask, number) for number in range(2)]
        list(pool.map(load, texts))
        assert all(one.result(TIMEOUT) <= len(texts) for one in asking)
    assert context.cert_store_stats()["x509"] == len(texts)


@pytest.mark.parametrize("empty", ["client", "server", "both"])
def test_CVE_2024_5535_no_protocols(empty: str, ca: Identity, server_identity: Identity) -> None:
    """An end that has no protocols to offer or to choose from: nothing is read behind the empty list."""
    client, server = client_context(SSL.TLS1_2_VERSION, ca), server_context(SSL.TLS1_2_VERSION, server_identity)
    server.set_npn_advertise_callback(lambda _: [] if empty != "client" else [b"spdy"])
    offered: list[list[bytes]] = []
    chosen = b"" if empty != "server" else b"spdy"
    client.set_npn_select_callback(lambda _, protocols: (offered.append(protocols), chosen)[1])
    pair = Pair(client, server)
    try:
        pair.handshake()
    except (SSL.Error, ValueError):
        assert chosen == b""
    else:
        assert pair.client.get_next_proto_negotiated() in {b"", b"spdy"}
    assert all(protocols in ([], [b"spdy"]) for protocols in offered)
    for context, protocols in ((client, []), (stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT), [""])):
        with pytest.raises((ValueError, stdlib.SSLError)):
            (context.set_alpn_protos if isinstance(context, SSL.Context) else context.set_alpn_protocols)(protocols)


def test_CVE_2026_19445_first_context_is_gone(ends: Ends) -> None:
    """A server name callback takes another context, and nobody but the connection refers to the first."""
    second = ends.server()

    def switch(connection: Any, *_arguments: Any) -> None:
        ends.set_context(connection, second)
        gc.collect()

    first = ends.server()
    if ends.is_ssl:
        first.sni_callback = switch
    else:
        first.set_tlsext_servername_callback(switch)
    pair = ends.pair(server=first)
    if not ends.is_ssl:
        pair.client.set_tlsext_host_name(b"localhost")
    del first
    gc.collect()
    assert ends.shake(pair) == {}
    gc.collect()
    ends.write(pair.client, b"data")
    ends.move(pair)
    assert ends.read(pair.server, 10) == b"data"


@pytest.mark.parametrize("name", [None, ""])
def test_CVE_2026_19553_no_name_to_verify(name: str | None, ca: Identity) -> None:
    """A context that verifies host names makes no connection without one, over BIOs or sockets."""
    context: Any = stdlib_helpers.client_context(ca)
    assert context.check_hostname
    with pytest.raises(ValueError, match="server_hostname"):
        context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname=name)
    with pytest.raises(ValueError, match="server_hostname"):
        context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO())
    near, far = socket.socketpair()
    with near, far, pytest.raises(ValueError, match="server_hostname"):
        context.wrap_socket(near, server_hostname=name)


# -- traps of libssl --------------------------------------------------------------------------------------------------


def test_CVE_2017_3737_nothing_is_sent_after_a_handshake_that_failed(ends: Ends) -> None:
    """Who ignores the error and goes on writes no plaintext, and reads none."""
    pair = ends.pair(SSL.Context(SSL.TLS_METHOD) if not ends.is_ssl else _distrusting())
    if not ends.is_ssl:
        pair.client.set_verify(SSL.VERIFY_PEER)
    failed = ends.shake(pair)
    assert set(failed) == {"client", "server"}
    if ends.is_ssl:  # what was sealed before it failed
        pair.to_client.read()
        pair.to_server.read()
    for name in ("client", "server"):
        end = getattr(pair, name)
        for call in (lambda: ends.write(end, b"secret"), lambda: ends.read(end, 10), end.do_handshake):  # noqa: B023
            for _ in range(2):
                with pytest.raises(ends.error):
                    call()
        if not ends.is_ssl:
            with pytest.raises(SSL.WantReadError):
                end.bio_read(1000)
    if ends.is_ssl:
        assert pair.to_client.read() + pair.to_server.read() == b""


def _distrusting() -> Any:
    return stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)


def test_CVE_2019_1559_close_after_a_fatal_error(version: int, ca: Identity, server_identity: Identity) -> None:
    """A record that was changed ends the connection with one alert; closing and reading again send nothing more."""
    ends = Ends("pyOpenSSL", version, ca, server_identity)
    pair = ends.pair()
    assert ends.shake(pair) == {}
    pair.client.send(b"data")
    wire = bytearray(pair.client.bio_read(1000))
    wire[-1] ^= 1
    pair.server.bio_write(wire)
    with pytest.raises(SSL.Error, match="bad record mac"):
        pair.server.recv(10)
    assert pair.server.bio_read(1000)
    for call in (pair.server.shutdown, lambda: pair.server.recv(10), lambda: pair.server.send(b"x")) * 2:
        with pytest.raises(SSL.Error):
            call()
    with pytest.raises(SSL.WantReadError):
        pair.server.bio_read(1000)


@pytest.mark.parametrize("strict", [False, True])
def test_CVE_2021_3450_certificate_that_may_not_sign(
    strict: bool, ends: Ends, ca: Identity, client_identity: Identity, tmp_path: Path
) -> None:
    """A certificate that is no authority's issues another: refused, also with the flag that once switched that off."""
    forged = client_identity.issue("localhost", tmp_path, b"DNS:localhost")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(forged.certificate_file.read_bytes() + client_identity.certificate_file.read_bytes())
    client, server = ends.client(), ends.server()
    if ends.is_ssl:
        server.load_cert_chain(chain, forged.key_file)
        client.verify_flags |= stdlib.VERIFY_X509_STRICT if strict else 0
    else:
        server.use_certificate_chain_file(str(chain))
        server.use_privatekey(forged.key)
        client.get_cert_store().set_flags(crypto.X509StoreFlags.X509_STRICT if strict else 0)
    failed = ends.shake(ends.pair(client, server))
    assert "certificate verify failed" in str(failed["client"])


def test_CVE_2018_1000808_pkcs12_is_freed(server_identity: Identity) -> None:
    """What is loaded from PKCS#12 lives as long as its objects: threads load and drop it, and it is whole each time."""
    packed = crypto.PKCS12()
    packed.set_certificate(server_identity.certificate)
    packed.set_privatekey(server_identity.key)
    data = packed.export(b"secret")
    errors: list[BaseException] = []

    def load() -> None:
        try:
            for _ in range(10):
                found = crypto.load_pkcs12(data, b"secret")
                certificate, key = found.get_certificate(), found.get_privatekey()
                del found
                assert certificate is not None
                assert key is not None
                assert certificate.get_subject().CN == "example.test"
                assert key.bits() == 256
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert errors == []
