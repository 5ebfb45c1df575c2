"""A resumed handshake shows no certificate: who demands more than the session's connection verified may not resume."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import SSL, crypto
from tests.helpers import Identity, Pair, client_context, context_of, server_context

Change = Callable[[SSL.Connection], None]
PEER = SSL.VERIFY_PEER
DEMANDED = PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT


def accept(*_arguments: Any) -> bool:
    return True


def also_accept(*_arguments: Any) -> bool:
    return True


class Judge:
    """Its bound method is another object each time, and yet the same callback."""

    def verify(self, *_arguments: Any) -> bool:
        return True


JUDGE = Judge()


def nothing(_connection: SSL.Connection) -> None:
    pass


def host(name: str) -> Change:
    def change(connection: SSL.Connection) -> None:
        connection.set_verify(PEER)
        connection.set_verify_host(name)

    return change


def verify(mode: int, callback: Any = None) -> Change:
    return lambda connection: connection.set_verify(mode, callback)


@pytest.fixture
def easy_client(version: int, ca: Identity) -> SSL.Context:
    """A client's context that trusts the authority and demands nothing."""
    context = client_context(version, ca)
    context.set_verify(SSL.VERIFY_NONE)
    return context


def session_of(client: SSL.Context, server: SSL.Context, change: Change = nothing) -> SSL.Session:
    pair = Pair(client, server)
    change(pair.client)
    session = pair.handshake().client.get_session()
    assert session is not None
    return session


# What the session's connection verified, what the next one demands, and why it may not resume; "" if it may.
CLIENTS: list[tuple[Change, Change, str]] = [
    (host("example.test"), host("example.test"), ""),
    (host("example.test"), host("EXAMPLE.test"), ""),
    (host("127.0.0.1"), host("127.0.0.1"), ""),
    (host("127.0.0.1"), host("localhost"), "verified for the host '127.0.0.1', and not for the host 'localhost'"),
    (verify(PEER), host("127.0.0.1"), "verified for no host, and not for the host '127.0.0.1'"),
    (host("example.test"), verify(PEER), ""),
    (host("example.test"), host("localhost"), "verified for the host 'example.test', and not for the host 'localhost'"),
    (host("localhost"), host("127.0.0.1"), "verified for the host 'localhost', and not for the host '127.0.0.1'"),
    (verify(PEER), host("example.test"), "verified for no host, and not for the host 'example.test'"),
    (nothing, nothing, ""),
    (verify(PEER), nothing, ""),
    (verify(PEER, accept), nothing, ""),
    (nothing, verify(PEER), "made with verify mode 0, which demands less than 1"),
    (verify(PEER), verify(PEER), ""),
    (verify(PEER, accept), verify(PEER, accept), ""),
    (verify(PEER, JUDGE.verify), verify(PEER, JUDGE.verify), ""),
    (verify(PEER, accept), verify(PEER), "another verify callback"),
    (verify(PEER), verify(PEER, accept), "another verify callback"),
    (verify(PEER, accept), verify(PEER, also_accept), "another verify callback"),
    (nothing, verify(SSL.VERIFY_NONE, accept), "another verify callback"),
]


@pytest.mark.parametrize("order", ["demand first", "session first"])
@pytest.mark.parametrize("case", CLIENTS, ids=range(len(CLIENTS)))
def test_client_resumes_only_what_was_verified_as_it_demands(
    easy_client: SSL.Context, server: SSL.Context, case: tuple[Change, Change, str], order: str
) -> None:
    """In whichever order the session and the demand are set."""
    made, demand, reason = case
    session = session_of(easy_client, server, made)
    pair = Pair(easy_client, server)
    calls: list[Change] = [demand, lambda connection: connection.set_session(session)]
    first, second = calls if order == "demand first" else calls[::-1]
    first(pair.client)
    if reason:
        with pytest.raises(ValueError, match=reason):
            second(pair.client)
    else:
        second(pair.client)
    assert pair.handshake().client.session_reused() is (not reason or order == "session first")


def test_last_host_counts(client: SSL.Context, server: SSL.Context) -> None:
    """Another host takes the place of the one before, also an address that of a name."""
    for hosts in (["other.test", "127.0.0.1"], ["127.0.0.2", "localhost"], ["other.test", "localhost"]):
        pair = Pair(client, server)
        for name in hosts:
            pair.client.set_verify_host(name)
        pair.handshake()
        pair = Pair(client, server)
        for name in reversed(hosts):
            pair.client.set_verify_host(name)
        with pytest.raises(SSL.Error, match="certificate verify failed"):
            pair.handshake()


