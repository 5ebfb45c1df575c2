"""Callbacks of SSLContext: items 109, 110, 115 and 116 of the contract."""

from __future__ import annotations

import ssl
import sys
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import stdlib
from tests.helpers import Identity
from tests.stdlib.helpers import SAME_LIBRARY, Pair, client_context, ours, python, server_context, wants_read


def client(module: Any) -> Any:
    return module.SSLContext(module.PROTOCOL_TLS_CLIENT)


def server(module: Any) -> Any:
    return module.SSLContext(module.PROTOCOL_TLS_SERVER)


# -- 109, 110: the server's name --------------------------------------------------------------------------------------


def test_109_callback_swaps_the_context(ca: Identity, server_identity: Identity, tmp_path: Path, version: Any) -> None:
    other = ca.issue("other.test", tmp_path, b"DNS:other.test")
    first, second = (server_context(identity, version=version) for identity in (server_identity, other))
    seen = []

    def choose(connection: Any, name: str | None, context: Any) -> None:
        seen.append((type(connection), name, context is first))
        if name == "other.test":
            connection.context = second

    first.sni_callback = choose
    client = client_context(ca, version=version)
    for name, subject in (("localhost", "example.test"), ("other.test", "other.test")):
        pair = Pair(client, first, server_hostname=name).handshake()
        assert pair.client.getpeercert()["subject"] == ((("commonName", subject),),)
        assert pair.server.context is (second if name == "other.test" else first)
    assert seen == [(stdlib.SSLObject, "localhost", True), (stdlib.SSLObject, "other.test", True)]


ALERTS = {
    "handshake_failure": (ssl.ALERT_DESCRIPTION_HANDSHAKE_FAILURE, "HANDSHAKE_FAILURE"),
    "access_denied": (ssl.ALERT_DESCRIPTION_ACCESS_DENIED, "ACCESS_DENIED"),
}


@pytest.mark.parametrize("name", ALERTS)
def test_109_callback_answers_with_an_alert(ca: Identity, server_identity: Identity, name: str) -> None:
    number, reason = ALERTS[name]
    for module in (ours, python):
        server = server_context(server_identity, module)
        server.sni_callback = lambda *_: number
        failed = Pair(client_context(ca, module), server, module.MemoryBIO).outcome()
        assert failed["server"].reason == "CALLBACK_FAILED"  # type: ignore[attr-defined]
        assert reason in failed["client"].reason  # type: ignore[attr-defined]


class Problem(Exception):
    """What callbacks raise in these tests."""


@pytest.mark.parametrize("result", [Problem("in the callback"), KeyboardInterrupt(), "a str", 5.0], ids=type)
def test_109_callback_fails(ca: Identity, server_identity: Identity, result: Any) -> None:
    """A difference: its exception is raised by the running call; the alert is that of the original."""

    def callback(*_arguments: Any) -> Any:
        if isinstance(result, BaseException):
            raise result
        return result

    server = server_context(server_identity)
    server.sni_callback = callback
    pair = Pair(client_context(ca), server)
    assert wants_read(pair.client.do_handshake)
    with pytest.raises(type(result) if isinstance(result, BaseException) else TypeError) as caught:
        pair.server.do_handshake()
    assert not isinstance(result, BaseException) or caught.value is result
    with pytest.raises(ssl.SSLError) as told_client:
        pair.client.do_handshake()
    expected = "HANDSHAKE_FAILURE" if isinstance(result, BaseException) else "INTERNAL_ERROR"
    assert expected in told_client.value.reason
    server.sni_callback = None
    Pair(client_context(ca), server).handshake()


