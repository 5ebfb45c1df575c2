"""Sessions that servers keep outside of libssl: in memory, and on a real Redis."""

from __future__ import annotations

import gc
import logging
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from openssl_bio import SSL, MemorySessionStore, RedisSessionStore, stdlib
from openssl_bio._core import fuse
from tests.helpers import TIMEOUT, Identity, new_authority
from tests.sessions.faces import Face
from tests.sessions.redis_server import RedisServer
from tests.sessions.test_ticket_keys import resumes, session_of, trust, verifying

KEY = b"a key that Redis never gets, 32B"


def stateful(face: Face, server: Any, store: Any) -> Any:
    """Let a server keep its sessions in a store, those of TLS 1.3 too."""
    if face.session_type is SSL.Session:
        server.set_options(SSL.OP_NO_TICKET)
    else:
        server.options |= stdlib.OP_NO_TICKET
    server.set_session_store(store)
    return server


def servers_of(face: Face, version: str, identity: Identity, *stores: Any) -> list[Any]:
    return [stateful(face, face.server(version, identity), store) for store in stores]


def test_servers_that_share_a_store(face: Face, version: str, client: Any, server_identity: Identity) -> None:
    store = MemorySessionStore()
    one, other, stranger = servers_of(face, version, server_identity, store, store, MemorySessionStore())
    session = session_of(face, client, one)
    assert len(store) == (2 if version == "1.3" else 1)
    assert resumes(face, client, other, session)
    assert not resumes(face, client, stranger, session)


def test_changed_context_keeps_its_store(face: Face, version: str, client: Any, server_identity: Identity) -> None:
    store = MemorySessionStore()
    (server,) = servers_of(face, version, server_identity, store)
    session = session_of(face, client, server)
    count = len(store)
    server.set_session_id(b"x") if face.session_type is SSL.Session else server.set_ciphers("ALL")
    face.connect(client, server)
    assert len(store) == 2 * count
    assert resumes(face, client, server, session) is (face.session_type is not SSL.Session)


def test_store_taken_away(face: Face, version: str, client: Any, server_identity: Identity) -> None:
    store = MemorySessionStore()
    (server,) = servers_of(face, version, server_identity, store)
    session = session_of(face, client, server)
    server.set_session_store(None)
    assert not resumes(face, client, server, session)


def test_tickets_need_no_store(face: Face, version: str, client: Any, server: Any) -> None:
    store = MemorySessionStore()
    server.set_session_store(store)
    assert resumes(face, client, server, session_of(face, client, server))
    assert len(store) == 0


def test_session_of_a_failed_connection_is_removed(
    face: Face, version: str, client: Any, server_identity: Identity
) -> None:
    """A fatal alert ends the session (RFC 5246, section 7.2.2); libssl asks for that on both versions."""
    store = MemorySessionStore()
    (server,) = servers_of(face, version, server_identity, store)
    pair = face.connect(client, server)
    count = len(store)
    feed = pair.server.bio_write if face.session_type is SSL.Session else pair.to_server.write
    feed(b"\x17\x03\x03\x00\x20" + b"x" * 32)
    with pytest.raises(face.error):
        pair.server.read(1)
    assert len(store) == count - 1


def test_context_that_goes_before_its_connections(
    face: Face, version: str, client: Any, server_identity: Identity
) -> None:
    """The last connection frees libssl's part of it, whose sessions stay in the store."""
    store = MemorySessionStore()
    gone, other = servers_of(face, version, server_identity, store, store)
    if face.session_type is SSL.Session:
        gone.set_session_cache_mode(SSL.SESS_CACHE_SERVER)  # in libssl's cache as well
    session = session_of(face, client, gone)
    pair, count = face.connect(client, gone), len(store)
    del gone
    del pair
    gc.collect()
    assert len(store) == count
    assert resumes(face, client, other, session)


def test_verifying_servers_share_by_rule(
    face: Face, version: str, ca: Identity, client_identity: Identity, server_identity: Identity, tmp_path: Path
) -> None:
    """Whoever trusts somebody else as well does not resume, nor does the same context after such a change."""
    store = MemorySessionStore()
    client = face.client(version, ca, client_identity)
    one, other = (stateful(face, verifying(face, version, server_identity, ca), store) for _ in range(2))
    session = session_of(face, client, one)
    assert resumes(face, client, other, session)
    for server in (one, other):
        trust(face, server, new_authority(tmp_path, "another authority"))
    assert not resumes(face, client, one, session)


def test_memory_store() -> None:
    store = MemorySessionStore(size=2)
    for name in (b"a", b"b", b"c"):
        store.put(name, name * 2, 10)
    assert [store.get(name) for name in (b"a", b"b", b"c")] == [None, b"bb", b"cc"]
    store.remove(b"b")
    store.remove(b"b")
    store.put(b"d", b"dd", 0)
    assert [store.get(b"b"), store.get(b"d"), len(store)] == [None, None, 1]
    with pytest.raises(ValueError, match="room for one session at least"):
        MemorySessionStore(0)


class Broken:
    """A store that is out of order until it is mended."""

    def __init__(self) -> None:
        self.inner: Any = None
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> Any:
            self.calls += 1
            if self.inner is None:
                raise OSError("no route to the store")
            return getattr(self.inner, name)(*arguments)

        if name not in {"put", "get", "remove"}:
            raise AttributeError(name)
        return call


