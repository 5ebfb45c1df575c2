"""Items 1 to 9 of pyOpenSSL's behaviours: exceptions. The number in a test's name is the item's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SSL, crypto
from openssl_bio._core.errors import KINDS, Kind, Outcome
from openssl_bio.pyopenssl._errors import SSL_ERRORS
from tests.core.test_error_queue import poison
from tests.helpers import Identity, Pair, carry, server_context

SUBCLASSES = [SSL.WantReadError, SSL.WantWriteError, SSL.WantX509LookupError, SSL.ZeroReturnError, SSL.SysCallError]


def test_01_classes() -> None:
    """All derive from SSL.Error, which derives from Exception and is not crypto.Error."""
    assert issubclass(SSL.Error, Exception)
    assert all(issubclass(kind, SSL.Error) for kind in SUBCLASSES)
    assert not issubclass(SSL.Error, crypto.Error)
    assert not issubclass(crypto.Error, SSL.Error)


def test_01_wanting_and_closing_have_no_args(pair: Pair) -> None:
    """WantReadError and ZeroReturnError are raised with empty args."""
    with pytest.raises(SSL.WantReadError) as wanting:
        pair.server.recv(1)
    pair.client.shutdown()
    pair.move()
    with pytest.raises(SSL.ZeroReturnError) as closing:
        pair.server.recv(1)
    assert wanting.value.args == closing.value.args == ()


def test_02_error_args(client: SSL.Context, tmp_path: Path) -> None:
    """One argument: a list of 3-tuples of str, the oldest first; the queue is drained."""
    with pytest.raises(SSL.Error) as caught:
        client.use_certificate_file(tmp_path / "absent")
    assert caught.value.args == ([("system library", "", "No such file or directory")],)
    with pytest.raises(SSL.Error) as caught:
        client.check_privatekey()
    assert caught.value.args == ([("SSL routines", "", "no certificate assigned")],)
    garbage = tmp_path / "garbage"
    garbage.write_bytes(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    with pytest.raises(SSL.Error) as caught:
        client.use_certificate_file(garbage)
    (entries,) = caught.value.args
    assert type(entries) is list
    assert len(entries) > 1
    assert all(type(entry) is tuple and len(entry) == 3 for entry in entries)
    assert all(type(text) is str for entry in entries for text in entry)
    assert entries[-1] == ("PEM routines", "", "ASN1 lib")


# What raises Error([]) in pyOpenSSL, or crashes; ours says something, or does not fail at all.
EMPTY_IN_PYOPENSSL: dict[str, Callable[[SSL.Connection], object]] = {
    "set_min_proto_version": lambda c: c.get_context().set_min_proto_version(0x1234),
    "load_verify_locations": lambda c: c.get_context().load_verify_locations(None),  # type: ignore[func-returns-value]
    "set_alpn_protos": lambda c: c.set_alpn_protos([b""]),  # type: ignore[func-returns-value]
    "Context.set_alpn_protos": lambda c: c.get_context().set_alpn_protos([b""]),  # type: ignore[func-returns-value]
    "export_keying_material": lambda c: c.export_keying_material(b"label", 32),
}


@pytest.mark.parametrize("name", EMPTY_IN_PYOPENSSL)
def test_03_error_is_never_empty(name: str) -> None:
    """``error.args[0][-1]`` is always there: Twisted reads it."""
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    connection.set_connect_state()
    with pytest.raises(SSL.Error) as caught:
        EMPTY_IN_PYOPENSSL[name](connection)
    library, function, reason = caught.value.args[0][-1]
    assert library
    assert function == ""
    assert reason


def test_03_error_is_not_empty_after_a_fatal_error(pair: Pair) -> None:
    """Every later operation raises the same non-empty error, on every OpenSSL."""
    pair.client.bio_write(b"garbage" * 10)
    found = []
    for call in (pair.client.do_handshake, lambda: pair.client.recv(1), lambda: pair.client.send(b"x")) * 2:
        try:
            call()
        except SSL.Error as error:
            found.append(error.args)
    assert len(found) >= 4
    assert found[0][0]
    assert found == [found[0]] * len(found)


def test_03_every_outcome_has_its_exception() -> None:
    """Also those that no operation here ends with: nothing becomes an empty Error."""
    for kind in KINDS:
        error = SSL_ERRORS.error(Outcome(kind))
        assert isinstance(error, SSL.Error)
        assert type(error) in SUBCLASSES or error.args[0]


def test_04_system_error_has_errno_and_its_name() -> None:
    assert SSL_ERRORS.error(Outcome(Kind.SYSCALL, errno=32)).args == (32, "EPIPE")


def test_04_05_truncation(pair: Pair) -> None:
    pair.client.send(b"last words")
    pair.move()
    pair.server.bio_shutdown()
    assert pair.server.recv(100) == b"last words"
    for _ in range(3):
        with pytest.raises(SSL.SysCallError) as caught:
            pair.server.recv(100)
        assert caught.value.args == (-1, "Unexpected EOF")


def test_04_05_truncated_handshake(client: SSL.Context, server: SSL.Context) -> None:
    pair = Pair(client, server)
    pair.server.bio_shutdown()
    for _ in range(3):
        with pytest.raises(SSL.SysCallError) as caught:
            pair.server.do_handshake()
        assert caught.value.args == (-1, "Unexpected EOF")


def test_05_after_a_cut_nothing_else_is_raised(pair: Pair) -> None:
    """recv, recv_into and do_handshake say the same again; sending is still possible, as nothing is closed."""
    pair.server.bio_shutdown()
    for call in (lambda: pair.server.recv(1), lambda: pair.server.recv_into(bytearray(1))) * 2:
        with pytest.raises(SSL.SysCallError) as caught:
            call()
        assert caught.value.args == (-1, "Unexpected EOF")


class Boom(Exception):
    """What callbacks raise here."""


def test_06_callback_error_comes_first(client: SSL.Context, server: SSL.Context) -> None:
    """Also where the operation succeeded for libssl: under VERIFY_NONE it would go on."""
    mine = Boom()

    def verify(*_arguments: Any) -> bool:
        raise mine

    client.set_verify(SSL.VERIFY_NONE, verify)
    pair = Pair(client, server)
    with pytest.raises(Boom) as caught:
        pair.handshake()
    assert caught.value is mine
    with pytest.raises(SSL.Error):
        pair.client.do_handshake()
    with pytest.raises(SSL.Error):
        pair.handshake()


def test_07_callback_of_the_connection_is_heard(client: SSL.Context, server: SSL.Context) -> None:
    """pyOpenSSL loses what `Connection.set_verify`'s callback raises."""
    mine = Boom()

    def verify(*_arguments: Any) -> bool:
        raise mine

    pair = Pair(client, server)
    pair.client.set_verify(SSL.VERIFY_PEER, verify)
    with pytest.raises(Boom) as caught:
        pair.handshake()
    assert caught.value is mine


