"""Sessions that clients are told of, and a cache that keeps them."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from openssl_bio import SSL, SessionCache, TicketKeys, stdlib
from tests.helpers import TIMEOUT, Identity
from tests.interop.peers import turns
from tests.sessions.faces import FACES, Face
from tests.stdlib.helpers import client_context, server_context

NO_TICKET = r"a ticket can be sent by a TLS 1\.3 server after the handshake"


def test_callback_is_told_of_each_session(face: Face, version: str, client: Any, server: Any) -> None:
    """Two tickets by default on TLS 1.3, one session on TLS 1.2; each can be resumed."""
    told: list[Any] = []
    client.set_new_session_callback(lambda connection, session: told.append((connection, session)))
    pair = face.connect(client, server)
    assert [connection for connection, _ in told] == [pair.client] * (2 if version == "1.3" else 1)
    for _, session in list(told):
        assert isinstance(session, face.session_type)
        assert face.reused(face.connect(client, server, session).client)


def test_callback_taken_away(face: Face, client: Any, server: Any) -> None:
    told: list[Any] = []
    client.set_new_session_callback(lambda _connection, session: told.append(session))
    client.set_new_session_callback(None)
    face.connect(client, server)
    assert not told


def test_callback_on_a_server(face: Face, version: str, client: Any, server: Any) -> None:
    """A TLS 1.2 session that is all in its ticket is nothing that a server could keep."""
    told: list[Any] = []
    server.set_new_session_callback(lambda _connection, session: told.append(session))
    session = face.session(face.connect(client, server).client)
    assert len(told) == (2 if version == "1.3" else 0)
    assert face.reused(face.connect(client, server, session).client)


def test_what_the_callback_raises(face: Face, client: Any, server: Any) -> None:
    def fail(_connection: Any, _session: Any) -> None:
        raise KeyError("no room")

    client.set_new_session_callback(fail)
    with pytest.raises(KeyError, match="no room"):
        face.connect(client, server)


def test_dropped_connection_does_not_spoil_a_session(face: Face, client: Any, server: Any) -> None:
    told: list[Any] = []
    client.set_new_session_callback(lambda _connection, session: told.append(session))
    face.connect(client, server)
    assert told[-1].resumable
    assert face.reused(face.connect(client, server, told[-1]).client)


def test_not_callable(client: Any) -> None:
    with pytest.raises(TypeError, match="callback must be callable"):
        client.set_new_session_callback(1)


def test_ticket_on_demand(face: Face, ca: Identity, server_identity: Identity) -> None:
    told: list[Any] = []
    client, server = face.client("1.3", ca), face.server("1.3", server_identity)
    client.set_new_session_callback(lambda _connection, session: told.append(session))
    pair = face.connect(client, server)
    pair.server.new_session_ticket()
    if face.session_type is SSL.Session:
        pair.move()
    face.read(pair.client)
    assert len(told) == 3
    assert face.reused(face.connect(client, server, told[2]).client)
    with pytest.raises(face.error, match=NO_TICKET):
        pair.client.new_session_ticket()


def test_no_ticket_on_demand(face: Face, ca: Identity, server_identity: Identity) -> None:
    client, server = face.client("1.2", ca), face.server("1.2", server_identity)
    with pytest.raises(face.error, match=NO_TICKET):
        face.connect(client, server).server.new_session_ticket()
    with pytest.raises(face.error, match=NO_TICKET):
        face.pair(client, server).server.new_session_ticket()


# -- the cache --------------------------------------------------------------------------------------------------------


def test_connections_resume_from_the_cache(face: Face, version: str, client: Any, server: Any) -> None:
    cache = SessionCache()
    face.use_cache(client, cache)
    assert [face.reused(face.connect(client, server).client) for _ in range(4)] == [False, True, True, True]
    assert len(cache) > 0
    cache.clear()
    assert len(cache) == 0
    assert not face.reused(face.connect(client, server).client)


def test_tickets_are_used_once(face: Face, version: str, client: Any, server: Any) -> None:
    """A connection that never reads leaves no new ticket: two were kept on TLS 1.3, and one session stays on 1.2."""
    cache = SessionCache()
    face.use_cache(client, cache)
    face.connect(client, server)
    offered = [face.pair(client, server) for _ in range(4)]
    tickets = [face.session(pair.client) for pair in offered]
    if version == "1.3":
        assert [ticket is not None for ticket in tickets] == [True, True, False, False]
        assert tickets[0] != tickets[1]
        assert len(cache) == 0
    else:
        assert tickets.count(tickets[0]) == 4
        assert len(cache) == 1


def test_renewed_tickets_take_the_place_of_old_ones(
    face: Face, version: str, client: Any, ca: Identity, server_identity: Identity
) -> None:
    """Where each key retires after two rotations, whoever comes between two has a ticket that opens."""
    server, keys = face.server(version, server_identity), TicketKeys()
    server.set_ticket_keys(keys)
    told: list[Any] = []
    face.use_cache(client, SessionCache())
    client.set_new_session_callback(lambda connection, session: told.append((connection, session)))
    face.connect(client, server)
    for _ in range(4):
        keys.rotate()
        told.clear()
        pair = face.connect(client, server)
        assert face.reused(pair.client)
        assert [connection for connection, _ in told] == [pair.client]
        assert told[0][1].ticket.startswith(keys.names[1])
    if version == "1.2":
        told.clear()
        assert face.reused(face.connect(client, server).client)
        assert not told  # the ticket is of the current key


def test_renewed_tickets_where_events_are_told(
    face: Face, client: Any, ca: Identity, server_identity: Identity
) -> None:
    """libssl tells of the end of a handshake in one way, which the user's own callback has too."""
    server, keys = face.server("1.2", server_identity), TicketKeys()
    client = face.client("1.2", ca)
    server.set_ticket_keys(keys)
    face.use_cache(client, SessionCache())
    face.connect(client, server)
    told: list[Any] = []
    tell = lambda connection, where, _value: told.append((connection, where))  # noqa: E731

    def listen(target: Any) -> None:
        if face.session_type is SSL.Session:
            target.set_info_callback(tell)
        else:
            target.info_callback = tell

    for by_context in (False, True, False):
        if by_context:
            listen(client)
        keys.rotate()
        pair = face.pair(client, server)
        if not by_context:
            listen(pair.client)
        assert face.reused(pair.handshake().client)
        ends = [connection for connection, where in told if where & SSL.SSL_CB_HANDSHAKE_DONE]
        assert ends == [pair.client]
        assert len(told) > 5
        told.clear()


