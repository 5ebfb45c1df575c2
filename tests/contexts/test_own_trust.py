"""A trust store of one connection: in place of its context's, and seen by no other."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SSL, Credential, LoadError, SessionCache, TrustStore, crypto, stdlib
from tests.contexts.faces import FACES, Face, credential
from tests.contexts.pki import Issued, new_root
from tests.contexts.test_trust_store import hashed, revocation_list
from tests.helpers import TIMEOUT
from tests.stdlib.helpers import Pair
from tests.stdlib.test_sockets import serving

CHANGE_IN_CALLBACK = "a callback cannot change what is trusted"


def accepted(face: Face, pair: Any) -> bool:
    """Whether the pair's handshake succeeds."""
    try:
        pair.handshake()
    except face.error:
        return False
    return True


def verifying(face: Face, context: Any) -> Any:
    """A server's context that demands certificates of its clients."""
    if face.error is SSL.Error:
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    else:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def session_of(face: Face, connection: Any) -> Any:
    return connection.get_session() if face.error is SSL.Error else connection.session


def offers(face: Face, connection: Any, session: Any) -> bool:
    """Whether a client takes a session to resume: pyOpenSSL's face raises, the stdlib's shakes hands in full."""
    if face.error is not SSL.Error:
        connection.session = session
        return True
    try:
        connection.set_session(session)
    except ValueError:
        return False
    return True


def reused(face: Face, connection: Any) -> bool:
    return bool(connection.session_reused() if face.error is SSL.Error else connection.session_reused)


@pytest.fixture
def stranger() -> Issued:
    """Another authority."""
    return new_root("another root")


def test_one_connection_alone(face: Face, version: str, root: Issued, leaf: Issued, stranger: Issued) -> None:
    """It trusts the store's authorities in place of the context's; its sisters, of before and after, the context's."""
    client, server = face.client(version, root), face.server(version, credential(leaf))
    theirs = face.server(version, credential(stranger.issue("localhost")))
    sister = face.pair(client, theirs)
    for end, fits in ((theirs, True), (server, False)):
        pair = face.pair(client, end)
        pair.client.use_trust_store(TrustStore(stranger.pem))
        assert accepted(face, pair) is fits
    assert not accepted(face, sister)
    assert not accepted(face, face.pair(client, theirs))
    assert accepted(face, face.pair(client, server))