def test_store_out_of_order(
    face: Face,
    version: str,
    client: Any,
    server_identity: Identity,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Full handshakes, one line in the log, and the store is left alone for a while."""
    broken, clock = Broken(), [1000.0]
    monkeypatch.setattr(fuse, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    (server,) = servers_of(face, version, server_identity, broken)
    with caplog.at_level(logging.WARNING, "openssl_bio.sessions"):
        session = session_of(face, client, server)
        assert not resumes(face, client, server, session)
        assert [record.getMessage() for record in caplog.records] == [
            "the session store is out of order, handshakes are full ones: OSError: no route to the store"
        ]
        assert broken.calls == 1
        broken.inner = MemorySessionStore()
        clock[0] += fuse.PAUSE
        session = session_of(face, client, server)
        assert caplog.records[-1].getMessage() == "the session store works again"
    assert resumes(face, client, server, session)


def test_what_is_no_session(
    face: Face, version: str, client: Any, server_identity: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemorySessionStore()
    (server,) = servers_of(face, version, server_identity, store)
    session = session_of(face, client, server)
    for name in list(store._sessions):
        store.put(name, b"garbage", 100)
    assert not resumes(face, client, server, session)
    assert "no session that this OpenSSL can read" in caplog.text


def test_no_store(server: Any) -> None:
    with pytest.raises(TypeError, match="a store has put, get and remove; dict has not"):
        server.set_session_store({})


# -- Redis ------------------------------------------------------------------------------------------------------------


def test_servers_that_share_redis(
    face: Face, version: str, client: Any, server_identity: Identity, redis_server: RedisServer
) -> None:
    """Each has its own connection to Redis; values are encrypted, and expire with the session."""
    url = redis_server.url
    stores = [RedisSessionStore.from_url(url, KEY, timeout=TIMEOUT) for _ in range(2)]
    one, other = servers_of(face, version, server_identity, *stores)
    session = session_of(face, client, one)
    raw = redis_server.client()
    names = raw.keys("openssl_bio:session:*")
    assert len(names) == (2 if version == "1.3" else 1)
    assert all(6000 < raw.ttl(name) <= 7200 + 1 for name in names)
    assert not any(b"localhost" in raw.get(name) or b"\x02\x01\x01\x02\x02\x03" in raw.get(name) for name in names)
    assert resumes(face, client, other, session)


def test_values_that_were_changed(
    face: Face,
    version: str,
    client: Any,
    server_identity: Identity,
    redis_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Edited, of another key, or put under another name: full handshakes."""
    url = redis_server.url
    raw = redis_server.client()
    (server,) = servers_of(face, version, server_identity, RedisSessionStore.from_url(url, KEY, timeout=TIMEOUT))
    (stranger,) = servers_of(
        face, version, server_identity, RedisSessionStore.from_url(url, b"x" * 32, timeout=TIMEOUT)
    )
    session = session_of(face, client, server)
    assert not resumes(face, client, stranger, session)
    others = [raw.get(name) for name in raw.keys("*")]
    raw.flushall()
    session = session_of(face, client, server)
    for name in raw.keys("*"):
        raw.set(name, others[0])
    assert not resumes(face, client, server, session)
    session = session_of(face, client, server)
    for name in raw.keys("*"):
        value = bytearray(raw.get(name))
        value[-1] ^= 1
        raw.set(name, bytes(value))
    assert not resumes(face, client, server, session)
    assert "holds a session that was changed, or is of another key" in caplog.text


def test_redis_dies_and_comes_back(
    face: Face,
    version: str,
    client: Any,
    server_identity: Identity,
    redis_server: RedisServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No handshake fails; afterwards sessions are resumed again."""
    redis_server.kill()
    (server,) = servers_of(
        face, version, server_identity, RedisSessionStore.from_url(redis_server.url, KEY, timeout=TIMEOUT)
    )
    session = session_of(face, client, server)
    assert "the session store is out of order" in caplog.text
    redis_server.start()
    deadline = time.monotonic() + TIMEOUT
    while "the session store works again" not in caplog.text and time.monotonic() < deadline:
        session = session_of(face, client, server)
        time.sleep(0.1)
    session = session_of(face, client, server)
    assert resumes(face, client, server, session)
    redis_server.kill()
    assert not resumes(face, client, server, session)


def test_redis_is_optional() -> None:
    """The class works with whatever has its three methods; only from_url needs the package."""
    kept: dict[str, bytes] = {}

    class Client:
        def set(self, name: str, value: bytes, ex: int) -> None:
            kept[name] = value

        def get(self, name: str) -> bytes | None:
            return kept.get(name)

        def delete(self, name: str) -> None:
            kept.pop(name, None)

    store = RedisSessionStore(Client(), KEY)
    store.put(b"id", b"secret", 5)
    assert store.get(b"id") == b"secret"
    assert b"secret" not in kept["openssl_bio:session:6964"]
    store.remove(b"id")
    assert store.get(b"id") is None
    with pytest.raises(ValueError, match="a key has 32 bytes"):
        RedisSessionStore(Client(), b"short")


def test_fuse_is_mended_while_another_thread_looks_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may be faster between any two steps of a call: here whenever the clock is read."""
    broken = fuse.Fuse("something", "nothing happens")
    broken.run(lambda: 1 // 0)
    assert broken._failed_at is not None

    def mend() -> float:
        broken._failed_at = None
        return time.monotonic()

    monkeypatch.setattr(fuse, "time", SimpleNamespace(monotonic=mend))
    assert broken.run(lambda: 1) is None
    assert broken.run(lambda: 2) == 2
