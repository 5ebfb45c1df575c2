"""B: errors that are lost, are another's, or are not what they say."""

from __future__ import annotations

import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from openssl_bio import SSL, stdlib
from openssl_bio._core._lib import lib
from tests.bugs.ends import Boom, Ends
from tests.core.test_error_queue import left_behind, poison
from tests.helpers import Identity


def raising(error: BaseException) -> Any:
    def call(*_arguments: Any) -> Any:
        raise error

    return call


def check_that_it_surfaces(ends: Ends, kind: type[BaseException], capfd: pytest.CaptureFixture[str]) -> None:
    """From every callback: the very exception is raised at its own end, and the other end is told of a failure."""
    for name, (side, put) in ends.installers().items():
        contexts = {"client": ends.client(), "server": ends.server()}
        error = kind(name)
        put(contexts[side], raising(error))
        failed = ends.shake(ends.pair(contexts["client"], contexts["server"]))
        other = "client" if side == "server" else "server"
        assert failed[side] is error
        assert isinstance(failed[other], ends.error)
    assert capfd.readouterr().err == ""


def test_B9_exception_of_a_callback_is_raised(ends: Ends, capfd: pytest.CaptureFixture[str]) -> None:
    check_that_it_surfaces(ends, Boom, capfd)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_B10_any_exception_of_a_callback_is_raised(
    ends: Ends, kind: type[BaseException], capfd: pytest.CaptureFixture[str]
) -> None:
    check_that_it_surfaces(ends, kind, capfd)


def test_B11_exception_belongs_to_one_connection(ends: Ends) -> None:
    """Two threads, one context, an exception for each connection: each gets its own, hundreds of times."""
    client, server = ends.client(), ends.server()
    side, put = next(iter(ends.installers().values()))

    def call(*_arguments: Any) -> Any:
        raise Boom(threading.get_ident())

    put(client if side == "client" else server, call)

    def work(_: int) -> None:
        for _turn in range(60):
            failed = ends.shake(ends.pair(client, server))
            assert failed[side].args == (threading.get_ident(),)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, range(2)))


def test_B11_exception_does_not_stay_in_the_first_context(ends: Ends) -> None:
    """A server name callback changes the context and then raises: the next connection of either context is whole."""
    first, second = ends.server(), ends.server()
    error = Boom("after the change")
    armed = [True]

    def call(connection: Any, *_arguments: Any) -> None:
        if armed.pop() if armed else False:
            ends.set_context(connection, second)
            raise error

    if ends.is_ssl:
        first.sni_callback = call
    else:
        first.set_tlsext_servername_callback(call)
    assert ends.shake(ends.pair(server=first))["server"] is error
    assert ends.shake(ends.pair(server=first)) == ends.shake(ends.pair(server=second)) == {}


def test_B12_connection_without_a_name(ends: Ends, capfd: pytest.CaptureFixture[str]) -> None:
    """Callbacks find a connection that nobody refers to but the running call."""
    for name, (side, put) in ends.installers().items():
        contexts = {"client": ends.client(), "server": ends.server()}
        error, armed = Boom(name), []

        def call(*_arguments: Any, error: Boom = error, armed: list[bool] = armed) -> bool | None:
            if armed:
                raise error
            return True if name == "verify" else None  # noqa: B023 - called in this round of the loop

        put(contexts[side], call)
        pair = ends.pair(contexts["client"], contexts["server"])
        before = [pair.client, pair.server] if side == "client" else [pair.client]
        if name == "keylog of the server" and ends.version == SSL.TLS1_2_VERSION:
            before += [pair.server, pair.client]
        for end in before:
            with pytest.raises(ends.want_read):
                end.do_handshake()
            ends.move(pair)
        armed.append(True)
        calls = [getattr(pair, side).do_handshake]
        delattr(pair, side)
        del end, before
        with pytest.raises(Boom) as caught:
            _call_alone(calls)
        assert caught.value is error
    assert capfd.readouterr().err == ""


def _call_alone(calls: list[Any]) -> None:
    calls.pop()()