def test_what_the_store_trusts_later_is_not_seen(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    client, server, store = face.client(version), face.server(version, credential(leaf)), TrustStore()
    before, after = face.pair(client, server), face.pair(client, server)
    before.client.use_trust_store(store)
    store.add(root.pem)
    after.client.use_trust_store(store)
    assert [accepted(face, pair) for pair in (before, after)] == [False, True]


def test_what_the_context_trusts_later_is_not_seen(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    client, server = face.client(version), face.server(version, credential(leaf))
    pair = face.pair(client, server)
    pair.client.use_trust_store(TrustStore())
    face.trust(client, root)
    assert not accepted(face, pair)
    assert accepted(face, face.pair(client, server))


def test_revocation_and_directories(face: Face, version: str, root: Issued, tmp_path: Path, stranger: Issued) -> None:
    """The store's flags are heeded by the connections that have it."""
    good, bad = root.issue("localhost"), root.issue("localhost")
    store = TrustStore(hashed(tmp_path, root), revocation_list(root, bad))
    store.set_flags(crypto.X509StoreFlags.CRL_CHECK)
    client = face.client(version, root)
    for issued, fits in ((good, True), (bad, False)):
        server = face.server(version, credential(issued))
        pair, sister = face.pair(client, server), face.pair(client, server)
        pair.client.use_trust_store(store)
        assert accepted(face, pair) is fits
        assert accepted(face, sister)


def test_the_chain_is_built_from_it(face: Face, version: str, root: Issued, issuing: Issued, leaf: Issued) -> None:
    """As a context's store, it gives the certificates that the connection's own chain lacks."""
    server = face.server(version, Credential.load(leaf.certificate, leaf.key))
    client = face.client(version, root)
    assert not accepted(face, face.pair(client, server))
    pair = face.pair(client, server)
    pair.server.use_trust_store(TrustStore(issuing.pem, root.pem))
    assert accepted(face, pair)


# -- when -------------------------------------------------------------------------------------------------------------


def test_no_store(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    """What is refused changes nothing."""
    pair = face.pair(face.client(version, root), face.server(version, credential(leaf)))
    for wrong in ("a path", None, root.pem):
        with pytest.raises(TypeError, match=r"a trust store is an openssl_bio\.TrustStore"):
            pair.client.use_trust_store(wrong)
    with pytest.raises(LoadError):
        pair.client.use_trust_store(TrustStore(b"rubbish"))
    assert accepted(face, pair)


def test_another_in_its_place(face: Face, version: str, root: Issued, leaf: Issued, stranger: Issued) -> None:
    pair = face.pair(face.client(version), face.server(version, credential(leaf)))
    pair.client.use_trust_store(TrustStore(stranger.pem))
    pair.client.use_trust_store(TrustStore(root.pem))
    assert accepted(face, pair)


def test_not_while_libssl_looks_at_it(version: str, root: Issued, leaf: Issued) -> None:
    """In a verify callback the store in use would be freed."""
    face, told = FACES["pyOpenSSL"], []
    client = face.client(version, root)

    def verify(connection: SSL.Connection, *_arguments: Any) -> bool:
        with pytest.raises(SSL.Error, match=CHANGE_IN_CALLBACK):
            connection.use_trust_store(TrustStore())
        told.append(connection)
        return True

    client.set_verify(SSL.VERIFY_PEER, verify)
    pair = face.pair(client, face.server(version, credential(leaf)))
    pair.client.use_trust_store(TrustStore(root.pem))
    assert accepted(face, pair)
    assert set(told) == {pair.client}


# -- servers ----------------------------------------------------------------------------------------------------------


def by_hello(server: Any, stores: dict[str, TrustStore]) -> None:
    """A server that looks into the ClientHello."""
    server.set_client_hello_callback(lambda connection, hello: connection.use_trust_store(stores[hello.server_name]))


def by_name(server: SSL.Context, stores: dict[str, TrustStore]) -> None:
    """A server that is told the name; the stdlib's face lets it choose the context alone then, as Python's does."""

    def choose(connection: SSL.Connection) -> None:
        connection.use_trust_store(stores[(connection.get_servername() or b"").decode()])

    server.set_tlsext_servername_callback(choose)


@pytest.mark.parametrize(
    ("name", "install"), [("pyOpenSSL", by_hello), ("pyOpenSSL", by_name), ("ssl", by_hello)], ids=str
)
def test_tenants(version: str, root: Issued, leaf: Issued, stranger: Issued, name: str, install: Any) -> None:
    """A server that finds out who calls, and then whose clients it trusts: theirs, and no others'."""
    face, tenants = FACES[name], {"one.test": root, "two.test": stranger}
    server = verifying(face, face.server(version, credential(leaf)))
    install(server, {host: TrustStore(authority.pem) for host, authority in tenants.items()})
    for caller, authority in tenants.items():
        client = face.client(version, root)
        client.use_credentials(credential(authority.issue("a client")))
        for host in tenants:
            pair = _named(face, client, server, host)
            assert (accepted(face, pair) and has_shown_one(face, pair)) is (caller == host)


def test_tenants_resume(face: Face, version: str, root: Issued, leaf: Issued, stranger: Issued) -> None:
    """Whose clients are trusted is known before a session is looked for, so each tenant's are resumed, by it alone."""
    server = verifying(face, face.server(version, credential(leaf)))
    by_hello(server, {"one.test": TrustStore(root.pem), "both.test": TrustStore(root.pem, stranger.pem)})
    client = face.client(version, root)
    client.use_credentials(credential(root.issue("a client")))
    found, session = [], None
    for host in ("one.test", "one.test", "both.test", "both.test"):
        pair = _named(face, client, server, host, session).handshake()
        session = session_of(face, pair.client)
        found.append(reused(face, pair.server))
    assert found == [False, True, False, True]


def _named(face: Face, client: Any, server: Any, name: str, session: Any = None) -> Any:
    if face.error is SSL.Error:
        pair = face.pair(client, server)
        pair.client.set_tlsext_host_name(name.encode())
        if session is not None:
            pair.client.set_session(session)
        return pair
    return Pair(client, server, server_hostname=name, session=session)


def has_shown_one(face: Face, pair: Any) -> bool:
    """Whether the server has a certificate of the client."""
    end = pair.server
    return bool(end.get_peer_certificate() if face.error is SSL.Error else end.getpeercert(True))


def test_sessions_of_a_server(face: Face, version: str, root: Issued, leaf: Issued, stranger: Issued) -> None:
    """Where another store says who is let in, sessions are not resumed; where the same does, they are."""
    server = verifying(face, face.server(version, credential(leaf)))
    client = face.client(version, root)
    client.use_credentials(credential(root.issue("a client")))
    mine, another = TrustStore(root.pem), TrustStore(root.pem, stranger.pem)

    def connect(store: TrustStore, session: Any = None) -> Any:
        pair = _named(face, client, server, "localhost", session)
        pair.server.use_trust_store(store)
        pair.handshake()
        assert has_shown_one(face, pair)
        return pair

    session = session_of(face, connect(mine).client)
    assert not reused(face, connect(another, session).server)
    again = connect(mine, session)
    assert reused(face, again.server)
    # Equal stores are as good as one: their digest is what counts, in other processes too.
    assert reused(face, connect(TrustStore(root.pem), session_of(face, again.client)).server)


def test_a_context_that_trusts_others_resumes_nothing(
    face: Face, version: str, root: Issued, leaf: Issued, stranger: Issued
) -> None:
    """Who was let in by one connection's store is not let in by the context's."""
    server = verifying(face, face.server(version, credential(leaf)))
    face.trust(server, stranger)
    client = face.client(version, root)
    client.use_credentials(credential(root.issue("a client")))
    pair = _named(face, client, server, "localhost")
    pair.server.use_trust_store(TrustStore(root.pem))
    session = session_of(face, pair.handshake().client)
    with pytest.raises(face.error):
        _named(face, client, server, "localhost", session).handshake()


# -- clients ----------------------------------------------------------------------------------------------------------


def test_sessions_of_a_client(face: Face, version: str, root: Issued, leaf: Issued, stranger: Issued) -> None:
    """A session is offered by those that trust the same store, and by no others."""
    client, server = face.client(version, root), face.server(version, credential(leaf))
    mine, another = TrustStore(root.pem), TrustStore(root.pem, stranger.pem)

    def connect(store: TrustStore | None, session: Any = None) -> Any:
        pair = face.pair(client, server)
        if store is not None:
            pair.client.use_trust_store(store)
        if session is not None:
            offers(face, pair.client, session)
        return pair.handshake()

    for made, resumed_by in ((mine, mine), (None, None)):
        session = session_of(face, connect(made).client)
        for store in (mine, another, None):
            assert reused(face, connect(store, session).client) is (store is resumed_by)


def test_the_session_is_forgotten_that_was_set_before(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    """Or the store is refused, in the face that raises."""
    client, server = face.client(version, root), face.server(version, credential(leaf))
    session = session_of(face, face.pair(client, server).handshake().client)
    pair = face.pair(client, server)
    assert offers(face, pair.client, session)
    if face.error is SSL.Error:
        with pytest.raises(ValueError, match="made with another trust store"):
            pair.client.use_trust_store(TrustStore())
        assert reused(face, pair.handshake().client)
    else:
        pair.client.use_trust_store(TrustStore(root.pem))
        assert not reused(face, pair.handshake().client)


def test_the_cache(face: Face, version: str, root: Issued, leaf: Issued, stranger: Issued) -> None:
    """It keeps sessions by what is trusted, too."""
    client, server = face.client(version, root), face.server(version, credential(leaf))
    if face.error is SSL.Error:
        client.set_session_cache(SessionCache())
    else:
        client.session_cache = SessionCache()
    store = TrustStore(root.pem)

    def connect(own: bool) -> bool:
        pair = _named(face, client, server, "localhost")
        if own:
            pair.client.use_trust_store(store)
        if face.error is SSL.Error:
            pair.client.resume()
        return reused(face, pair.handshake().client)

    assert [connect(own) for own in (True, True, False, True)] == [False, True, False, True]


def test_sessions_that_have_travelled(face: Face, version: str, root: Issued, leaf: Issued, stranger: Issued) -> None:
    """They are verified again by what the connection trusts."""
    server = face.server(version, credential(leaf))
    first = face.client(version, root)
    session = session_of(face, face.pair(first, server).handshake().client)
    data = session.to_bytes()
    for own, by_context, fits in ((root, stranger, True), (stranger, root, False)):
        pair = face.pair(face.client(version, by_context), server)
        pair.client.use_trust_store(TrustStore(own.pem))
        offers(face, pair.client, type(session).from_bytes(data))
        assert accepted(face, pair) is fits
        if fits:
            assert reused(face, pair.client)


# -- another context --------------------------------------------------------------------------------------------------


def test_it_stays_with_another_context(face: Face, version: str, root: Issued, leaf: Issued, stranger: Issued) -> None:
    """libssl forgets it then; whom this connection trusts was said by nobody but its user."""
    server, client = face.server(version, credential(leaf)), face.client(version, stranger)
    for own, fits in ((root, True), (stranger, False)):
        pair = face.pair(client, server)
        pair.client.use_trust_store(TrustStore(own.pem))
        other = face.client(version, root if own is stranger else stranger)
        if face.error is SSL.Error:
            pair.client.set_context(other)
        else:
            pair.client.context = other
        assert accepted(face, pair) is fits


def test_it_stays_with_an_own_callback(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    """For which the connection is given an SSL_CTX of its own."""
    pair = face.pair(face.client(version), face.server(version, credential(leaf)))
    pair.client.use_trust_store(TrustStore(root.pem))
    told: list[Any] = []
    if face.error is SSL.Error:
        pair.client.set_keylog_callback(lambda *line: told.append(line))
    else:
        pair.client.keylog_callback = lambda *line: told.append(line)
    assert accepted(face, pair)
    assert told


def test_sockets(root: Issued, leaf: Issued) -> None:
    """``SSLSocket`` has it before its handshake, and not later."""
    server = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
    server.use_credentials(credential(leaf))
    client = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    with serving(server, lambda end: end.sendall(b"x")) as address, socket.create_connection(address, TIMEOUT) as plain:
        end = client.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False)
        with end:
            end.use_trust_store(TrustStore(root.pem))
            end.do_handshake()
            assert end.recv(1) == b"x"
            with pytest.raises(ValueError, match="Cannot set the trust store after the handshake has begun"):
                end.use_trust_store(TrustStore())
