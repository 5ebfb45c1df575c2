"""Callbacks that change what their connection is in the middle of, and signals that come while one is called."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import SSL
from tests.helpers import Identity, Pair, client_context, server_context


def session_of(client: SSL.Context, server: SSL.Context) -> SSL.Session:
    session = Pair(client, server).handshake().client.get_session()
    assert session is not None
    return session


def call_late(side: str, client: SSL.Context, server: SSL.Context, deed: Callable[[SSL.Connection], Any]) -> None:
    """Let a callback, called after the ServerHello was made, do something to its connection."""

    def only_once(connection: SSL.Connection, _line: bytes) -> None:
        if not done:
            done.append(connection)
            deed(connection)

    done: list[SSL.Connection] = []
    (client if side == "client" else server).set_keylog_callback(only_once)


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("name", ["context", "callback", "accept", "connect", "session"])
def test_what_would_crash_libssl_is_refused(
    name: str, side: str, version: int, ca: Identity, server_identity: Identity
) -> None:
    """libssl would go on with what these have freed. The refusal ends the handshake, if nobody catches it."""
    client = client_context(version, ca)
    server = server_context(version, server_identity)
    session = session_of(client, server)
    other = server_context(version, server_identity)
    deeds: dict[str, Callable[[SSL.Connection], Any]] = {
        "context": lambda connection: connection.set_context(other),
        "callback": lambda connection: connection.set_info_callback(lambda *_: None),
        "accept": SSL.Connection.set_accept_state,
        "connect": SSL.Connection.set_connect_state,
        "session": lambda connection: connection.set_session(session),
    }
    call_late(side, client, server, deeds[name])
    with pytest.raises(RuntimeError, match="a callback cannot"):
        Pair(client, server).handshake()


@pytest.mark.parametrize("side", ["client", "server"])
def test_refusal_that_is_caught_does_no_harm(side: str, client: SSL.Context, server: SSL.Context) -> None:
    other = SSL.Context(SSL.TLS_METHOD)

    def deed(connection: SSL.Connection) -> None:
        with pytest.raises(SSL.Error, match="a callback cannot change the context"):
            connection.set_context(other)

    call_late(side, client, server, deed)
    pair = Pair(client, server).handshake()
    assert (pair.client.get_context(), pair.server.get_context()) == (client, server)


def test_context_without_the_callbacks_of_the_first(
    version: int, client: SSL.Context, server: SSL.Context, server_identity: Identity
) -> None:
    """A server name callback changes to a context without an info callback, which libssl goes on calling."""
    other = server_context(version, server_identity)
    told: list[int] = []
    server.set_info_callback(lambda _connection, where, _value: told.append(where))
    server.set_tlsext_servername_callback(lambda connection: connection.set_context(other))
    pair = Pair(client, server).handshake()
    assert pair.server.get_context() is other
    assert told


class Interrupt(Exception):
    """What the signal handler raises."""


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no interval timers")
def test_signal_as_a_callback_is_called(
    client: SSL.Context, server: SSL.Context, capfd: pytest.CaptureFixture[str]
) -> None:
    """What a signal handler raises at any point of a callback is raised by the call that libssl was in."""
    armed = False
    raised = caught = 0

    def on_alarm(_number: int, _frame: object) -> None:
        nonlocal raised
        if armed:
            raised += 1
            raise Interrupt

    client.set_info_callback(lambda *_: None)
    client.set_verify(SSL.VERIFY_PEER, lambda *arguments: bool(arguments[-1]))
    before = signal.signal(signal.SIGALRM, on_alarm)
    gc.collect()
    gc.disable()  # Python has no way out of a destructor, and other tests leave objects that have one
    try:
        for attempt in range(2000):
            pair = Pair(client, server)  # not dropped while armed
            signal.setitimer(signal.ITIMER_REAL, 0.0003 + attempt % 97 * 0.00003)
            try:
                armed = True
                pair.handshake()
                armed = False
            except Interrupt:
                armed = False
                caught += 1
            if caught == 100:
                break
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        gc.enable()
    assert raised == caught > 0
    assert capfd.readouterr().err == ""