def test_B13_stale_error_of_a_neighbour(ends: Ends) -> None:
    """What somebody left in the thread's queue changes no result, and no call leaves anything there."""
    pair = ends.pair()
    steps = [
        (pair.client.do_handshake, ends.want_read),
        (lambda: ends.read(pair.client, 1), ends.want_read),
        (lambda: ends.shake(pair), None),
        (lambda: ends.read(pair.client, 1), ends.want_read),
        (lambda: ends.write(pair.client, b"x"), None),
        (lambda: ends.move(pair), None),
        (lambda: ends.read(pair.server, 1), None),
        (lambda: ends.close(pair.server), None),
        (lambda: ends.client().load_verify_locations("/does/not/exist"), (OSError, ends.error)),
    ]
    for step, expected in steps:
        stale = poison()
        if expected is None:
            step()
        else:
            with pytest.raises(expected):
                step()
        assert left_behind(stale) == []
        assert lib.ERR_peek_error() == 0


def test_B14_nothing_is_sent_and_received(ends: Ends) -> None:
    """No bytes are no bytes, and no end of the connection: before, in and after the handshake, and after a close."""
    pair = ends.pair()
    assert ends.read(pair.client, 0) == b""
    assert ends.shake(pair) == {}
    for _ in range(3):
        assert ends.write(pair.client, b"") == 0
        assert ends.read(pair.client, 0) == b""
        if not ends.is_ssl:
            assert pair.client.bio_write(b"") == 0
    with pytest.raises(ends.want_read):
        ends.read(pair.client, 1)
    assert ends.write(pair.client, b"x") == 1
    ends.move(pair)
    assert ends.read(pair.server, 10) == b"x"
    ends.close(pair.server)
    ends.move(pair)
    assert ends.write(pair.client, b"") == 0


def outcome(call: Any) -> Any:
    """What a call returned, or the class and first argument of what it raised."""
    try:
        return call()
    except (SSL.Error, stdlib.SSLError) as error:
        return type(error).__name__, error.args[0] if error.args else None


@pytest.mark.parametrize("state", ["new", "begun", "finished", "closed"])
def test_B15_end_of_the_bytes(ends: Ends, state: str) -> None:
    """An end without close_notify is told from one with it, in each state, again and again, on every OpenSSL."""
    pair = ends.pair()
    if state in {"begun", "closed", "finished"}:
        with pytest.raises(ends.want_read):
            pair.client.do_handshake()
    if state in {"finished", "closed"}:
        assert ends.shake(pair) == {}
        ends.write(pair.server, b"last")
    if state == "closed":
        ends.close(pair.server)
    ends.move(pair)
    ends.cut(pair)
    if state in {"finished", "closed"}:
        assert ends.read(pair.client, 10) == b"last"
    clean: Any = b"" if ends.is_ssl else ("ZeroReturnError", None)
    ragged = ("SSLEOFError", 8) if ends.is_ssl else ("SysCallError", -1)
    for _ in range(3):
        assert outcome(lambda: ends.read(pair.client, 10)) == (clean if state == "closed" else ragged)
    if state in {"new", "begun"}:
        assert outcome(pair.client.do_handshake) == ragged


@pytest.mark.parametrize("size", [1, 7, 100000])
def test_B16_data_before_the_end_is_delivered(ends: Ends, size: int) -> None:
    """Data, close_notify and the end of the stream in one segment; read in pieces, by both ways of reading."""
    pair = ends.pair()
    assert ends.shake(pair) == {}
    data = bytes(range(256)) * 2
    ends.write(pair.server, data)
    ends.close(pair.server)
    ends.move(pair)
    ends.cut(pair)
    got = bytearray()
    while len(got) < len(data):
        buffer = bytearray(b"\xee" * size)
        if len(got) % 2:
            count = ends.read_into(pair.client, buffer)
        else:
            piece = ends.read(pair.client, size)
            count = len(piece)
            buffer[:count] = piece
        assert buffer[count:] == b"\xee" * (size - count)
        got += buffer[:count]
    assert got == data


