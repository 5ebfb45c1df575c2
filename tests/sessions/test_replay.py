"""Early data of a fleet: taken by any server, once among all, and by none that cannot know."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from subprocess import PIPE, Popen
from typing import Any

import pytest

from openssl_bio import SSL, MemorySessionStore, RedisReplayGuard, RedisTicketKeys, TicketKeys, stdlib
from tests.helpers import TIMEOUT, Identity
from tests.programs import environment
from tests.sessions.faces import FACES, Face
from tests.sessions.redis_server import RedisServer
from tests.sessions.test_early_data import allow, carried, early, flight_of, replayed, status
from tests.sessions.test_store import stateful

MARK = "{openssl_bio:early_data}:mark"
TICKET = b"t" * 32


def remember_long(redis_server: RedisServer) -> None:
    """As if Redis had been running for long; its mark is made by the first question."""
    RedisReplayGuard.from_url(redis_server.url, timeout=TIMEOUT).is_first(TICKET, 0, 1)
    raw = redis_server.client()
    raw.set(MARK, raw.get(MARK).rpartition(b" ")[0] + b" 0")


@pytest.fixture
def keys() -> TicketKeys:
    return TicketKeys()


@pytest.fixture
def new_server(face: Face, server_identity: Identity, redis_server: RedisServer, keys: TicketKeys) -> Callable[[], Any]:
    """What makes servers of one fleet, each with its own connection to Redis."""

    def new() -> Any:
        server = face.server("1.3", server_identity)
        allow(server, 5000)
        server.set_ticket_keys(keys)
        server.set_replay_guard(RedisReplayGuard.from_url(redis_server.url, timeout=TIMEOUT))
        return server

    return new


@pytest.fixture
def client(face: Face, ca: Identity) -> Any:
    return face.client("1.3", ca)


def session_of(face: Face, client: Any, server: Any) -> Any:
    return face.session(face.connect(client, server).client)


def test_taken_by_another_server(
    face: Face, client: Any, new_server: Callable[[], Any], redis_server: RedisServer
) -> None:
    remember_long(redis_server)
    one, other = new_server(), new_server()
    pair = face.pair(client, other, session_of(face, client, one))
    pair.client.write_early_data(b"GET /")
    carried(pair)
    assert early(pair.server) == b"GET /"
    pair.handshake()
    assert status(pair.client) == status(pair.server) == "accepted"
    assert face.reused(pair.server)


def test_replayed_to_three_servers(
    face: Face, client: Any, new_server: Callable[[], Any], redis_server: RedisServer
) -> None:
    """One of them delivers it, once, whoever comes first."""
    remember_long(redis_server)
    servers = [new_server() for _ in range(3)]
    for first in range(3):
        flight = flight_of(face.pair(client, servers[0], session_of(face, client, servers[0])))
        order = [*servers[first:], *servers[:first]] * 2
        assert [replayed(face, (client, server), flight) for server in order] == [b"pay 100", *[b""] * 5]


def test_replayed_at_once(face: Face, client: Any, new_server: Callable[[], Any], redis_server: RedisServer) -> None:
    """Twelve threads, three servers."""
    remember_long(redis_server)
    servers = [new_server() for _ in range(3)]
    flight = flight_of(face.pair(client, servers[0], session_of(face, client, servers[0])))
    delivered: list[bytes] = []
    barrier = threading.Barrier(12)

    def replay(server: Any) -> None:
        barrier.wait(TIMEOUT)
        delivered.append(replayed(face, (client, server), flight))

    threads = [threading.Thread(target=replay, args=[server]) for server in servers * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert sorted(delivered) == [b""] * 11 + [b"pay 100"]


SERVER = """
import socket, sys, threading
from openssl_bio import RedisReplayGuard, RedisTicketKeys, stdlib as ssl
certificate, key, url, patience, count = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.max_early_data = 1000
context.set_ticket_keys(RedisTicketKeys.from_url(url, b"k" * 32, timeout=float(patience)))
context.set_replay_guard(RedisReplayGuard.from_url(url, timeout=float(patience)))
listening = socket.create_server(("127.0.0.1", 0))
listening.settimeout(float(patience))
print(listening.getsockname()[1], flush=True)

