"""The ``SSL *`` that a connection gives: who keeps it keeps the SSL, and not the connection."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from openssl_bio import SSL
from openssl_bio._core._lib import ffi, lib
from tests.helpers import Identity, Pair, client_context, server_context


class Thing:
    """What something can refer to weakly."""


@pytest.fixture(autouse=True)
def without_collector() -> Any:
    gc.disable()
    yield
    gc.enable()


def test_it_is_one_pointer() -> None:
    """A connection gives the same pointer each time, and another one another."""
    one, other = (SSL.Connection(SSL.Context(SSL.TLS_METHOD)) for _ in range(2))
    assert one._ssl is one._ssl
    assert ffi.typeof(one._ssl) is ffi.typeof("SSL *")
    assert one._ssl == ffi.cast("SSL *", one._ssl)
    assert one._ssl != other._ssl
    assert lib.obio_owner(one._ssl) != lib.obio_owner(other._ssl)


def test_a_connection_that_gave_its_pointer_is_freed_at_once() -> None:
    """The pointer does not hold the connection, neither while it is kept nor as part of it."""
    for keep in (False, True):
        connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
        pointer = connection._ssl if keep else ffi.NULL
        assert lib.SSL_get_verify_mode(connection._ssl) == SSL.VERIFY_NONE
        gone = weakref.ref(connection)
        del connection
        assert gone() is None
        assert (pointer != ffi.NULL) == keep


def test_a_pointer_that_is_kept_does_not_dangle(version: int, ca: Identity, server_identity: Identity) -> None:
    """After its connection is gone the SSL is what it was."""
    pair = Pair(client_context(version, ca), server_context(version, server_identity)).handshake()
    pointer, name = pair.client._ssl, pair.client.get_protocol_version_name()
    cipher = pair.client.get_cipher_name()
    del pair
    gc.collect()
    assert ffi.string(lib.SSL_get_version(pointer)).decode() == name
    assert ffi.string(lib.SSL_CIPHER_get_name(lib.SSL_get_current_cipher(pointer))).decode() == cipher
    assert lib.SSL_get_verify_mode(pointer) == SSL.VERIFY_PEER
    assert lib.BIO_ctrl_pending(lib.SSL_get_rbio(pointer)) == 0


@pytest.mark.parametrize("asked_first", [True, False])
def test_what_the_ssl_points_at_lives_as_long(asked_first: bool) -> None:
    """What is kept for the SSL goes with the last who has it, however early or late it was asked for."""
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    pointer = connection._ssl if asked_first else None
    there = weakref.ref(connection._keep("thing", Thing()))
    pointer = connection._ssl if pointer is None else pointer
    del connection
    assert pointer is not None
    assert there() is not None
    del pointer
    assert there() is None


def test_what_the_ssl_points_at_goes_with_the_connection() -> None:
    """Without anybody who has the pointer, that is at once."""
    for asked in (False, True):
        connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
        there = weakref.ref(connection._keep("thing", Thing()))
        assert not asked or connection._ssl != ffi.NULL
        del connection
        assert there() is None


def test_a_pointer_in_a_circle_is_collected() -> None:
    """What is kept for the SSL may lead to its pointer: the collector frees both."""
    connection, thing = SSL.Connection(SSL.Context(SSL.TLS_METHOD)), Thing()
    thing.pointer = connection._keep("thing", thing).pointer = connection._ssl  # type: ignore[attr-defined]
    there = weakref.ref(thing)
    del connection, thing
    assert there() is not None
    gc.collect()
    assert there() is None


def test_there_is_none_before_init() -> None:
    """A connection that was not initialised has none: a RuntimeError."""
    with pytest.raises(RuntimeError, match="was not initialised"):
        SSL.Connection.__new__(SSL.Connection)._ssl  # noqa: B018