def test_B16_data_before_an_alert_is_delivered(version: int, ca: Identity, server_identity: Identity) -> None:
    """A fatal alert in the same segment as data: first the data, then the error."""
    ends = Ends("pyOpenSSL", version, ca, server_identity)
    pair = ends.pair()
    assert ends.shake(pair) == {}
    pair.server.send(b"precious")
    pair.client.send(b"x")
    wire = bytearray(pair.client.bio_read(1000))
    wire[-1] ^= 1
    pair.server.bio_write(wire)
    with pytest.raises(SSL.Error, match="bad record mac"):
        pair.server.recv(1)
    with warnings.catch_warnings():
        ends.move(pair)
    assert pair.client.recv(100) == b"precious"
    with pytest.raises(SSL.Error, match="bad record mac"):
        pair.client.recv(100)


@pytest.mark.parametrize("way", ["recv", "recv_into"])
def test_B16_exception_without_data_leaves_nothing(way: str, ca: Identity, server_identity: Identity) -> None:
    """A callback raises while a ticket is read, and no data comes with that: a later read wants data, as ever."""
    ends = Ends("pyOpenSSL", SSL.TLS1_3_VERSION, ca, server_identity)
    armed: list[Boom] = []
    client = ends.client()
    client.set_info_callback(lambda *_: raising(armed.pop())() if armed else None)
    pair = ends.pair(client)
    assert ends.shake(pair) == {}
    pair.server.new_session_ticket()
    pair.server.do_handshake()
    ends.move(pair)
    armed.append(Boom())
    with pytest.raises(Boom):
        pair.client.recv(100) if way == "recv" else pair.client.recv_into(bytearray(100))
    assert pair.client.send(b"x") == 1
    with pytest.raises(SSL.WantReadError):
        pair.client.recv(100)
    assert pair.client.pending() == 0


def test_B9_peer_that_says_no_text(version: int, ca: Identity, server_identity: Identity) -> None:
    """A server name that is no ASCII fails the handshake as a TLS error, and the callback is not asked."""
    ends = Ends("ssl", version, ca, server_identity)
    server, asked = ends.server(), []
    server.sni_callback = lambda *arguments: asked.append(arguments)
    client = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    client.set_connect_state()
    client.set_tlsext_host_name(b"caf\xe9.test")
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    incoming, outgoing = stdlib.MemoryBIO(), stdlib.MemoryBIO()
    incoming.write(client.bio_read(1 << 16))
    connection = server.wrap_bio(incoming, outgoing, server_side=True)
    with pytest.raises(stdlib.SSLError):
        connection.do_handshake()
    client.bio_write(outgoing.read())
    with pytest.raises(SSL.Error, match="handshake failure"):
        client.do_handshake()
    assert asked == []


def test_B9_pre_shared_key_of_no_text() -> None:
    """An identity that is no UTF-8 is refused as one that nobody knows."""
    client = SSL.Context(SSL.TLS_METHOD)
    server, asked = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER), []
    server.maximum_version = stdlib.TLSVersion.TLSv1_2
    server.set_ciphers("PSK")
    server.set_psk_server_callback(lambda identity: (asked.append(identity), b"key")[1])
    client.set_max_proto_version(SSL.TLS1_2_VERSION)
    client.set_cipher_list(b"PSK")
    client.set_psk_client_callback(lambda *_: (b"\xff\xfe", b"key"))
    one = SSL.Connection(client)
    one.set_connect_state()
    incoming, outgoing = stdlib.MemoryBIO(), stdlib.MemoryBIO()
    other = server.wrap_bio(incoming, outgoing, server_side=True)
    failed: list[type[BaseException]] = []
    for _ in range(4):
        for call in (one.do_handshake, other.do_handshake):
            try:
                call()
            except (SSL.WantReadError, stdlib.SSLWantReadError):
                pass
            except (SSL.Error, stdlib.SSLError) as error:
                failed.append(type(error))
            if outgoing.pending:
                one.bio_write(outgoing.read())
            try:
                incoming.write(one.bio_read(1 << 16))
            except SSL.WantReadError:
                continue
    assert failed
    assert asked == []