def serve(plain):
    data = b""
    try:
        plain.settimeout(float(patience))
        with context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as connection:
            while piece := connection.read_early_data(100):
                data += piece
            connection.do_handshake()
            connection.sendall(b"hello")
    except OSError:
        pass  # what was recorded ends there
    # In one piece: another thread may come between a text and the end that print() writes behind it.
    print(f"early: {data.decode()}\\n", end="", flush=True)

for _ in range(int(count)):
    threading.Thread(target=serve, args=[listening.accept()[0]]).start()
"""


def test_replayed_to_three_processes(ca: Identity, server_identity: Identity, redis_server: RedisServer) -> None:
    """Twelve copies at once, to servers that have nothing in common but Redis."""
    remember_long(redis_server)
    arguments = [server_identity.certificate_file, server_identity.key_file, redis_server.url, TIMEOUT, 5]
    command = [sys.executable, "-c", SERVER, *map(str, arguments)]
    with ExitStack() as running:
        processes = [running.enter_context(Popen(command, stdout=PIPE, text=True, env=environment())) for _ in range(3)]
        running.callback(lambda: [process.kill() for process in processes])
        ports = [int(process.stdout.readline()) for process in processes if process.stdout]
        face = FACES["ssl"]
        client = face.client("1.3", ca)
        sessions = []
        for port in ports:
            plain = socket.create_connection(("127.0.0.1", port), TIMEOUT)
            with client.wrap_socket(plain, server_hostname="localhost") as connection:
                assert connection.recv(5) == b"hello"
                sessions.append(connection.session)
        pair = face.pair(client, face.server("1.3", server_identity), sessions[0])
        flight = flight_of(pair)
        barrier = threading.Barrier(12)

        def send(port: int) -> None:
            barrier.wait(TIMEOUT)
            with socket.create_connection(("127.0.0.1", port), TIMEOUT) as plain:
                plain.sendall(flight)
                plain.shutdown(socket.SHUT_WR)
                with suppress(ConnectionResetError):
                    while plain.recv(1 << 16):
                        continue

        threads = [threading.Thread(target=send, args=[port]) for port in ports * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT)
        told = [line for process in processes for line in process.communicate(timeout=TIMEOUT)[0].splitlines()]
    assert sorted(told) == ["early: "] * 14 + ["early: pay 100"]


def test_other_early_data_with_a_used_ticket(
    face: Face, client: Any, new_server: Callable[[], Any], redis_server: RedisServer
) -> None:
    """A client that uses a ticket twice: it resumes, and its early data is rejected."""
    remember_long(redis_server)
    one, other = new_server(), new_server()
    session = session_of(face, client, one)
    assert replayed(face, (client, one), flight_of(face.pair(client, one, session))) == b"pay 100"
    pair = face.pair(client, other, session)
    pair.client.write_early_data(b"pay 200")
    carried(pair)
    assert early(pair.server) == b""
    pair.handshake()
    assert status(pair.client) == "rejected"
    assert face.reused(pair.server)


def test_fails_closed_without_redis(
    face: Face,
    client: Any,
    new_server: Callable[[], Any],
    redis_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No early data, and no failed handshake."""
    remember_long(redis_server)
    server = new_server()
    sessions = [session_of(face, client, server) for _ in range(2)]
    redis_server.kill()
    with caplog.at_level(logging.WARNING, "openssl_bio.sessions"):
        for session in sessions:
            pair = face.pair(client, server, session)
            pair.client.write_early_data(b"GET /")
            carried(pair)
            assert early(pair.server) == b""
            pair.handshake()
            assert status(pair.client) == "rejected"
            assert face.reused(pair.server)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("the guard against replay is out of order, early data is rejected: ConnectionError: ")


@pytest.mark.parametrize("saved", [False, True])
def test_redis_that_was_restarted(
    face: Face, client: Any, new_server: Callable[[], Any], redis_server: RedisServer, saved: bool
) -> None:
    """It has forgotten what was delivered, all of it or since it was saved: older sessions' early data is rejected."""
    remember_long(redis_server)
    server = new_server()
    flight = flight_of(face.pair(client, server, session_of(face, client, server)))
    if saved:
        redis_server.client().save()
    assert replayed(face, (client, server), flight) == b"pay 100"
    redis_server.kill()
    redis_server.start()
    assert bool(redis_server.client().get(MARK)) is saved
    assert replayed(face, (client, new_server()), flight) == b""
    remember_long(redis_server)
    again = session_of(face, client, server)
    assert replayed(face, (client, new_server()), flight_of(face.pair(client, server, again))) == b"pay 100"


