"""Ticket keys that a fleet shares through a real Redis: one rotates, all follow, and none needs Redis to go on."""

from __future__ import annotations

import logging
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openssl_bio import LoadError, RedisTicketKeys, TicketKeys
from tests.helpers import TIMEOUT, Identity
from tests.sessions.faces import FACES, Face
from tests.sessions.redis_server import RedisServer
from tests.sessions.test_ticket_keys import resumes, session_of

KEK = b"a key-encryption key of 32 bytes"
RING, LOCK = "{openssl_bio:ticket_keys}:ring", "{openssl_bio:ticket_keys}:lock"


@pytest.fixture
def fleet(redis_server: RedisServer) -> Iterator[Callable[..., RedisTicketKeys]]:
    """What makes servers' keys, each with a connection of its own."""
    made: list[RedisTicketKeys] = []

    def new(lifetime: int = 1000, **options: Any) -> RedisTicketKeys:
        options = {"interval": 0.05, "key": KEK, "timeout": TIMEOUT, **options}
        made.append(RedisTicketKeys.from_url(redis_server.url, lifetime=lifetime, **options))
        return made[-1]

    yield new
    for keys in made:
        keys.close()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.02)


def agree(*rings: RedisTicketKeys) -> bool:
    return len({ring.names for ring in rings}) == 1


def watched(make: Callable[[], RedisTicketKeys]) -> tuple[RedisTicketKeys, threading.Thread]:
    """New keys, and the thread that looks at Redis for them: closed keys are left alone only when it has ended."""
    before = threading.enumerate()
    keys = make()
    (thread,) = (thread for thread in threading.enumerate() if thread not in before)
    return keys, thread


def test_servers_resume_each_others_clients(
    face: Face, version: str, client: Any, server_identity: Identity, fleet: Callable[..., RedisTicketKeys]
) -> None:
    servers = [face.server(version, server_identity) for _ in range(3)]
    rings = [fleet() for _ in servers]
    for server, keys in zip(servers, rings, strict=True):
        server.set_ticket_keys(keys)
    assert agree(*rings)
    session = session_of(face, client, servers[0])
    assert all(resumes(face, client, server, session) for server in servers)
    rings[1].rotate()
    until(lambda: agree(*rings))
    assert all(resumes(face, client, server, session) for server in servers)
    assert rings[0].generation == 2


def test_server_that_has_not_looked_yet_opens_new_tickets(
    face: Face, version: str, client: Any, server_identity: Identity, fleet: Callable[..., RedisTicketKeys]
) -> None:
    quick, slow = fleet(), fleet(interval=250)
    quick.rotate()
    assert quick.names != slow.names
    servers = [face.server(version, server_identity) for _ in range(2)]
    for server, keys in zip(servers, (quick, slow), strict=True):
        server.set_ticket_keys(keys)
    for one, other in (servers, servers[::-1]):
        assert resumes(face, client, other, session_of(face, client, one))


def test_one_of_many_rotates(fleet: Callable[..., RedisTicketKeys], redis_server: RedisServer) -> None:
    """On schedule, by Redis's clock; with ten at it, there is one ring in each generation."""
    rings, raw = [fleet(1) for _ in range(10)], redis_server.client()
    seen: dict[int, set[tuple[bytes | None, ...]]] = {}
    end = time.monotonic() + 3
    while time.monotonic() < end or len(seen) < 3:
        found = TicketKeys(lifetime=0)
        found.unwrap(raw.get(RING), KEK)
        seen.setdefault(found.generation, set()).add(found.names)
        assert time.monotonic() < end + TIMEOUT
        time.sleep(0.005)
    assert {len(names) for names in seen.values()} == {1}
    until(lambda: agree(*rings))


def test_redis_holds_nothing_to_read(fleet: Callable[..., RedisTicketKeys], redis_server: RedisServer) -> None:
    keys, raw = fleet(), redis_server.client()
    wrapped = raw.get(RING)
    assert not any(name in wrapped for name in keys.names if name)
    assert raw.ttl(RING) > 1000
    assert raw.keys("*") == [RING.encode()]


