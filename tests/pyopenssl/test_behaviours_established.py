"""Items 50 to 59 of pyOpenSSL's behaviours: what a connection tells. The number in a test's name is the item's."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import pytest
from cryptography.x509 import Certificate

from openssl_bio import SSL
from tests.helpers import TIMEOUT, Identity, Pair, carry, client_context, digest, received, server_context

# -- sessions, secrets, certificates -----------------------------------------------------------------------------------


def test_50_session_before_the_tickets(ca: Identity, server_identity: Identity) -> None:
    """On TLS 1.3 a session that was taken before any ticket was read can be set, and does not resume.

    It has no master key either; asked for it, pyOpenSSL raises Error([]).
    """
    client = client_context(SSL.TLS1_3_VERSION, ca)
    server = server_context(SSL.TLS1_3_VERSION, server_identity)
    pair = Pair(client, server)
    for connection in (pair.client, pair.server, pair.client):
        try:
            connection.do_handshake()
        except SSL.WantReadError:
            carry(pair.client, pair.server)
            carry(pair.server, pair.client)
    session = pair.client.get_session()
    assert session is not None
    assert pair.client.master_key() is None
    again = Pair(client, server)
    again.client.set_session(session)
    assert not again.handshake().client.session_reused()


def test_50_empty_session(client: SSL.Context) -> None:
    """It can be made, and is refused with a ValueError; in pyOpenSSL with an AttributeError."""
    with pytest.raises(ValueError, match="the session is empty"):
        SSL.Connection(client).set_session(SSL.Session())


def test_52_export_arguments(pair: Pair) -> None:
    """Bytes, and a length that is looked at."""
    assert pair.client.export_keying_material(b"", 0) == b""
    wrong: list[tuple[type[Exception], str, tuple[Any, ...]]] = [
        (TypeError, "label and context must be byte strings", ("label", 32)),
        (TypeError, "label and context must be byte strings", (b"label", 32, "context")),
        (TypeError, "olen must be an integer", (b"label", "32")),
        (ValueError, "olen must be from 0 to 65535", (b"label", 2**70)),
    ]
    for error, text, arguments in wrong:
        with pytest.raises(error, match=text):
            pair.client.export_keying_material(*arguments)


def test_53_certificates(version: int, ca: Identity, client_identity: Identity, server_identity: Identity) -> None:
    """The peer's chain has its leaf on the client and not on the server; each can be cryptography's."""
    client = client_context(version, ca, client_identity)
    pair = Pair(client, server_context(version, server_identity, ca)).handshake()
    chain = [digest(x) for x in pair.client.get_peer_cert_chain() or []]
    assert chain == [digest(server_identity.certificate), digest(ca.certificate)]
    assert [digest(x) for x in pair.server.get_peer_cert_chain() or []] == [digest(ca.certificate)]
    for name in ("get_certificate", "get_peer_certificate", "get_peer_cert_chain", "get_verified_chain"):
        ours = getattr(pair.client, name)()
        theirs = getattr(pair.client, name)(as_cryptography=True)
        ours, theirs = ([ours], [theirs]) if not isinstance(ours, list) else (ours, theirs)
        assert all(isinstance(certificate, Certificate) for certificate in theirs)
        assert [x.to_cryptography() for x in ours] == theirs
        with pytest.raises(TypeError):
            getattr(pair.client, name)(True)


def test_53_without_a_certificate(pair: Pair) -> None:
    for name in ("get_peer_certificate", "get_peer_cert_chain", "get_verified_chain"):
        assert getattr(pair.server, name)() is None
        assert getattr(pair.server, name)(as_cryptography=True) is None
    assert pair.client.get_certificate(as_cryptography=True) is None


def test_53_verified_chain_under_verify_none(client: SSL.Context, server: SSL.Context) -> None:
    client.set_verify(SSL.VERIFY_NONE)
    assert len(Pair(client, server).handshake().client.get_verified_chain() or []) == 2


def test_53_certificates_are_the_callers(pair: Pair, server_identity: Identity) -> None:
    """They outlive the connection; our own certificate is a copy, whose change changes nothing in use."""
    peer, own = pair.client.get_peer_certificate(), pair.server.get_certificate()
    assert own is not None
    own.get_subject().CN = "changed"
    assert digest(pair.server.get_certificate()) == digest(server_identity.certificate)
    del pair
    gc.collect()
    assert digest(peer) == digest(server_identity.certificate)


def test_54_set_context_keeps_the_verify_mode(client: SSL.Context, server: SSL.Context) -> None:
    """The certificate and the callbacks are the new context's; what was set on the connection stays."""
    connection = SSL.Connection(client)
    connection.set_context(server)
    assert connection.get_context() is server
    assert connection.get_certificate() is not None
    assert connection.get_verify_mode() == SSL.VERIFY_PEER
    server.set_timeout(99)  # used now, and yet it may be changed
    assert server.get_timeout() == 99