def test_redis_without_room(redis_server: RedisServer) -> None:
    """What it evicts could be what was delivered: it has forgotten, then. Without eviction it fails."""
    remember_long(redis_server)
    raw, guard, now = (
        redis_server.client(),
        RedisReplayGuard.from_url(redis_server.url, timeout=TIMEOUT),
        int(time.time()),
    )
    assert guard.is_first(b"a" * 32, now, 1000)
    raw.config_set("maxmemory-policy", "allkeys-lru")
    for i in range(100):
        raw.set(f"other:{i}", b"x" * 10000)
    raw.config_set("maxmemory", raw.info("memory")["used_memory"] - 500_000)
    raw.set("more", b"x")
    assert raw.info("stats")["evicted_keys"] > 0
    assert not guard.is_first(b"b" * 32, now, 1000)
    raw.config_set("maxmemory-policy", "noeviction")
    raw.config_set("maxmemory", 1000)
    with pytest.raises(Exception, match="used memory > 'maxmemory'"):
        guard.is_first(b"c" * 32, now + 1000, 1000)


def test_redis_guard(redis_server: RedisServer) -> None:
    """A session from before the memory, and the difference of clocks, is not known."""
    guard, raw = RedisReplayGuard.from_url(redis_server.url, timeout=TIMEOUT), redis_server.client()
    before = raw.time()[0]
    assert not guard.is_first(TICKET, 0, 1000)
    began = int(raw.get(MARK).rpartition(b" ")[2])
    assert before < began <= raw.time()[0] + 1
    assert not guard.is_first(TICKET, began, 1000)
    assert not guard.is_first(TICKET, began + 9, 1000)
    assert guard.is_first(TICKET, began + 10, 1000)
    assert not guard.is_first(TICKET, began + 10, 1000)
    name = "{openssl_bio:early_data}:" + TICKET.hex()
    assert 1000 < raw.ttl(name) <= 1020
    assert guard.is_first(b"u" * 32, began + 12, -5)
    for garbage in (b"garbage", raw.get(MARK) + b"garbage"):
        raw.set(MARK, garbage)
        assert not guard.is_first(b"v" * 32, began, 1000)


def test_no_guard_again(face: Face, client: Any, new_server: Callable[[], Any], redis_server: RedisServer) -> None:
    """libssl's own protection is on again: a ticket is good on the context that has made it, once."""
    remember_long(redis_server)
    one, other = new_server(), new_server()
    for server in (one, other):
        server.set_replay_guard(None)
    flight = flight_of(face.pair(client, one, session_of(face, client, one)))
    assert [replayed(face, (client, server), flight) for server in (other, one, one)] == [b"", b"pay 100", b""]


def test_options_do_not_switch_it_off(
    face: Face, client: Any, new_server: Callable[[], Any], redis_server: RedisServer
) -> None:
    remember_long(redis_server)
    one, other = new_server(), new_server()
    for server in (one, other):
        if isinstance(server, SSL.Context):
            server.set_options(SSL.OP_NO_TICKET)
        else:
            server.options = stdlib.OP_ALL
    session = session_of(face, client, one)
    flight = flight_of(face.pair(client, one, session))
    delivered = [replayed(face, (client, server), flight) for server in (other, one, other)]
    assert sorted(delivered) == [b"", b"", b"pay 100"]


def test_with_a_store(face: Face, client: Any, new_server: Callable[[], Any], redis_server: RedisServer) -> None:
    """Instead of tickets: early data is taken, once."""
    remember_long(redis_server)
    store = MemorySessionStore()
    servers = [stateful(face, new_server(), store) for _ in range(2)]
    flight = flight_of(face.pair(client, servers[0], session_of(face, client, servers[0])))
    assert len(store) > 0
    assert [replayed(face, (client, server), flight) for server in servers[::-1] * 2] == [b"pay 100", b"", b"", b""]