def test_two_that_start_at_once(fleet: Callable[..., RedisTicketKeys]) -> None:
    rings: list[RedisTicketKeys] = []
    threads = [threading.Thread(target=lambda: rings.append(fleet())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    until(lambda: agree(*rings))


def test_redis_dies_and_comes_back_empty(
    fleet: Callable[..., RedisTicketKeys], redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """The keys at hand go on; there is a line in the log, and another when Redis is back, which gets the keys again."""
    rings = [fleet(), fleet()]
    rings[0].rotate()
    until(lambda: agree(*rings))
    names = rings[0].names
    with caplog.at_level(logging.WARNING, "openssl_bio.sessions"):
        redis_server.kill()
        until(lambda: len(caplog.records) == 2)
        time.sleep(0.3)
        outage = "the ticket keys cannot be shared, the keys at hand go on: ConnectionError: "
        assert [record.getMessage()[: len(outage)] for record in caplog.records] == [outage] * 2
        late = fleet()
        assert not agree(late, rings[0])
        with pytest.raises(Exception, match=r"No such file|refused|Connection"):
            rings[0].rotate()
        caplog.clear()
        redis_server.start()
        until(lambda: len(caplog.records) == 3)
        assert {record.getMessage() for record in caplog.records} == {"the ticket keys are shared again"}
    until(lambda: agree(*rings, late))
    assert rings[0].names in (names, late.names)  # whoever came first gave its keys


def test_young_server_does_not_replace_the_fleets_keys(
    fleet: Callable[..., RedisTicketKeys], redis_server: RedisServer
) -> None:
    """Redis has lost them, and a new server was faster with its own: the older ones' keys come back."""
    fleet_keys, thread = watched(fleet)
    fleet_keys.rotate()
    fleet_keys.rotate()
    names = fleet_keys.names
    fleet_keys.close()
    thread.join(TIMEOUT)
    redis_server.client().delete(RING)
    young = fleet()
    assert young.names != names
    assert fleet_keys._look()
    until(lambda: young.names == names)


def test_old_keys_that_somebody_puts_back(fleet: Callable[..., RedisTicketKeys], redis_server: RedisServer) -> None:
    keys, raw = fleet(), redis_server.client()
    old, retired = raw.get(RING), keys.names[1]
    for _ in range(3):
        keys.rotate()
    names = keys.names
    raw.set(RING, old)
    until(lambda: raw.get(RING) != old)
    assert keys.names == names
    assert retired not in fleet().names


def test_what_is_put_there_by_somebody_else(
    fleet: Callable[..., RedisTicketKeys], redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is neither used nor replaced."""
    keys, raw = fleet(), redis_server.client()
    names, right = keys.names, raw.get(RING)
    for wrong in (b"", b"x" * 307, right[:-1] + bytes([right[-1] ^ 1]), b"x" * 100000):
        caplog.clear()
        raw.set(RING, wrong)
        until(lambda: "Redis holds no ticket keys, or they were changed" in caplog.text)
        with pytest.raises(LoadError, match="wrapped with another key"):
            keys.rotate()
        assert keys.names == names
        assert raw.get(RING) == wrong
        raw.delete(RING)
        until(lambda: "shared again" in caplog.text)


def test_other_key_encryption_key(fleet: Callable[..., RedisTicketKeys], caplog: pytest.LogCaptureFixture) -> None:
    keys, stranger = fleet(), fleet(key=b"x" * 32)
    assert "wrapped with another key" in caplog.text
    assert not agree(keys, stranger)


def test_elected_server_dies(fleet: Callable[..., RedisTicketKeys], redis_server: RedisServer) -> None:
    """Its lock expires, and another one is elected."""
    raw = redis_server.client()
    raw.set(LOCK, "somebody who is dead")
    keys, other = fleet(), fleet()
    assert raw.get(RING) is None
    raw.pexpire(LOCK, 1)
    until(lambda: raw.get(RING) is not None)
    until(lambda: agree(keys, other))
    assert raw.get(LOCK) is None


def test_server_that_was_stopped_too_long_does_not_write(
    fleet: Callable[..., RedisTicketKeys], redis_server: RedisServer
) -> None:
    """Between its election and its writing another one has been elected: what it proposes is not used."""
    raw, (slow, thread) = redis_server.client(), watched(fleet)
    slow.close()
    thread.join(TIMEOUT)
    propose = slow._propose

    def dawdle(*arguments: Any) -> bytes:
        raw.set(LOCK, "another server")
        return propose(*arguments)

    slow._propose = dawdle  # type: ignore[method-assign]
    wrapped, names = raw.get(RING), slow.names
    assert not slow._share(1)
    assert (raw.get(RING), slow.names) == (wrapped, names)
    assert raw.get(LOCK) == b"another server"
    raw.delete(LOCK)


def test_long_outage(fleet: Callable[..., RedisTicketKeys], redis_server: RedisServer) -> None:
    """Without Redis keys still rotate, first to the one that all have; afterwards all agree again."""
    rings, raw = [fleet(1), fleet(1)], redis_server.client()
    until(lambda: raw.set(LOCK, "nobody rotates just when Redis dies", nx=True))
    shared = TicketKeys(lifetime=0)
    shared.unwrap(raw.get(RING), KEK)
    until(lambda: {ring.names for ring in rings} == {shared.names})
    redis_server.kill()
    names, generation = rings[0].names, rings[0].generation
    until(lambda: all(ring.names[1] == names[2] for ring in rings))
    assert not agree(*rings)  # each has made a next key of its own
    assert rings[0].generation == generation
    redis_server.start()
    # Who published its keys may have them agree with the others' before it has counted that.
    until(lambda: agree(*rings) and rings[0].generation > generation)


def test_clocks_that_are_wrong(fleet: Callable[..., RedisTicketKeys], monkeypatch: pytest.MonkeyPatch) -> None:
    """Redis's clock jumps: keys rotate once, and go on by the new time; no server goes on alone."""
    rings = [fleet(100), fleet(100)]
    jump = [0]
    for ring in rings:
        ask = ring._client.time
        monkeypatch.setattr(ring._client, "time", lambda ask=ask: (ask()[0] + jump[0], 0))
    until(lambda: agree(*rings))
    for jump[0], generation in ((110, 2), (-100000, 3)):
        names = rings[0].names
        until(lambda: {ring.generation for ring in rings} == {generation})  # noqa: B023
        assert agree(*rings)
        assert rings[0].names[:2] == names[1:]
        time.sleep(0.3)
        assert rings[0].generation == generation


def test_closed(fleet: Callable[..., RedisTicketKeys]) -> None:
    (closed, thread), other = watched(fleet), fleet()
    closed.close()
    closed.close()
    thread.join(TIMEOUT)
    names = closed.names
    other.rotate()
    time.sleep(0.3)
    assert closed.names == names


def test_thread_ends_with_its_keys(redis_server: RedisServer) -> None:
    keys, thread = watched(lambda: RedisTicketKeys.from_url(redis_server.url, KEK, interval=200))
    assert thread.is_alive()
    del keys
    until(lambda: not thread.is_alive())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_children_follow(fleet: Callable[..., RedisTicketKeys]) -> None:
    """A server that forks its workers after it has made the keys: each looks for itself."""
    keys = fleet()
    children = []
    for _ in range(3):
        told, tell = os.pipe()
        child = os.fork()
        if child == 0:
            os.alarm(int(TIMEOUT)) if hasattr(os, "alarm") else None
            os.close(told)
            deadline = time.monotonic() + TIMEOUT
            while keys.generation < 2 and time.monotonic() < deadline:
                time.sleep(0.02)
            os.write(tell, repr(keys.names).encode())
            os._exit(0)
        os.close(tell)
        children.append((child, told))
    keys.rotate()
    for child, told in children:
        assert os.read(told, 1000) == repr(keys.names).encode()
        os.close(told)
        os.waitpid(child, 0)


def test_wrong_arguments(redis_server: RedisServer) -> None:
    client = redis_server.client()
    for arguments, text in (
        ({"key": b"short"}, "a key has 32 bytes, not 5"),
        ({"lifetime": -1}, "lifetime must be from 0 to 1000000000 seconds, not -1"),
        ({"interval": 0}, "interval must be more than 0 and at most a quarter of the lifetime, not 0"),
        ({"lifetime": 100, "interval": 26}, "interval must be more than 0 and at most a quarter"),
    ):
        with pytest.raises(ValueError, match=text):
            RedisTicketKeys(client, **{"key": KEK, **arguments})
    with pytest.raises(TypeError, match="a key is bytes, not str"):
        RedisTicketKeys(client, "k" * 32)  # type: ignore[arg-type]
    keys = RedisTicketKeys(client, KEK, lifetime=0)
    with pytest.raises(TypeError, match="cannot copy or pickle"):
        pickle.dumps(keys)
    keys.close()


def test_client_that_decodes(redis_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """Its answers are no bytes: nothing is shared, and the log says why."""
    client = redis_server.client(decode_responses=True)
    RedisTicketKeys(client, KEK, interval=200).close()
    keys = RedisTicketKeys(client, KEK, interval=200)
    keys.close()
    assert "the ticket keys cannot be shared" in caplog.text


def test_through_ssl_face_and_pyopenssl_face(
    ca: Identity, server_identity: Identity, version: str, fleet: Callable[..., RedisTicketKeys]
) -> None:
    """A fleet may have servers of both faces."""
    one, other = FACES.values()
    keys, more = fleet(), fleet()
    first, second = one.server(version, server_identity), other.server(version, server_identity)
    first.set_ticket_keys(keys)
    second.set_ticket_keys(more)
    if one.session_type.__module__ == "openssl_bio.SSL":
        first.set_session_id(b"Python")
    session = one.session(one.connect(one.client(version, ca), first).client)
    travelled = other.session_type.from_bytes(session.to_bytes())
    assert resumes(other, other.client(version, ca), second, travelled)