def test_07_callback_is_heard_after_set_context(
    version: int, client: SSL.Context, server: SSL.Context, server_identity: Identity
) -> None:
    """pyOpenSSL loses what the first context's callback raised before the server name callback set another."""
    mine = Boom()

    def switch(connection: SSL.Connection) -> None:
        connection.set_context(server_context(version, server_identity))
        raise mine

    server.set_tlsext_servername_callback(switch)
    with pytest.raises(Boom) as caught:
        Pair(client, server).handshake()
    assert caught.value is mine


def test_07_error_belongs_to_its_connection(client: SSL.Context, server: SSL.Context) -> None:
    """pyOpenSSL stores it at the context, so that another connection may raise it."""

    def verify(connection: SSL.Connection, *_rest: Any) -> bool:
        if connection.get_app_data() == "bad":
            raise Boom
        return True

    client.set_verify(SSL.VERIFY_PEER, verify)
    bad, good = Pair(client, server), Pair(client, server)
    bad.client.set_app_data("bad")
    with pytest.raises(SSL.WantReadError):
        bad.client.do_handshake()
    good.handshake()
    with pytest.raises(Boom):
        bad.handshake()
    good.client.send(b"x")


def test_08_unknown_outcome_is_an_error() -> None:
    """An unfinished key operation is no success."""
    error = SSL_ERRORS.error(Outcome(Kind.WANT_ASYNC))
    assert type(error) is SSL.Error
    assert error.args == ([("openssl_bio", "", "WANT_ASYNC")],)


def test_09_stale_error_changes_nothing(pair: Pair) -> None:
    """What somebody else left in OpenSSL's queue turns no "want read" into a failure; see also tests/core."""
    poison()
    with pytest.raises(SSL.WantReadError):
        pair.client.recv(1)
    pair.server.send(b"data")
    carry(pair.server, pair.client)
    poison()
    assert pair.client.recv(4) == b"data"
    poison()
    with pytest.raises(SSL.Error) as caught:
        pair.client.get_context().set_session_id(b"x" * 33)
    assert caught.value.args == ([("SSL routines", "", "ssl session id context too long")],)
