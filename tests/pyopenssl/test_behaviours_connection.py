"""Items 37 to 59 of pyOpenSSL's behaviours: connections over memory. The number in a test's name is the item's."""

from __future__ import annotations

import contextlib
import copy
import pickle
from array import array
from collections.abc import Callable
from mmap import mmap
from pathlib import Path
from socket import MSG_PEEK
from typing import Any

import pytest

from openssl_bio import SSL
from tests.helpers import Identity, Pair, client_context, digest, received, server_context


def test_51_getters_before_the_handshake(client: SSL.Context, server: SSL.Context) -> None:
    pair = Pair(client, server)
    for connection in (pair.client, pair.server):
        for name in (
            "get_session",
            "client_random",
            "server_random",
            "master_key",
            "get_finished",
            "get_peer_finished",
            "get_cipher_name",
            "get_cipher_version",
            "get_cipher_bits",
            "get_group_name",
            "get_peer_certificate",
            "get_peer_cert_chain",
            "get_verified_chain",
            "get_servername",
            "get_app_data",
        ):
            assert getattr(connection, name)() is None, name
        assert connection.get_alpn_proto_negotiated() == b""
        assert connection.get_client_ca_list() == []
        assert connection.get_shutdown() == 0
        assert connection.pending() == 0
        assert not connection.session_reused()
        assert isinstance(connection.get_state_string(), bytes)
        with pytest.raises(SSL.Error) as caught:
            connection.export_keying_material(b"label", 32)
        assert caught.value.args[0]
    assert pair.client.get_certificate() is None
    assert pair.server.get_certificate() is not None


def test_51_version_of_a_fresh_connection() -> None:
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    assert connection.get_protocol_version() == SSL.TLS1_3_VERSION
    assert connection.get_protocol_version_name() == "TLSv1.3"


def test_52_export(version: int, pair: Pair) -> None:
    for context in (None, b"", b"context"):
        key = pair.client.export_keying_material(b"EXPERIMENTAL label", 77, context)
        assert len(key) == 77
        assert key == pair.server.export_keying_material(b"EXPERIMENTAL label", 77, context)
    none, empty = (pair.client.export_keying_material(b"EXPERIMENTAL label", 32, c) for c in (None, b""))
    assert (none == empty) is (version == SSL.TLS1_3_VERSION)
    with pytest.raises(ValueError, match="olen"):
        pair.client.export_keying_material(b"EXPERIMENTAL label", -1)


def test_37_without_a_role(client: SSL.Context) -> None:
    with pytest.raises(SSL.Error) as caught:
        SSL.Connection(client).do_handshake()
    assert caught.value.args[0][-1][-1] == "connection type not set"
    for operation in (lambda c: c.recv(1), lambda c: c.send(b"x"), lambda c: c.shutdown()):
        with pytest.raises(SSL.Error) as caught:
            operation(SSL.Connection(client))
        assert caught.value.args[0][-1][-1] == "uninitialized"


def test_42_recv_sizes(pair: Pair) -> None:
    pair.client.send(b"0123456789")
    pair.client.send(b"abcdef")
    pair.move()
    assert pair.server.recv(4) == b"0123"
    assert pair.server.pending() == 6
    assert pair.server.recv(0) == b""
    assert pair.server.recv(1000) == b"456789abcdef"
    assert pair.server.pending() == 0
    assert pair.server.recv(0) == b""
    with pytest.raises(SSL.WantReadError):
        pair.server.recv(1)
    with pytest.raises(ValueError, match="negative array length"):
        pair.server.recv(-1)


def test_44_recv_into(pair: Pair) -> None:
    pair.client.send(b"0123456789")
    pair.move()
    buffer = bytearray(b"....")
    with pytest.raises(TypeError, match="'bytes' object does not support item assignment"):
        pair.server.recv_into(b"....")  # type: ignore[arg-type]
    assert pair.server.recv_into(buffer, 2) == 2
    assert buffer == b"01.."
    assert pair.server.recv_into(buffer, 2, MSG_PEEK) == 2
    assert buffer == b"23.."
    assert pair.server.recv_into(buffer, 1000) == 4
    assert buffer == b"2345"
    assert pair.server.recv_into(buffer, 0) == 0
    view = memoryview(bytearray(8))
    assert pair.server.recv_into(view[2:]) == 4
    assert view.tobytes() == b"\0\0" + b"6789" + b"\0\0"
    with pytest.raises(SSL.WantReadError):
        pair.server.recv_into(buffer)


