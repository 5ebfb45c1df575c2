"""Inside of an operation other code may run: callbacks, and signal handlers, finalizers and profilers at any moment."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import pytest

from openssl_bio import SSL, stdlib
from tests.helpers import Identity, Pair, client_context, server_context
from tests.stdlib import helpers as stdlib_helpers


def in_the_middle(frame: FrameType | None) -> bool:
    """Whether libssl has called Python, or an outcome is being looked at."""
    while frame is not None and frame.f_code.co_name not in {"called", "classify"}:
        frame = frame.f_back
    return frame is not None


@contextmanager
def meddling(*deeds: Callable[[], Any]) -> Iterator[list[RuntimeError]]:
    """Do something at each call in the middle of an operation, as a signal's handler may; gives what was refused."""
    refused: list[RuntimeError] = []

    def meddle(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and in_the_middle(frame):
            for deed in deeds:
                try:
                    deed()
                except RuntimeError as error:
                    refused.append(error)
                except SSL.Error:
                    pass

    sys.setprofile(meddle)
    try:
        yield refused
    finally:
        sys.setprofile(None)


@pytest.fixture
def watched(client: SSL.Context, server: SSL.Context) -> Pair:
    """A pair that has not begun, with callbacks that do nothing."""
    for context in (client, server):
        context.set_info_callback(lambda *_: None)
        context.set_keylog_callback(lambda *_: None)
    client.set_verify(SSL.VERIFY_PEER, lambda *arguments: bool(arguments[4]))
    return Pair(client, server)


def test_libssl_is_not_entered_from_within(watched: Pair) -> None:
    """As libssl calls Python, nothing may use the connection, from the first instruction on."""
    ends = (watched.client, watched.server)
    with meddling(*[deed for end in ends for deed in (end.do_handshake, lambda end=end: end.recv(0))]) as refused:
        watched.handshake()
    assert refused
    assert watched.server.receive_data(watched.client.send_data(b"data")) == b"data"


@pytest.mark.parametrize("deed", [SSL.Connection.set_accept_state, SSL.Connection.set_connect_state])
def test_the_role_stays(watched: Pair, deed: Callable[[SSL.Connection], None]) -> None:
    """Whatever runs as the certificate is verified cannot change it."""
    with suppress(SSL.WantReadError):
        watched.client.do_handshake()
    watched.move()
    with suppress(SSL.WantReadError):
        watched.server.do_handshake()
    watched.move()
    inside: list[RuntimeError] = []

    def meddle(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code.co_name == "called":  # what libssl calls
            with pytest.raises(RuntimeError) as raised:
                deed(watched.client)
            inside.append(raised.value)

    sys.setprofile(meddle)
    try:
        with suppress(SSL.WantReadError):
            watched.client.do_handshake()
    finally:
        sys.setprofile(None)
    assert inside
    watched.handshake()


def test_an_error_is_told_and_the_alert_stays(pair: Pair) -> None:
    """Also where something uses the connection while the exception is made."""
    damaged = bytearray(pair.client.send_data(b"damaged"))
    damaged[-1] ^= 1
    server = pair.server
    with meddling(lambda: server.recv(1), lambda: server.send_data(b"x"), lambda: server.receive_data(b"")) as refused:
        for call in (lambda: server.receive_data(bytes(damaged)), lambda: server.send_data(b"y" * 3000)):
            with pytest.raises(SSL.Error, match=r"bad.record.mac"):
                call()
    assert refused
    with pytest.raises(SSL.Error, match=r"bad.record.mac"):
        pair.client.receive_data(server.data_to_send())


def test_data_to_send_begins_nothing_in_a_callback(client: SSL.Context, server: SSL.Context) -> None:
    """It gives what there is, and the handshake that has just begun goes on."""
    taken: list[bytes] = []
    client.set_info_callback(lambda connection, _where, _value: taken.append(connection.data_to_send()))
    pair = Pair(client, server)
    with pytest.raises(SSL.WantReadError):
        pair.client.do_handshake()
    assert taken[0] == b""
    for _ in range(4):
        with suppress(SSL.WantReadError):
            pair.client.do_handshake()
        while taken:
            pair.server.receive_data(taken.pop(0))
        pair.server.receive_data(pair.client.data_to_send())
        pair.client.receive_data(pair.server.data_to_send())
    assert pair.server.receive_data(pair.client.send_data(b"data")) == b"data"


@pytest.mark.parametrize("ciphers", [b"ECDHE-ECDSA-AES256-SHA384", b"ECDHE-ECDSA-AES256-GCM-SHA384", None])
def test_ciphertext_that_a_callback_takes_is_in_order(
    ciphers: bytes | None, ca: Identity, server_identity: Identity
) -> None:
    """While send_data runs; a cipher may need more room than the caller had made."""
    version = SSL.TLS1_2_VERSION if ciphers else SSL.TLS1_3_VERSION
    contexts = client_context(version, ca), server_context(version, server_identity)
    if ciphers:
        for context in contexts:
            context.set_cipher_list(ciphers + b":@SECLEVEL=0")
    pair = Pair(*contexts)
    taken: list[bytes] = []
    takes = False

    def take(*_arguments: object) -> None:
        if takes:
            with suppress(SSL.WantReadError):
                taken.append(pair.client.bio_read(1 << 24))

    pair.client.ssl_object.msg_callback = take
    pair.handshake()
    pair.client.send(b"first")
    data = bytes(range(256)) * 50_000
    takes = True
    rest = pair.client.send_data(data)
    takes = False
    assert taken
    got = bytearray()
    for part in (*taken, rest):
        got += pair.server.receive_data(part)
    assert got == b"first" + data


@pytest.mark.parametrize("bio", [ssl.MemoryBIO, stdlib.MemoryBIO])
def test_the_first_exception_is_the_one_that_is_raised(
    bio: Callable[[], Any], version: int, ca: Identity, server_identity: Identity
) -> None:
    """The alert that follows cannot be written, which nobody is told, now or later."""
    contexts = [
        stdlib_helpers.client_context(ca, version=ssl.TLSVersion(version)),
        stdlib_helpers.server_context(server_identity, version=ssl.TLSVersion(version)),
    ]
    problems: list[BaseException] = []

    def fail(*_arguments: object) -> None:
        if problems:
            raise problems[0]

    contexts[0].info_callback = fail
    pair = stdlib_helpers.Pair(*contexts, bio)
    assert stdlib_helpers.wants_read(pair.client.do_handshake)
    assert stdlib_helpers.wants_read(pair.server.do_handshake)
    pair.to_server.write_eof()
    problems.append(ZeroDivisionError("the first"))
    with pytest.raises(ZeroDivisionError) as raised:
        pair.client.do_handshake()
    assert raised.value is problems[0]
    with pytest.raises(ssl.SSLError, match="a callback raised"):
        pair.client.do_handshake()
    pair.client.data_to_send()
