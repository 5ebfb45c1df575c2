"""Connections that are initialised twice, not at all, or are given another context; security levels and sessions."""

from __future__ import annotations

import itertools
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import SSL, crypto, stdlib
from tests.helpers import Identity, Pair, client_context, context_of, server_context

NOT_INITIALISED = "the connection was not initialised"


def test_documentation() -> None:
    """Of what is in C, too, where the class says all there is to say."""
    assert not SSL.Connection.__init__.__doc__
    assert SSL.Connection.send.__doc__.startswith("Seal data")  # type: ignore[union-attr]


def test_initialised_twice(client: SSL.Context, server: SSL.Context) -> None:
    """The second time is refused, whatever it is given, and nothing is replaced."""
    pair = Pair(client, server).handshake()
    for arguments in ((client,), (server,), (server, 0)):
        with pytest.raises(RuntimeError, match="initialised before"):
            pair.client.__init__(*arguments)  # type: ignore[misc]
    assert pair.client.get_context() is client
    pair.client.send(b"as before")
    pair.move()
    assert pair.server.recv(100) == b"as before"


def test_subclasses_may_have_set_something_before(client: SSL.Context) -> None:
    """pyOpenSSL's own Connection has a `_context`, which subclasses set as they like."""

    class Sub(SSL.Connection):
        def __init__(self, context: SSL.Context, transport: socket.socket | None = None) -> None:
            self._context = context
            self._outgoing: Any = b""
            super().__init__(context, transport)

    near, far = socket.socketpair()
    with near, far:
        for one in (Sub(client), Sub(client, near)):
            one.set_connect_state()
            assert one.get_context() is client
            with pytest.raises(RuntimeError, match="initialised before"):
                one.__init__(client)  # type: ignore[misc]


def test_what_is_no_context(client: SSL.Context) -> None:
    """Whatever it says of attributes that it does not have."""

    class Strange:
        def __init__(self, error: Exception) -> None:
            self.error = error

        def __getattr__(self, name: str) -> Any:
            raise self.error

    wrong: tuple[Any, ...] = (None, 5, SSL.Context, Strange(AttributeError()), Strange(KeyError()), Strange(OSError()))
    for one in (*wrong, *wrong):
        for arguments in ((one,), (one, None)):
            with pytest.raises(TypeError, match="context must be a Context instance"):
                SSL.Connection(*arguments)
        SSL.Connection(client)


def test_ssl_object_is_initialised_by_nobody() -> None:
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    one = context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname="example.test")
    with pytest.raises(TypeError, match="does not have a public constructor"):
        one.__init__()  # type: ignore[misc]
    with pytest.raises(stdlib.SSLWantReadError):
        one.do_handshake()


USES: dict[str, Any] = {
    "read": lambda one: one.read(10),
    "write": lambda one: one.write(b"x"),
    "handshake": lambda one: one.do_handshake(),
    "pending": lambda one: one.pending(),
    "one call": lambda one: one.receive_data(b"x"),
    "data to send": lambda one: one.data_to_send(),
    "one call for many": lambda one: one.send_data_many([b"x"]),
    "cork": lambda one: one.corked().__enter__(),
}
OF_CONNECTIONS: dict[str, Any] = USES | {
    "take": lambda one: one.bio_read(10),
    "feed": lambda one: one.bio_write(b"x"),
    "close": lambda one: one.shutdown(),
    "context": lambda one: one.get_context(),
    "certificate": lambda one: one.get_peer_certificate(),
    "setter": lambda one: one.set_verify(SSL.VERIFY_PEER),
}
OF_OBJECTS: dict[str, Any] = USES | {
    "context": lambda one: one.context,
    "close": lambda one: one.unwrap(),
    "session": lambda one: one.session,
    "server name": lambda one: one.server_hostname,
    "certificate": lambda one: one.getpeercert(),
}


@pytest.mark.parametrize("name", OF_CONNECTIONS)
def test_connection_that_was_not_initialised(name: str) -> None:
    with pytest.raises(RuntimeError, match=NOT_INITIALISED):
        OF_CONNECTIONS[name](SSL.Connection.__new__(SSL.Connection))


def test_attributes_that_are_not_there(client: SSL.Context) -> None:
    """A connection in memory has its own alone, one over a socket the socket's too; so have those of subclasses."""

    class Mine(SSL.Connection):
        """Of an application."""

    ours, peers = socket.socketpair()
    with ours, peers:
        for kind in (SSL.Connection, Mine):
            over = kind(client, ours)
            assert (over.fileno(), over.gettimeout()) == (ours.fileno(), None)
            for one in (over, kind(client), kind.__new__(kind)):
                with pytest.raises(AttributeError, match="no_such_name"):
                    one.no_such_name  # noqa: B018
            with pytest.raises(AttributeError, match="'gettimeout'"):
                kind(client).gettimeout()
            assert isinstance(over, SSL.Connection)
            assert (type(over).__name__, type(over).__module__) == (kind.__name__, kind.__module__)