def test_43_peek(pair: Pair) -> None:
    pair.client.send(b"0123456789")
    pair.move()
    for _ in range(3):
        assert pair.server.recv(4, MSG_PEEK) == b"0123"
        assert pair.server.pending() == 10
    assert pair.server.recv(100) == b"0123456789"
    with pytest.raises(SSL.WantReadError):
        pair.server.recv(1, MSG_PEEK)


def test_38_39_42_nothing(pair: Pair) -> None:
    assert pair.client.send(b"") == 0
    assert pair.client.sendall(b"") == 0
    with pytest.raises(SSL.WantReadError):
        pair.client.bio_read(100)
    with pytest.raises(SSL.WantReadError):
        pair.client.bio_read(0)
    assert pair.client.bio_write(b"") == 0
    with pytest.raises(ValueError, match="negative array length"):
        pair.client.bio_read(-1)


def test_39_41_buffers_are_counted_in_bytes(pair: Pair) -> None:
    numbers = array("H", range(1000))
    assert pair.client.send(numbers) == 2000
    assert pair.client.sendall(memoryview(b"end")) == 3
    ciphertext = bytearray(pair.client.bio_read(1 << 20))
    assert pair.server.bio_write(ciphertext) == len(ciphertext)
    assert received(pair.server) == numbers.tobytes() + b"end"
    with pytest.raises(BufferError):
        pair.client.send(memoryview(b"123456")[::2])
    with pytest.raises(BufferError):
        pair.client.bio_write(memoryview(b"123456")[::2])


def test_38_bio_read_gives_at_most_what_was_asked(pair: Pair) -> None:
    pair.client.send(b"x" * 100)
    assert len(pair.client.bio_read(10)) == 10
    assert len(pair.client.bio_read(1 << 20)) > 100


def test_43_45_46_half_close_and_close(pair: Pair) -> None:
    assert pair.client.shutdown() is False
    assert pair.client.get_shutdown() == SSL.SENT_SHUTDOWN
    pair.move()
    for _ in range(3):
        with pytest.raises(SSL.ZeroReturnError):
            pair.server.recv(1)
    assert pair.server.get_shutdown() == SSL.RECEIVED_SHUTDOWN
    pair.server.send(b"still here")
    pair.move()
    assert pair.client.recv(100) == b"still here"
    assert pair.server.shutdown() is True
    pair.move()
    with pytest.raises(SSL.ZeroReturnError):
        pair.client.recv(1)
    assert pair.client.shutdown() is True
    assert pair.client.get_shutdown() == SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN


def test_47_set_shutdown(pair: Pair) -> None:
    pair.client.set_shutdown(SSL.RECEIVED_SHUTDOWN)
    with pytest.raises(SSL.ZeroReturnError):
        pair.client.recv(1)


def test_50_session_of_another_context(version: int, pair: Pair, ca: Identity) -> None:
    session = pair.client.get_session()
    assert session is not None
    other = SSL.Connection(client_context(version, ca))
    with pytest.raises(ValueError, match="session must have been created by a Connection using the same Context"):
        other.set_session(session)
    with pytest.raises(ValueError, match="empty"):
        other.set_session(SSL.Session())


def test_30_54_server_name_switches_the_context(
    version: int, ca: Identity, client: SSL.Context, server: SSL.Context, tmp_path: Path
) -> None:
    other = ca.issue("other.test", tmp_path, b"DNS:other.test")
    contexts = {b"other.test": server_context(version, other)}
    names = []

    def switch(connection: SSL.Connection) -> None:
        name = connection.get_servername()
        names.append(name)
        if name in contexts:
            connection.set_context(contexts[name])

    server.set_tlsext_servername_callback(switch)
    pair = Pair(client, server)
    pair.client.set_tlsext_host_name(b"other.test")
    pair.client.set_verify_host("other.test")
    pair.handshake()
    assert names == [b"other.test"]
    assert pair.server.get_context() is contexts[b"other.test"]
    assert digest(pair.client.get_peer_certificate()) == digest(other.certificate)
    assert digest(Pair(client, server).handshake().client.get_peer_certificate()) != digest(other.certificate)
    assert names[1:] == [None]


def test_56_long_server_name(client: SSL.Context) -> None:
    with pytest.raises(SSL.Error, match="256"):
        SSL.Connection(client).set_tlsext_host_name(b"x" * 256)


def test_36_attributes_of_a_memory_connection(client: SSL.Context) -> None:
    """There is no socket to ask."""
    with pytest.raises(AttributeError) as caught:
        getattr(SSL.Connection(client), "nonsense")  # noqa: B009
    assert caught.value.args == ("'Connection' object has no attribute 'nonsense'",)


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy, pickle.dumps])
def test_36_no_copies(client: SSL.Context, way: Callable[[object], object]) -> None:
    """A second object for the same pointer would go its own ways; pyOpenSSL recurses without end."""
    for thing in (SSL.Connection(client), client):
        with pytest.raises(TypeError, match="cannot copy or pickle a Con"):
            way(thing)