def test_sessions_are_kept_by_name_and_context(face: Face, version: str, ca: Identity, server: Any) -> None:
    cache = SessionCache()
    one, other = face.client(version, ca), face.client(version, ca)
    for client in (one, other):
        face.use_cache(client, cache)
    face.connect(one, server)
    assert not face.reused(face.connect(one, server, host="example.test").client)
    assert not face.reused(face.connect(other, server).client)
    assert face.reused(face.connect(one, server).client)
    assert face.reused(face.connect(one, server, host="example.test").client)


def test_cache_is_bounded(face: Face, version: str, client: Any, server: Any) -> None:
    """The servers that were met longest ago are forgotten first."""
    face.use_cache(client, cache := SessionCache(size=2, per_server=1))
    for host in ("localhost", "example.test", "127.0.0.1"):
        face.connect(client, server, host=host)
        assert len(cache) <= 2
    assert not face.reused(face.connect(client, server, host="localhost").client)
    assert face.reused(face.connect(client, server, host="127.0.0.1").client)


def test_changed_trust_empties_it_in_effect(face: Face, ca: Identity, client: Any, server: Any) -> None:
    face.use_cache(client, SessionCache())
    face.connect(client, server)
    if face.session_type is SSL.Session:
        client.set_verify_depth(5)
    else:
        client.verify_flags |= stdlib.VERIFY_X509_STRICT
        client.verify_flags &= ~stdlib.VERIFY_X509_STRICT
    assert not face.reused(face.connect(client, server).client)
    assert face.reused(face.connect(client, server).client)


def test_bad_sizes() -> None:
    for arguments in ({"size": 0}, {"per_server": 0}):
        with pytest.raises(ValueError, match="room for one session at least"):
            SessionCache(**arguments)


def test_not_a_cache(face: Face, client: Any) -> None:
    with pytest.raises(TypeError, match="must be a SessionCache or None, not dict"):
        face.use_cache(client, {})
    face.use_cache(client, None)


def test_nothing_to_resume(ca: Identity) -> None:
    from tests.helpers import client_context as context_of_client

    connection = SSL.Connection(context_of_client(SSL.TLS1_3_VERSION, ca))
    assert connection.resume() is False


def test_too_late_to_resume(version: str, ca: Identity, server_identity: Identity) -> None:
    """Nothing is taken out of the cache then."""
    face, cache = FACES["pyOpenSSL"], SessionCache()
    client, server = face.client(version, ca), face.server(version, server_identity)
    client.set_session_cache(cache)
    pair = face.connect(client, server)
    kept = len(cache)
    assert kept > 0
    with pytest.raises(ValueError, match="after the handshake has begun"):
        pair.client.resume()
    assert len(cache) == kept
    assert face.reused(face.connect(client, server).client)


def test_with_asyncio(ca: Identity, server_identity: Identity) -> None:
    """Nothing but the context's cache is needed: asyncio makes its connections without a session."""
    client, server = client_context(ca), server_context(server_identity)
    client.session_cache = SessionCache()
    resumed: list[bool] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    async def ask(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
        resumed.append(writer.get_extra_info("ssl_object").session_reused)
        writer.close()

    async def main() -> None:
        listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server)
        async with listening:
            for _ in range(3):
                await asyncio.wait_for(ask(listening.sockets[0].getsockname()[1]), TIMEOUT)
            await turns()

    asyncio.run(main())
    assert resumed == [False, True, True]


def test_threads_share_a_cache(ca: Identity, server_identity: Identity) -> None:
    """Whatever the order, no ticket is offered twice, and the count stays right."""
    client, server = client_context(ca), server_context(server_identity)
    cache = client.session_cache = SessionCache(size=3)
    seen: list[bytes] = []

    def work() -> None:
        from tests.stdlib.helpers import Pair

        for _ in range(10):
            pair = Pair(client, server)
            if pair.client.session is not None:
                seen.append(pair.client.session.ticket)
            pair.handshake()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert len(seen) == len(set(seen)) > 0
    assert len(cache) <= 3