def test_what_a_guard_answers(face: Face, client: Any, server_identity: Identity, keys: TicketKeys) -> None:
    """True takes early data; anything else does not, and what it raises is logged, not raised."""
    told: list[tuple[bytes, int, int]] = []

    class Guard:
        answer: Any = True

        def is_first(self, ticket: bytes, began: int, seconds: int) -> bool:
            told.append((ticket, began, seconds))
            if isinstance(self.answer, Exception):
                raise self.answer
            return self.answer  # type: ignore[no-any-return]

    guard = Guard()
    server = face.server("1.3", server_identity)
    allow(server, 5000)
    server.set_ticket_keys(keys)
    server.set_replay_guard(guard)
    session = session_of(face, client, server)
    flight = flight_of(face.pair(client, server, session))
    for guard.answer, expected in ((True, b"pay 100"), (False, b""), (1, b""), (KeyError("x"), b"")):
        assert replayed(face, (client, server), flight) == expected
    assert {len(ticket) for ticket, _, _ in told} == {32}
    assert len({ticket for ticket, _, _ in told}) == 1
    assert all(abs(began - time.time()) < 100 and seconds > 1000 for _, began, seconds in told)
    assert flight_of(face.pair(client, server, session_of(face, client, server)))


def test_wrong_arguments(face: Face, client: Any) -> None:
    with pytest.raises(TypeError, match="a guard has is_first; dict has not"):
        client.set_replay_guard({})
    for skew in (-1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="skew is a number of seconds"):
            RedisReplayGuard(None, skew=skew)


# -- over sockets -----------------------------------------------------------------------------------------------------


def test_over_sockets(ca: Identity, server_identity: Identity, redis_server: RedisServer) -> None:
    """Two servers that share their keys through Redis as well, and a client that meets one and then the other."""
    remember_long(redis_server)
    face = FACES["ssl"]
    client = face.client("1.3", ca)
    rings = [RedisTicketKeys.from_url(redis_server.url, b"k" * 32, timeout=TIMEOUT) for _ in range(2)]
    seen: list[tuple[bytes, bytes, str]] = []

    def serve(server: Any, plain: socket.socket) -> None:
        with plain, server.wrap_socket(plain, server_side=True, do_handshake_on_connect=False) as connection:
            data = b""
            while piece := connection.read_early_data(3):
                data += piece
            connection.do_handshake()
            seen.append((data, connection.recv(100), connection.early_data_status))
            connection.sendall(b"answer")

    def ask(server: Any, session: Any) -> tuple[str, bytes, Any]:
        ours, theirs = socket.socketpair()
        ours.settimeout(TIMEOUT)
        theirs.settimeout(TIMEOUT)
        thread = threading.Thread(target=serve, args=(server, theirs))
        thread.start()
        options = {"do_handshake_on_connect": False, "session": session, "server_hostname": "localhost"}
        with client.wrap_socket(ours, **options) as connection:
            if session is not None:
                assert connection.write_early_data(b"early words") == 11
            connection.do_handshake()
            connection.sendall(b"late")
            answer = connection.recv(100)
            found = connection.early_data_status, answer, connection.session
        thread.join(TIMEOUT)
        return found

    servers = []
    for ring in rings:
        server = face.server("1.3", server_identity)
        server.max_early_data = 1000
        server.set_ticket_keys(ring)
        server.set_replay_guard(RedisReplayGuard.from_url(redis_server.url, timeout=TIMEOUT))
        servers.append(server)
    told, answer, session = ask(servers[0], None)
    assert (told, answer) == ("not sent", b"answer")
    assert ask(servers[1], session)[:2] == ("accepted", b"answer")
    assert ask(servers[0], session)[:2] == ("rejected", b"answer")
    assert seen == [
        (b"", b"late", "not sent"),
        (b"early words", b"late", "accepted"),
        (b"", b"late", "rejected"),
    ]
    for ring in rings:
        ring.close()


def test_sockets_refuse_what_is_not_allowed(ca: Identity) -> None:
    face = FACES["ssl"]
    ours, theirs = socket.socketpair()
    options = {"do_handshake_on_connect": False, "server_hostname": "localhost"}
    with theirs, face.client("1.3", ca).wrap_socket(ours, **options) as connection:
        with pytest.raises(ValueError, match="early data needs a session to resume"):
            connection.write_early_data(b"x")
        with pytest.raises(ValueError, match="must be 1 or more"):
            connection.read_early_data(0)