# -- ciphertext --------------------------------------------------------------------------------------------------------


def test_38_bio_read_arguments(client: SSL.Context) -> None:
    """An int, which may be a bool; the BIO of a connection that has nothing to say wants to be fed first."""
    connection = SSL.Connection(client)
    with pytest.raises(SSL.WantReadError):
        connection.bio_read(True)
    for wrong in ("1", 1.0, None):
        with pytest.raises(TypeError, match="bufsiz must be an integer"):
            connection.bio_read(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError) as caught:
        connection.bio_read(-1)
    assert caught.value.args == ("negative array length",)
    connection.bio_shutdown()
    with pytest.raises(SSL.WantReadError):
        connection.bio_read(10)


@pytest.mark.parametrize("size", [2**70, -(2**70)])
@pytest.mark.parametrize("name", ["bio_read", "recv"])
def test_38_sizes_that_no_buffer_has(pair: Pair, name: str, size: int) -> None:
    with pytest.raises(OverflowError, match="bufsiz"):
        getattr(pair.client, name)(size)


def test_38_large_sizes_cost_nothing(pair: Pair) -> None:
    """What is allocated is what there is, and not what was asked for."""
    pair.server.send(b"x" * 100)
    ciphertext = pair.server.bio_read(2**40)
    pair.client.bio_write(ciphertext)
    assert pair.client.recv(2**40) == b"x" * 100


@pytest.mark.parametrize("name", ["bio_write", "send", "sendall"])
@pytest.mark.parametrize("wrong", [5, None, ["x"]], ids=repr)
def test_39_wrong_buffers(pair: Pair, name: str, wrong: Any) -> None:
    with pytest.raises(TypeError) as caught:
        getattr(pair.client, name)(wrong)
    assert caught.value.args == (f"a bytes-like object is required, not '{type(wrong).__name__}'",)


@pytest.mark.parametrize("name", ["bio_write", "send", "sendall"])
def test_16_39_str_buffers(client: SSL.Context, server: SSL.Context, name: str) -> None:
    """A str is sent as UTF-8, with a warning that points at the caller."""
    pair = Pair(client, server) if name == "bio_write" else Pair(client, server).handshake()
    with pytest.warns(DeprecationWarning, match="^str for buf is no longer accepted, use bytes$") as caught:
        assert getattr(pair.client, name)("\u00e9") == 2
    assert caught[0].filename == __file__


def test_40_end_of_ciphertext(pair: Pair) -> None:
    """bio_shutdown counts once what was put in before is consumed."""
    pair.client.send(b"data")
    pair.move()
    pair.server.bio_shutdown()
    assert pair.server.recv(2) == b"da"
    assert pair.server.recv(2) == b"ta"
    with pytest.raises(SSL.SysCallError):
        pair.server.recv(1)


# -- plaintext ---------------------------------------------------------------------------------------------------------


def test_41_send_ignores_flags_and_seals_all(pair: Pair) -> None:
    """pyOpenSSL stops after a record of 16384 bytes; `write` is `send`, and `read` is `recv`."""
    assert pair.client.send(b"x" * 40000, 77) == 40000
    assert pair.client.write(b"y") == 1
    assert pair.client.sendall(b"z" * 40000, 77) == 40000
    pair.move()
    assert pair.server.read(40001) == b"x" * 40000 + b"y"
    assert pair.server.recv(1 << 20) == b"z" * 40000


def test_41_send_has_a_limit(pair: Pair) -> None:
    """Nothing of such a size is read or copied to find that out: these pages do not exist yet."""
    huge = memoryview(mmap(-1, 2**31))
    with pytest.raises(ValueError) as caught:
        pair.client.send(huge)
    assert caught.value.args == ("Cannot send more than 2**31-1 bytes at once.",)


def test_42_sending_nothing_is_no_end_of_file(pair: Pair) -> None:
    """pyOpenSSL raises SysCallError(-1, "Unexpected EOF"); here nothing is sent, before the handshake too."""
    fresh = SSL.Connection(pair.client.get_context())
    for connection in (pair.client, fresh):
        assert connection.send(b"") == 0
        assert connection.sendall(b"") == 0
        with pytest.raises(SSL.WantReadError):
            connection.bio_read(1)


def test_42_reading_nothing_consumes_nothing(pair: Pair) -> None:
    """pyOpenSSL raises WantReadError for recv(0) and SysCallError for recv_into(buffer, 0)."""
    pair.client.send(b"data")
    pair.move()
    assert pair.server.recv(0) == b""
    assert pair.server.recv_into(bytearray(4), 0) == 0
    assert pair.server.recv_into(bytearray()) == 0
    assert pair.server.recv(4) == b"data"