@pytest.mark.parametrize("name", OF_OBJECTS)
def test_ssl_object_that_was_not_initialised(name: str) -> None:
    with pytest.raises(RuntimeError, match=NOT_INITIALISED):
        OF_OBJECTS[name](stdlib.SSLObject.__new__(stdlib.SSLObject))


@pytest.mark.parametrize("face", [SSL.Connection, stdlib.SSLObject])
def test_connections_share_nothing_that_can_change(face: type) -> None:
    """What a connection is made with is its class's, so nothing of that may be changed in place."""
    shared = {
        f"{owner.__name__}.{name}"
        for owner in face.__mro__
        for name, value in vars(owner).items()
        if isinstance(value, (dict, list, set, bytearray)) and not name.startswith("__")
    }
    assert shared == set()


def test_settings_of_one_connection_are_no_others(version: int, client: SSL.Context, server: SSL.Context) -> None:
    """One is given all kinds of them; those that were made before and after it do as their context says."""
    told: list[SSL.Connection] = []
    pairs = [Pair(client, server) for _ in range(2)]
    for one in (pairs[0].client, pairs[0].server):
        one.set_info_callback(lambda connection, _where, _ret: told.append(connection))
        one.set_keylog_callback(lambda connection, _line: told.append(connection))
        one.set_options(SSL.OP_NO_TICKET)
        one.set_session_id(b"one's own")
    pairs[0].client.set_alpn_protos([b"mine"])
    pairs[0].server.set_alpn_select_callback(lambda connection, _offered: told.append(connection) or b"mine")  # type: ignore[func-returns-value]
    pairs[0].server.set_tlsext_servername_callback(told.append)
    pairs.append(Pair(client, server))
    for pair in pairs:
        pair.handshake()
    assert [pair.client.get_alpn_proto_negotiated() for pair in pairs] == [b"mine", b"", b""]
    assert {id(one) for one in told} == {id(pairs[0].client), id(pairs[0].server)}


# -- another context --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "in the server name callback"])
def test_callbacks_of_a_connection_outlive_its_context(
    when: str, version: int, client: SSL.Context, server: SSL.Context, server_identity: Identity
) -> None:
    """What was set on the connection is called, whether the new context has such a callback or not."""
    told: list[str] = []
    silent, talkative = server_context(version, server_identity), server_context(version, server_identity)
    talkative.set_keylog_callback(lambda *_: told.append("the context's keylog"))
    for other in (silent, talkative, silent):
        told.clear()
        pair = Pair(client, server)
        pair.server.set_keylog_callback(lambda *_: told.append("keylog"))
        pair.server.set_info_callback(lambda *_: told.append("info"))
        if when == "before":
            pair.server.set_context(other)
        else:
            pair.server.set_tlsext_servername_callback(lambda one, other=other: one.set_context(other))
            pair.client.set_tlsext_host_name(b"example.test")
        pair.handshake()
        assert set(told) == {"keylog", "info"}
        assert pair.server.get_context() is other
        told.clear()
        Pair(client, silent).handshake()
        assert told == []


# -- security levels --------------------------------------------------------------------------------------------------


def level_by(how: str, target: Any, level: int) -> None:
    if how == "level":
        target.set_security_level(level)
    else:
        target.set_cipher_list(b"DEFAULT:@SECLEVEL=%d" % level)


@pytest.mark.parametrize("how", ["level", "ciphers"])
@pytest.mark.parametrize("on", ["context", "connection"])
def test_session_of_a_lower_level(how: str, on: str, version: int, ca: Identity, server: SSL.Context) -> None:
    """A certificate that was verified on a lower level is not good enough for a higher one, but for a lower one."""
    client = client_context(version, ca)
    level_by(how, client, 1)
    first = Pair(client, server).handshake().client.get_session()
    assert first is not None
    for level, resumes in ((1, True), (0, True), (2, False)):
        if on == "context":
            level_by(how, client, level)
        pair = Pair(client, server)
        if on == "connection":
            level_by(how, pair.client, level)
        if resumes:
            pair.client.set_session(first)
            assert pair.handshake().client.session_reused()
        else:
            with pytest.raises(ValueError, match=r"security level|verification settings have changed"):
                pair.client.set_session(first)
            assert not pair.handshake().client.session_reused()
    # The other way round: first the session, then the level.
    level_by(how, client, 1)
    pair = Pair(client, server)
    session = Pair(client, server).handshake().client.get_session()
    assert session is not None
    pair.client.set_session(session)
    with pytest.raises(ValueError, match="security level"):
        level_by(how, pair.client, 3)
    assert pair.client.get_security_level() == 1
    assert pair.handshake().client.session_reused()


