"""Arguments that no program should give, and systems that are unlike the one at hand."""

from __future__ import annotations

import select
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

import pytest

from openssl_bio import SSL
from tests.helpers import TIMEOUT, Identity
from tests.stdlib.helpers import client_context, ours, python, server_context


@pytest.mark.parametrize("module", [ours, python], ids=["ours", "Python's"])
def test_types(module: Any) -> None:
    context = module.SSLContext(module.PROTOCOL_TLS_CLIENT)
    with pytest.raises(TypeError, match="cadata should be an ASCII string or a bytes-like object"):
        context.load_verify_locations(cadata=5)
    with pytest.raises(TypeError, match="SERVER_AUTH"):
        context.load_default_certs("SERVER_AUTH")
    with pytest.raises(TypeError):
        context.set_ecdh_curve(5)
    assert context.get_ca_certs() == []


@pytest.mark.parametrize("module", [ours, python], ids=["ours", "Python's"])
def test_a_context_with_fewer_demands(module: Any, server_identity: Identity) -> None:
    """What urllib and others call: `_create_unverified_context` with everything that it takes."""
    with pytest.raises(ValueError, match="certfile must be specified"):
        module._create_unverified_context(keyfile=server_identity.key_file)
    context = module._create_unverified_context(cert_reqs=module.CERT_REQUIRED, check_hostname=True)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    context = module._create_unverified_context(
        certfile=server_identity.certificate_file, keyfile=server_identity.key_file, purpose=module.Purpose.CLIENT_AUTH
    )
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_windows_stores(ca: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Python's ssl trusts on Windows; only a Windows can tell whether its stores are like this."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.setenv(name, "/absent")
    der = ssl.PEM_cert_to_DER_cert(ca.certificate_file.read_text())
    rows: dict[str, list[tuple[bytes, str, bool | set[str]]]] = {
        "CA": [(der, "x509_asn", {"1.3.6.1.5.5.7.3.2"}), (der, "pkcs_7_asn", True)],
        "ROOT": [(der, "x509_asn", True)],
    }

    def trusted() -> list[bytes]:
        context = ours.SSLContext(ours.PROTOCOL_TLS_CLIENT)
        context.load_default_certs(ours.Purpose.SERVER_AUTH)
        found: list[bytes] = context.get_ca_certs(binary_form=True)
        return found

    def denied(store: str) -> list[Any]:
        raise PermissionError(store)

    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ssl, "enum_certificates", lambda store: rows[store], raising=False)
    assert trusted() == [der]
    rows["ROOT"] = []
    assert trusted() == []
    rows["ROOT"] = [(b"rubbish", "x509_asn", True), (der, "x509_asn", {"1.3.6.1.5.5.7.3.1"})]
    with pytest.warns(UserWarning, match="Bad certificate in Windows certificate store"):
        assert trusted() == [der]
    monkeypatch.setattr(ssl, "enum_certificates", denied)
    with pytest.warns(UserWarning, match="unable to enumerate Windows certificate store"):
        assert trusted() == []


@contextmanager
def connected(client: Any, server: Any, *, tickets: int = 0, **options: Any) -> Iterator[Any]:
    """A client's socket, over loopback to a server that echoes; before that it sends tickets of its own accord."""

    def serve() -> None:
        plain, _ = listener.accept()
        plain.settimeout(TIMEOUT)
        with server.wrap_socket(plain, server_side=True) as tls:
            for _ in range(tickets):
                tls.new_session_ticket()
            while data := tls.recv(100):
                tls.sendall(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        thread = Thread(target=serve)
        thread.start()
        with (
            socket.create_connection(listener.getsockname(), TIMEOUT) as plain,
            client.wrap_socket(plain, server_hostname="localhost", **options) as tls,
        ):
            yield tls
        thread.join(TIMEOUT)


def test_a_system_without_poll(ca: Identity, server_identity: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has select() alone."""
    monkeypatch.delattr(select, "poll")
    with connected(client_context(ca), server_context(server_identity)) as tls:
        tls.sendall(b"hello")
        assert tls.recv(100) == b"hello"
        tls.settimeout(0.01)
        with pytest.raises(TimeoutError):
            tls.recv(100)


def test_tickets_of_a_socket(ca: Identity, server_identity: Identity) -> None:
    """`new_session_ticket()` of a server's socket sends one at once; libssl's own are left out here."""
    server = server_context(server_identity, version=ssl.TLSVersion.TLSv1_3)
    server.num_tickets = 0
    client = client_context(ca)
    tickets: list[object] = []
    client.set_new_session_callback(lambda _connection, session: tickets.append(session))
    with connected(client, server, tickets=3) as tls:
        tls.sendall(b"hello")
        assert tls.recv(100) == b"hello"
    assert len(tickets) == 3


def test_a_socket_before_its_handshake(ca: Identity, server_identity: Identity) -> None:
    """The context may be exchanged, as a server name callback does, and a session set."""
    first, second = client_context(ca, version=ssl.TLSVersion.TLSv1_2), client_context(ca)
    server = server_context(server_identity)
    session = None
    for resumed in (False, True):
        with connected(first, server, do_handshake_on_connect=False) as tls:
            tls.context = second
            assert tls.context is second
            tls.context = first
            if resumed:
                tls.session = session
            assert tls.maximum_version == ssl.TLSVersion.TLSv1_2
            tls.do_handshake()
            assert (tls.version(), tls.session_reused) == ("TLSv1.2", resumed)
            session = tls.session


def test_a_hint_that_is_no_text() -> None:
    """A server's hint in another encoding than UTF-8: the callback is not asked, and there is no key."""
    asked: list[object] = []

    def key(hint: object) -> tuple[str, bytes]:
        asked.append(hint)
        return "me", b"k" * 32

    client = ours.SSLContext(ours.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("PSK")
    client.set_psk_client_callback(key)
    for hint, expected in ((b"\xff\xfe", []), (b"caf\xc3\xa9", ["caf\u00e9"])):
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_cipher_list(b"PSK")
        context.set_psk_server_callback(lambda _connection, _name: b"k" * 32, hint)
        server = SSL.Connection(context)
        server.set_accept_state()
        to_client, to_server = ours.MemoryBIO(), ours.MemoryBIO()
        end = client.wrap_bio(to_client, to_server)
        for _ in range(2):
            with suppress(ssl.SSLError):
                end.do_handshake()
            with suppress(SSL.WantReadError, SSL.Error):
                server.bio_write(to_server.read())
                server.do_handshake()
            with suppress(SSL.WantReadError):
                to_client.write(server.bio_read(65536))
        assert asked == expected
        assert (server.get_cipher_name() is not None) == bool(expected)