def test_refused_demand_changes_nothing(easy_client: SSL.Context, server: SSL.Context) -> None:
    """The connection goes on with the session and the demand that it had."""
    session = session_of(easy_client, server)
    pair = Pair(easy_client, server)
    pair.client.set_session(session)
    for call in (verify(PEER), lambda connection: connection.set_verify_host("other.test")):
        with pytest.raises(ValueError, match="the session"):
            call(pair.client)
    assert pair.client.get_verify_mode() == SSL.VERIFY_NONE
    assert pair.handshake().client.session_reused()
    assert pair.client.get_verify_result() == SSL.X509VerificationCodes.OK


class Interrupted(BaseException):
    pass


def is_interrupted(call: Callable[[], None], at: int) -> bool:
    """Make a call which the n-th event of a profiler ends, as a signal's handler may; whether it had as many."""
    events = 0

    def interrupt(_frame: object, _event: str, argument: object) -> None:
        nonlocal events
        events += argument is not sys.setprofile  # which is the end
        if events == at:
            raise Interrupted

    sys.setprofile(interrupt)
    try:
        call()
    except Interrupted:
        return True
    finally:
        sys.setprofile(None)
    return False


def test_who_was_interrupted_may_demand_more(easy_client: SSL.Context, server: SSL.Context) -> None:
    """A session is offered, and refused to those who demand more, or it is not: nothing is in between."""
    session, at, again = session_of(easy_client, server), 0, True
    while again:
        at += 1
        pair = Pair(easy_client, server)
        again = is_interrupted(lambda end=pair.client: end.set_session(session), at)  # type: ignore[misc]
        try:
            host("other.test")(pair.client)
        except ValueError:
            assert pair.handshake().client.session_reused()
        else:
            with pytest.raises(SSL.Error, match="certificate verify failed"):
                pair.handshake()
    assert at > 10


def test_demand_may_grow_after_the_handshake(easy_client: SSL.Context, server: SSL.Context) -> None:
    """What was resumed is over then; but the connection's session does not count as verified."""
    session = session_of(easy_client, server)
    pair = Pair(easy_client, server)
    pair.client.set_session(session)
    pair.handshake()
    pair.client.set_verify(PEER)
    late = pair.client.get_session()
    assert late is not None
    other = Pair(easy_client, server).client
    other.set_verify(PEER)
    with pytest.raises(ValueError, match="verification was changed while the session was being made"):
        other.set_session(late)


def test_resumed_connection_passes_the_session_on(easy_client: SSL.Context, server: SSL.Context) -> None:
    """The session of a resumed connection is good for what that connection demanded."""
    session = session_of(easy_client, server, host("example.test"))
    for _ in range(3):
        pair = Pair(easy_client, server)
        host("example.test")(pair.client)
        pair.client.set_session(session)
        assert pair.handshake().client.session_reused()
        session = pair.client.get_session()  # type: ignore[assignment]


def test_session_does_not_change_its_trust_with_the_context(
    version: int, ca: Identity, server: SSL.Context, server_identity: Identity
) -> None:
    """A session that one context's trust verified is not resumed under another's, given after the handshake."""
    careless, careful = context_of(version), client_context(version, ca)
    careless.get_cert_store().add_cert(server_identity.certificate)
    careless.get_cert_store().set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    careless.set_verify(SSL.VERIFY_PEER)
    pair = Pair(careless, server).handshake()
    pair.client.set_context(careful)
    session = pair.client.get_session()
    assert session is not None
    with pytest.raises(ValueError, match="verification was changed"):
        SSL.Connection(careful).set_session(session)


def test_context_may_not_change_under_a_session(version: int, ca: Identity, server: SSL.Context) -> None:
    """A session belongs to its context, also where `set_context` comes after `set_session`."""
    client, other = client_context(version, ca), client_context(version, ca)
    session = session_of(client, server)
    pair = Pair(client, server)
    pair.client.set_session(session)
    with pytest.raises(ValueError, match="session must have been created by a Connection using the same Context"):
        pair.client.set_context(other)
    assert pair.client.get_context() is client
    assert pair.handshake().client.session_reused()


@pytest.fixture
def mutual(
    version: int, ca: Identity, client_identity: Identity, server_identity: Identity
) -> tuple[SSL.Context, SSL.Context]:
    """A client's context that can show a certificate, and a server's that could verify it and does not."""
    server = server_context(version, server_identity)
    server.get_cert_store().add_cert(ca.certificate)
    return client_context(version, ca, client_identity), server