def test_55_lists(client: SSL.Context, server: SSL.Context) -> None:
    """Ciphers as str, the best first; no client CAs is an empty list."""
    client.set_cipher_list(b"AES256-GCM-SHA384:AES128-GCM-SHA256")
    names = SSL.Connection(client).get_cipher_list()
    assert all(type(name) is str for name in names)
    assert [name for name in names if not name.startswith("TLS_")][-2:] == names[-2:]
    assert SSL.Connection(server).get_client_ca_list() == []


@pytest.mark.parametrize("name", [b"x" * 256, b"x" * 100_000, b""], ids=len)
def test_56_server_name_of_a_wrong_length(client: SSL.Context, server: SSL.Context, name: bytes) -> None:
    """pyOpenSSL ignores it, and then sends none; here the name before stays."""
    pair = Pair(client, server)
    pair.client.set_tlsext_host_name(b"example.test")
    with pytest.raises(SSL.Error, match=f"the server name has {len(name)} bytes, and may have 1 to 255"):
        pair.client.set_tlsext_host_name(name)
    assert pair.handshake().server.get_servername() == b"example.test"


def test_56_longest_server_name(client: SSL.Context, server: SSL.Context) -> None:
    name = b"x." * 127 + b"x"
    assert len(name) == 255
    pair = Pair(client, server)
    pair.client.set_tlsext_host_name(name)
    assert pair.handshake().server.get_servername() == name


def test_56_makefile(client: SSL.Context) -> None:
    with pytest.raises(NotImplementedError) as caught:
        SSL.Connection(client).makefile()
    assert caught.value.args == ("Cannot make file object of OpenSSL.SSL.Connection",)


def test_58_threads_share_a_connection(pair: Pair) -> None:
    """pyOpenSSL has no locks; see tests/core/test_threads.py for more."""
    threads = [threading.Thread(target=lambda: [pair.client.send(b"0123456789") for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    pair.move()
    assert received(pair.server) == b"0123456789" * 800


def test_59_private_names(pair: Pair, server_identity: Identity) -> None:
    """What third parties touch: pointers, which libssl's functions take."""
    context = pair.server.get_context()
    assert SSL._lib.SSL_get_verify_mode(pair.server._ssl) == context.get_verify_mode()
    assert SSL._lib.SSL_CTX_get_timeout(context._context) == context.get_timeout()
    assert SSL._lib.EVP_PKEY_eq(server_identity.key._pkey, server_identity.key._pkey) == 1
    assert SSL._lib.X509_cmp(server_identity.certificate._x509, server_identity.certificate._x509) == 0


def test_25_app_data(client: SSL.Context) -> None:
    """None by default, and then the very object; neither class shares it with another."""
    connection, data = SSL.Connection(client), object()
    for holder in (connection, client):
        assert holder.get_app_data() is None
        holder.set_app_data(data)
        assert holder.get_app_data() is data
    assert SSL.Connection(client).get_app_data() is None


def test_34_dropped_connection_is_gone(pair: Pair) -> None:
    """No table of connections and no cycle keeps it."""
    gone = weakref.ref(pair.client)
    gc.disable()
    try:
        del pair.client
        assert gone() is None
    finally:
        gc.enable()