def test_110_legacy_callback_gets_a_labels(ca: Identity, tmp_path: Path) -> None:
    names = []
    identity = ca.issue("x", tmp_path, b"DNS:xn--pythn-mua.org")
    for module in (ours, python):
        server = server_context(identity, module)
        server.set_servername_callback(lambda _connection, name, _context: names.append(name))
        Pair(client_context(ca, module), server, module.MemoryBIO, server_hostname="pythön.org").handshake()
        server.set_servername_callback(None)
        assert server.sni_callback is None
    assert names == ["xn--pythn-mua.org"] * 2


# -- 115, 116: pre-shared keys and messages ---------------------------------------------------------------------------


@pytest.mark.parametrize("sides", [(ours, ours), (ours, python), (python, ours)], ids=["both", "client", "server"])
def test_115_pre_shared_keys(sides: Any, version: Any) -> None:
    """A key that both have makes certificates needless."""
    if python in sides and sys.version_info < (3, 13):
        pytest.skip("Python's ssl has no pre-shared keys before 3.13")
    seen: list[Any] = []
    near, far = client(sides[0]), server(sides[1])
    for context in (near, far):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.minimum_version = context.maximum_version = version
        if version == ssl.TLSVersion.TLSv1_2:
            context.set_ciphers("PSK")
    near.set_psk_client_callback(lambda hint: (seen.append(hint), ("me", b"key" * 8))[1])
    far.set_psk_server_callback(lambda identity: (seen.append(identity), b"key" * 8)[1], "a hint")
    bio = (python if python in sides else ours).MemoryBIO
    pair = Pair(near, far, bio, server_hostname=None).handshake()
    pair.client.write(b"x")
    assert pair.server.read(1) == b"x"
    assert set(seen) == ({"a hint", "me"} if version == ssl.TLSVersion.TLSv1_2 else {None, "me"})


@pytest.mark.parametrize("bad", [Problem("no key"), ("me", "text"), 5, ("me", b"x" * 1000)], ids=repr)
def test_115_callbacks_that_fail(bad: Any) -> None:
    """A difference: what a callback raises, or that it gave nonsense, is raised by the running call."""
    near, far = client(ours), server(ours)
    near.check_hostname, near.verify_mode = False, ssl.CERT_NONE

    def give(_hint: str | None) -> Any:
        if isinstance(bad, Exception):
            raise bad
        return bad

    near.set_psk_client_callback(give)
    pair = Pair(near, far, server_hostname=None)
    with pytest.raises((Problem, TypeError, ValueError)):
        pair.client.do_handshake()


def test_115_wrong_side() -> None:
    with pytest.raises(ssl.SSLError, match="Cannot add PSK server callback to a PROTOCOL_TLS_CLIENT context"):
        client(ours).set_psk_server_callback(print)
    with pytest.raises(ssl.SSLError, match="Cannot add PSK client callback to a PROTOCOL_TLS_SERVER context"):
        server(ours).set_psk_client_callback(print)
    with pytest.raises(TypeError, match="callback must be callable"):
        client(ours).set_psk_client_callback(5)


def test_116_messages(ca: Identity, server_identity: Identity, version: Any) -> None:
    """Both see the same messages, in Python's enums."""
    seen: dict[Any, list[Any]] = {}
    for module in (ours, python):
        log = seen[module] = []
        near = client_context(ca, module, version)
        near._msg_callback = lambda _connection, *rest, log=log: log.append((*rest[:-1], len(rest[-1]) > 0))
        Pair(near, server_context(server_identity, module, version), module.MemoryBIO).handshake()
    if SAME_LIBRARY:
        assert seen[ours] == seen[python]
    assert {type(entry[2]) for entry in seen[ours]} == {ssl._TLSContentType}  # type: ignore[attr-defined]


def test_116_a_message_callback_that_raises(ca: Identity, server_identity: Identity) -> None:
    near = client_context(ca)
    problem = Problem("seen enough")

    def callback(*_arguments: Any) -> None:
        raise problem

    near._msg_callback = callback
    with pytest.raises(Problem) as caught:
        Pair(near, server_context(server_identity)).client.do_handshake()
    assert caught.value is problem
