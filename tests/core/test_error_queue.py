"""OpenSSL's error queue is empty before and after every call, whoever left what there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import SSL, crypto
from openssl_bio._core._lib import ffi, lib
from tests.pyopenssl.test_callbacks import Side, carry, contexts, shake


def poison() -> None:
    """Leave an error as a careless neighbour does."""
    bio = lib.BIO_new_mem_buf(b"nothing", 7)
    assert lib.PEM_read_bio_X509(bio, ffi.NULL, ffi.NULL, ffi.NULL) == ffi.NULL
    lib.BIO_free(bio)
    assert lib.ERR_peek_error()


CONNECTION_CALLS: dict[str, Callable[[SSL.Connection], Any]] = {
    "recv": lambda c: c.recv(10),
    "recv_into": lambda c: c.recv_into(bytearray(10)),
    "send": lambda c: c.send(b"data"),
    "pending": lambda c: c.pending(),
    "do_handshake": lambda c: c.do_handshake(),
    "shutdown": lambda c: c.shutdown(),
    "bio_read": lambda c: c.bio_read(100_000),
    "bio_write": lambda c: c.bio_write(b""),
    "get_peer_certificate": lambda c: c.get_peer_certificate(),
    "get_session": lambda c: c.get_session(),
    "export": lambda c: c.export_keying_material(b"EXPORTER-x", 16),
    "get_cipher_name": lambda c: c.get_cipher_name(),
    "set_alpn_protos": lambda c: c.set_alpn_protos([b"h2"]),
    "long server name": lambda c: c.set_tlsext_host_name(b"x" * 300),
}
CONTEXT_CALLS: dict[str, Callable[[SSL.Context], Any]] = {
    "bad ciphers": lambda c: c.set_cipher_list(b"nonsense"),
    "good ciphers": lambda c: c.set_cipher_list(b"HIGH"),
    "bad version": lambda c: c.set_min_proto_version(0x1234),
    "missing file": lambda c: c.use_certificate_file("/does/not/exist"),
    "default paths": lambda c: c.set_default_verify_paths(),
    "check_privatekey": lambda c: c.check_privatekey(),
    "load_certificate": lambda _: crypto.load_certificate(crypto.FILETYPE_PEM, b"nonsense"),
}


def result(call: Callable[[Any], Any], argument: Any) -> tuple[str, str]:
    try:
        return "returned", type(call(argument)).__name__
    except Exception as error:
        return type(error).__name__, str(error)


def connected(version: int) -> SSL.Connection:
    client, server = (Side(c, server=s) for c, s in zip(contexts(version), (False, True), strict=True))
    shake(client, server)
    server.connection.send(b"hello")
    carry(server.connection, client.connection)
    assert client.done
    return client.connection


@pytest.mark.parametrize("version", [0x303, 0x304])
@pytest.mark.parametrize("name", CONNECTION_CALLS)
def test_connection_call_is_not_disturbed_and_leaves_nothing(name: str, version: int) -> None:
    """The same result with a stale error in the queue as without, and an empty queue afterwards."""
    clean, disturbed = connected(version), connected(version)
    expected = result(CONNECTION_CALLS[name], clean)
    assert lib.ERR_peek_error() == 0
    poison()
    assert result(CONNECTION_CALLS[name], disturbed) == expected
    assert lib.ERR_peek_error() == 0


@pytest.mark.parametrize("name", CONTEXT_CALLS)
def test_context_call_is_not_disturbed_and_leaves_nothing(name: str) -> None:
    """The same for contexts and for loading."""
    expected = result(CONTEXT_CALLS[name], SSL.Context(SSL.TLS_METHOD))
    assert lib.ERR_peek_error() == 0
    context = SSL.Context(SSL.TLS_METHOD)
    poison()
    assert result(CONTEXT_CALLS[name], context) == expected
    assert lib.ERR_peek_error() == 0