# What the server's earlier connection demanded of its client, what the next demands, and whether that resumes.
SERVERS: list[tuple[Change, Change, bool]] = [
    (nothing, nothing, True),
    (nothing, verify(DEMANDED), False),
    (verify(DEMANDED), verify(DEMANDED), True),
    (verify(PEER), verify(DEMANDED), False),
    (verify(DEMANDED, accept), verify(DEMANDED), False),
    (verify(DEMANDED, accept), verify(DEMANDED, accept), False),
]


@pytest.mark.parametrize("when", ["before the role", "after the role", "as a client", "before it was a client"])
@pytest.mark.parametrize("case", SERVERS, ids=range(len(SERVERS)))
def test_server_resumes_only_what_it_verified_as_it_demands(
    mutual: tuple[SSL.Context, SSL.Context], case: tuple[Change, Change, bool], when: str
) -> None:
    """Else there is a whole handshake, which verifies the client."""
    client, server = mutual
    made, demand, resumes = case

    def pair_of(change: Change) -> Pair:
        pair = Pair(client, server)
        if when == "after the role":
            change(pair.server)
            return pair
        pair.server = SSL.Connection(server)
        if when == "as a client":
            pair.server.set_connect_state()
        change(pair.server)
        if when == "before it was a client":
            pair.server.set_connect_state()
        pair.server.set_accept_state()
        return pair

    session = pair_of(made).handshake().client.get_session()
    assert session is not None
    pair = pair_of(demand)
    pair.client.set_session(session)
    assert pair.handshake().server.session_reused() is resumes
    if demand is not nothing:
        assert pair.server.get_peer_certificate() is not None


def switching_server(version: int, identity: Identity, ca: Identity, switch: Change) -> SSL.Context:
    """A server's context whose connections are changed when the client asks for private.test."""

    def on_name(connection: SSL.Connection) -> None:
        if connection.get_servername() == b"private.test":
            switch(connection)

    server = server_context(version, identity)
    server.get_cert_store().add_cert(ca.certificate)
    server.set_tlsext_servername_callback(on_name)
    return server


def named(client: SSL.Context, server: SSL.Context, name: bytes, session: SSL.Session | None = None) -> Pair:
    pair = Pair(client, server)
    pair.client.set_tlsext_host_name(name)
    if session is not None:
        pair.client.set_session(session)
    return pair.handshake()


def test_server_name_callback_that_demands_more_ends_a_resumption(
    ca: Identity, client_identity: Identity, server_identity: Identity
) -> None:
    """With TLS 1.3 a session of public.test cannot get a client into private.test without its certificate.

    With TLS 1.2 a resumed connection has the server name of its session.
    """
    version = SSL.TLS1_3_VERSION
    client = client_context(version, ca)
    server = switching_server(version, server_identity, ca, verify(DEMANDED))
    session = named(client, server, b"public.test").client.get_session()
    with pytest.raises(ValueError, match=r"the client resumes a session: .* verify mode 0, which demands less than 3"):
        named(client, server, b"private.test", session)


def test_server_name_callback_may_demand_more(
    version: int, ca: Identity, client_identity: Identity, server_identity: Identity
) -> None:
    """Such connections verify their client each time, and their sessions do not pass for anything else."""
    client = client_context(version, ca, client_identity)
    server = switching_server(version, server_identity, ca, verify(DEMANDED))
    session = None
    for _ in range(3):
        pair = named(client, server, b"private.test", session)
        assert pair.server.get_peer_certificate() is not None
        assert not pair.server.session_reused()
        session = pair.client.get_session()
    session = None
    for expected in (False, True):
        pair = named(client, server, b"public.test", session)
        assert pair.server.session_reused() is expected
        session = pair.client.get_session()


def test_context_with_other_trust_ends_a_resumption(
    version: int, ca: Identity, client_identity: Identity, server_identity: Identity
) -> None:
    """A client that one context verified is not verified for a context that trusts others."""
    client = client_context(version, ca, client_identity)
    public = server_context(version, server_identity, ca)
    private = context_of(version, server_identity)
    switch = [False]

    def on_name(connection: SSL.Connection) -> None:
        if switch[0]:
            connection.set_context(private)

    public.set_tlsext_servername_callback(on_name)
    session = named(client, public, b"example.test").client.get_session()
    switch[0] = True
    with pytest.raises(ValueError, match="the session was verified with another context's trust"):
        named(client, public, b"example.test", session)
