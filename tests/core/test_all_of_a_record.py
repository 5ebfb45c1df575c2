"""A read gives all that is there, however much a cipher adds to a record."""

from __future__ import annotations

import pytest

from openssl_bio import SSL
from openssl_bio._core._lib import lib
from tests.helpers import Identity, Pair, client_context, received, server_context

SIZES = (*range(1, 40), 16383, 16384, 16385)
GCM, CHACHA20 = b"ECDHE-ECDSA-AES128-GCM-SHA256", b"ECDHE-ECDSA-CHACHA20-POLY1305"


def contexts(version: int, ca: Identity, identity: Identity, ciphers: bytes) -> tuple[SSL.Context, SSL.Context]:
    both = client_context(version, ca), server_context(version, identity)
    for context in both:
        context.set_security_level(0)  # since OpenSSL 3.2 tags of 8 bytes are below the usual one
        if version == SSL.TLS1_3_VERSION:
            context.set_tls13_ciphersuites(ciphers)
        else:
            context.set_cipher_list(ciphers)
    return both


def exchange(pair: Pair) -> None:
    """Data of many sizes, each of which is another: nothing waits for the next."""
    for source, target in ((pair.client, pair.server), (pair.server, pair.client)):
        for size in SIZES:
            data = bytes([size % 256]) * size
            assert target.receive_data(source.send_data(data)) == data
            source.send(data)
            pair.move()
            assert received(target) == data


@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (SSL.TLS1_2_VERSION, GCM),
        (SSL.TLS1_2_VERSION, CHACHA20),
        (SSL.TLS1_2_VERSION, b"ECDHE-ECDSA-AES128-CCM"),
        (SSL.TLS1_2_VERSION, b"ECDHE-ECDSA-AES128-CCM8"),
        (SSL.TLS1_2_VERSION, b"ECDHE-ECDSA-AES128-SHA"),
        (SSL.TLS1_2_VERSION, b"ECDHE-ECDSA-AES128-SHA256"),
        (SSL.TLS1_2_VERSION, b"ECDHE-ECDSA-NULL-SHA"),
        (SSL.TLS1_VERSION, b"ECDHE-ECDSA-AES128-SHA"),
        (SSL.TLS1_3_VERSION, b"TLS_AES_128_GCM_SHA256"),
        (SSL.TLS1_3_VERSION, b"TLS_CHACHA20_POLY1305_SHA256"),
        (SSL.TLS1_3_VERSION, b"TLS_AES_128_CCM_SHA256"),
        (SSL.TLS1_3_VERSION, b"TLS_AES_128_CCM_8_SHA256"),
    ],
)
def test_with_each_kind_of_cipher(version: int, ciphers: bytes, ca: Identity, server_identity: Identity) -> None:
    """Tags of 16 bytes and of 8, nonces sent and not, and what is padded, or not encrypted at all."""
    exchange(Pair(*contexts(version, ca, server_identity, ciphers)).handshake())


@pytest.mark.parametrize(("first", "second"), [(GCM, CHACHA20), (CHACHA20, GCM)])
def test_after_a_renegotiation(first: bytes, second: bytes, ca: Identity, server_identity: Identity) -> None:
    """The records of the second cipher have another size."""
    client, server = contexts(SSL.TLS1_2_VERSION, ca, server_identity, first + b":" + second)
    server.set_options(SSL.OP_NO_TICKET)
    server.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    pair = Pair(client, server)
    pair.client.set_cipher_list(first)
    for end in (pair.client, pair.server):
        lib.SSL_clear_options(end.ssl, lib.SSL_OP_NO_RENEGOTIATION)
    exchange(pair.handshake())
    pair.client.set_cipher_list(second)
    assert pair.server.renegotiate()
    pair.server.do_handshake()
    for _ in range(4):
        for end in (pair.client, pair.server):
            pair.move()
            assert received(end) == b""
    assert str(pair.client.get_cipher_name()).encode() == second
    exchange(pair)