def test_43_other_flags_are_ignored(pair: Pair) -> None:
    pair.client.send(b"data")
    pair.move()
    assert pair.server.recv(2, 0) == b"da"
    assert pair.server.recv(2, ~MSG_PEEK) == b"ta"


@pytest.mark.parametrize("wrong", [b"1234", memoryview(b"1234"), "1234", 5, None], ids=lambda it: type(it).__name__)
def test_44_wrong_buffer_consumes_nothing(pair: Pair, wrong: Any) -> None:
    """pyOpenSSL has read the data by the time it finds that it cannot store it."""
    pair.client.send(b"data")
    pair.move()
    with pytest.raises(TypeError):
        pair.server.recv_into(wrong)
    assert pair.server.recv(4) == b"data"


def test_44_buffers_are_counted_in_bytes(pair: Pair) -> None:
    """Also those of larger items, for which pyOpenSSL raises ValueError and loses the data."""
    pair.client.send(b"12345678abc")
    pair.move()
    numbers = array("I", [0, 0])
    assert pair.server.recv_into(numbers) == 8
    assert numbers.tobytes() == b"12345678"
    with pytest.raises(ValueError, match="negative array length"):
        pair.server.recv_into(bytearray(4), -1)
    with pytest.raises(OverflowError, match="nbytes"):
        pair.server.recv_into(bytearray(4), 2**70)
    assert pair.server.recv(4) == b"abc"


# -- the end, and the state --------------------------------------------------------------------------------------------


def test_46_shutdown_of_both_ends(pair: Pair) -> None:
    """False once sent, True when the peer's has been read as well, and again True."""
    assert pair.client.shutdown() is False
    assert pair.server.shutdown() is False
    pair.move()
    assert [pair.client.shutdown() for _ in range(2)] == [True, True]


def test_46_error_of_an_early_shutdown_ends_nothing(client: SSL.Context, server: SSL.Context) -> None:
    """'shutdown while in init', and the handshake can go on."""
    pair = Pair(client, server)
    with pytest.raises(SSL.WantReadError):
        pair.client.do_handshake()
    with pytest.raises(SSL.Error) as caught:
        pair.client.shutdown()
    assert caught.value.args == ([("SSL routines", "", "shutdown while in init")],)
    pair.handshake()


def test_47_pending(pair: Pair) -> None:
    """Only decrypted bytes count: none while a record is not read yet."""
    pair.client.send(b"data")
    pair.move()
    assert pair.server.pending() == 0
    assert pair.server.recv(1) == b"d"
    assert pair.server.pending() == 3


def test_47_shutdown_bits(pair: Pair) -> None:
    assert (SSL.SENT_SHUTDOWN, SSL.RECEIVED_SHUTDOWN) == (1, 2)
    pair.client.set_shutdown(SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)
    assert pair.client.get_shutdown() == 3
    with pytest.raises(OverflowError, match="state"):
        pair.client.set_shutdown(2**31)
    assert pair.client.get_shutdown() == 3


def test_48_want_and_state(pair: Pair) -> None:
    """Truth values, and bytes."""
    with pytest.raises(SSL.WantReadError):
        pair.client.recv(1)
    assert pair.client.want_read() == 1
    assert pair.client.want_write() == 0
    assert pair.client.get_state_string() == b"SSL negotiation finished successfully"


def test_49_renegotiation(version: int, client: SSL.Context, server: SSL.Context) -> None:
    """TLS 1.3 has none; on TLS 1.2 True once it is asked for, False while it waits, and then one is counted."""
    pair = Pair(client, server)
    assert pair.server.total_renegotiations() == 0
    pair.handshake()
    assert pair.server.renegotiate_pending() is False
    if version == SSL.TLS1_3_VERSION:
        with pytest.raises(SSL.Error) as caught:
            pair.server.renegotiate()
        assert caught.value.args == ([("SSL routines", "", "wrong ssl version")],)
        return
    assert pair.server.renegotiate() is True
    assert pair.server.renegotiate_pending() is True
    assert pair.server.renegotiate() is False
    for connection in (pair.server, pair.client) * 4:
        for call in (connection.do_handshake, lambda: connection.recv(1)):  # noqa: B023
            with contextlib.suppress(SSL.WantReadError):
                call()
        pair.move()
    assert pair.server.renegotiate_pending() is False
    assert pair.server.total_renegotiations() == 1
    pair.client.send(b"data")
    pair.move()
    assert pair.server.recv(4) == b"data"