def test_server_that_verifies_on_a_higher_level(
    version: int, ca: Identity, server_identity: Identity, client_identity: Identity
) -> None:
    """The server's own sessions, too, are verified anew when its level has risen."""
    client, server = client_context(version, ca, client_identity), server_context(version, server_identity, ca)
    server.set_security_level(1)
    session = Pair(client, server).handshake().client.get_session()
    assert session is not None
    for level, resumes in ((1, True), (2, False)):
        server.set_security_level(level)
        pair = Pair(client, server)
        pair.client.set_session(session)
        assert pair.handshake().client.session_reused() == resumes


def test_level_without_verification_changes_nothing(version: int, server: SSL.Context) -> None:
    client = context_of(version)
    client.set_security_level(1)
    session = Pair(client, server).handshake().client.get_session()
    assert session is not None
    pair = Pair(client, server)
    pair.client.set_security_level(2)
    pair.client.set_session(session)
    assert pair.handshake().client.session_reused()


def interrupted(work: Callable[[], object], act: Callable[[], object], point: int) -> bool:
    """Work, and act at one point of that, as a signal's handler may; whether there is such a point."""
    points = itertools.count()

    def count(*_event: object) -> None:
        if next(points) == point:
            act()

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return next(points) > point


def change_at(context: SSL.Context, point: int) -> bool:
    """Make a connection, and change what the context trusts at one point of that; whether there is such a point."""
    store = context.get_cert_store()
    return interrupted(
        lambda: SSL.Connection(context), lambda: store.set_flags(crypto.X509StoreFlags.POLICY_CHECK), point
    )


def test_trust_that_changes_while_a_connection_is_made(
    version: int, ca: Identity, server: SSL.Context, server_identity: Identity
) -> None:
    """Another thread may change it anywhere: no session survives the change after that one."""
    sessions_refused = 0
    for point in itertools.count():
        client = client_context(version, ca)
        SSL.Connection(client)
        client.get_cert_store().add_cert(server_identity.certificate)
        there_is_one = change_at(client, point)
        session = Pair(client, server).handshake().client.get_session()
        client.get_cert_store().set_flags(crypto.X509StoreFlags.EXPLICIT_POLICY)
        with pytest.raises(ValueError, match="have changed since the session was made"):
            SSL.Connection(client).set_session(session)
        sessions_refused += 1
        if not there_is_one:
            break
    assert sessions_refused > 10


def test_connection_that_is_made_inside_a_setter(version: int, server: SSL.Context) -> None:
    """What comes after the setter is as it says: a session without verification is not resumed where there is one."""
    for point in itertools.count():
        client = context_of(version)
        session = Pair(client, server).handshake().client.get_session()
        there_is_one = interrupted(
            lambda client=client: client.set_verify(SSL.VERIFY_PEER),  # type: ignore[misc]
            lambda client=client: SSL.Connection(client),  # type: ignore[misc]
            point,
        )
        for _ in range(2):
            with pytest.raises(ValueError, match="have changed since the session was made"):
                SSL.Connection(client).set_session(session)
        if not there_is_one:
            break
    assert point > 10


def test_setter_that_is_interrupted_by_making_a_connection() -> None:
    """What can be set takes effect, and nothing of what is refused."""

    def change() -> None:
        context.verify_mode = stdlib.CERT_REQUIRED
        context.keylog_callback = None
        with pytest.raises(stdlib.SSLError):
            context.set_ciphers("none of this name")

    def connect() -> stdlib.SSLObject:
        return context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_side=True)

    for point in itertools.count():
        context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
        context.keylog_callback = print
        ciphers = connect().get_ciphers()
        there_is_one = interrupted(change, connect, point)
        for _ in range(2):
            one = connect()
            assert (one.verify_mode, one.keylog_callback) == (stdlib.CERT_REQUIRED, None)
            assert one.get_ciphers() == ciphers
        if not there_is_one:
            break
    assert point > 100


@pytest.mark.parametrize("role", ["client", "server"])
def test_setter_inside_of_making_a_connection(role: str) -> None:
    """The connections that are made from then on are as it says."""

    def connect() -> stdlib.SSLObject:
        side: Any = {"server_side": True} if role == "server" else {"server_hostname": "localhost"}
        return context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), **side)

    def change() -> None:
        context.options |= stdlib.OP_NO_TICKET
        context.post_handshake_auth = True

    for point in itertools.count():
        context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT if role == "client" else stdlib.PROTOCOL_TLS_SERVER)
        there_is_one = interrupted(connect, change, point)
        for _ in range(2):
            one = connect()
            assert (bool(one.options & stdlib.OP_NO_TICKET), one.post_handshake_auth) == (there_is_one, there_is_one)
        if not there_is_one:
            break
    assert point > 50
