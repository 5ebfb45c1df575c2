"""What users do with sessions and ticket keys, for the fault injection."""

from __future__ import annotations

from typing import Any

import pytest

from openssl_bio import SSL, LoadError, MemorySessionStore, RedisTicketKeys, TicketKey, TicketKeys
from tests import helpers
from tests.core.scenarios import done_pair, full_pair
from tests.core.world import Scenario, World
from tests.helpers import Pair

KEY = b"k" * 32
_LOAD = (LoadError,)


def session_of(world: World) -> SSL.Session:
    """A client's session."""
    session = full_pair(world).handshake().client.get_session()
    assert session is not None
    return session


def travelled(world: World) -> tuple[Pair, SSL.Session]:
    """A new connection, and a session that has come from elsewhere."""
    first = full_pair(world).handshake()
    session = first.client.get_session()
    assert session is not None
    there = SSL.Session.from_bytes(session.to_bytes())
    pair = Pair(first.client.get_context(), first.server.get_context())
    pair.client.set_tlsext_host_name(b"example.test")
    return pair, there


def resume(made: tuple[Pair, SSL.Session], _world: World) -> None:
    made[0].client.set_session(made[1])


def resumed(made: tuple[Pair, SSL.Session], _world: World) -> Any:
    return made[0].handshake().client.session_reused()


def verifying_server(world: World) -> SSL.Context:
    return helpers.server_context(SSL.TLS1_3_VERSION, world.server, world.ca)


def share(context: SSL.Context, _world: World) -> None:
    context.set_ticket_keys(TicketKeys())
    SSL.Connection(context).set_accept_state()


def ask(context: SSL.Context, _world: World) -> None:
    context.set_ticket_key_callback(lambda _connection, _name: TicketKey(b"n" * 16, b"c" * 32, b"m" * 32))


def asking_pair(world: World) -> Pair:
    context = verifying_server(world)
    ask(context, world)
    return Pair(helpers.client_context(SSL.TLS1_3_VERSION, world.ca, world.client), context)


def names(keys: TicketKeys, _world: World) -> Any:
    return keys.names


def early_pair(world: World) -> Pair:
    """A client that may send early data, and a server that takes it."""
    client = helpers.client_context(SSL.TLS1_3_VERSION, world.ca)
    server = helpers.server_context(SSL.TLS1_3_VERSION, world.server)
    server.set_max_early_data(1000)
    session = Pair(client, server).handshake().client.get_session()
    assert session is not None
    pair = Pair(client, server)
    pair.client.set_session(session)
    return pair


def sent_early(pair: Pair, _world: World) -> None:
    pair.client.write_early_data(b"early")
    pair.move()
    pair.server.read_early_data(5)
    with pytest.raises(SSL.WantReadError):
        pair.server.recv(5)


class Knows:
    """A guard against replay, for which all early data is the first."""

    def is_first(self, _ticket: bytes, _began: int, _seconds: int) -> bool:
        return True


def guarded_pair(world: World) -> Pair:
    pair = early_pair(world)
    context = pair.server.get_context()
    context.set_replay_guard(Knows())
    session = Pair(pair.client.get_context(), context).handshake().client.get_session()
    assert session is not None
    guarded = Pair(pair.client.get_context(), context)
    guarded.client.set_session(session)
    return guarded


def allow(context: SSL.Context, _world: World) -> None:
    context.set_max_early_data(1000)
    SSL.Connection(context).set_max_early_data(2000)


def store(context: SSL.Context, _world: World) -> None:
    context.set_session_store(MemorySessionStore())


class OneValue:
    """What stands in for Redis: it keeps one value, and elects whoever asks."""

    value: bytes | None = None

    def get(self, _name: str) -> bytes | None:
        return self.value

    def set(self, *_arguments: Any, **_options: Any) -> bool:
        return True

    def time(self) -> tuple[int, int]:
        return 10**9, 0

    def eval(self, _script: str, _count: int, *arguments: Any) -> int:
        self.value = arguments[2]
        return 1


def fleet_keys(_world: World) -> RedisTicketKeys:
    keys = RedisTicketKeys(OneValue(), KEY)
    keys.close()
    return keys


def psk_pair(world: World) -> Pair:
    """Two ends that know a key."""
    pair = Pair(helpers.context_of(SSL.TLS1_3_VERSION), helpers.context_of(SSL.TLS1_3_VERSION))
    pair.client.set_psk_client_callback(lambda *_: (b"me", KEY, "sha256"))
    pair.server.set_psk_server_callback(lambda *_: KEY)
    return pair


SCENARIOS = [
    Scenario("sessions of connections", done_pair, lambda p, _: (p.client.get_session(), p.server.get_session())),
    Scenario("a session's bytes", session_of, lambda s, _: s.to_bytes(KEY), raises=_LOAD),
    Scenario(
        "a session of bytes",
        lambda w: session_of(w).to_bytes(KEY),
        lambda b, _: SSL.Session.from_bytes(b, KEY),
        raises=_LOAD,
    ),
    Scenario("a session that has travelled", travelled, resume, raises=(SSL.Error, ValueError)),
    Scenario("a ticket on demand", done_pair, lambda p, _: p.server.new_session_ticket()),
    Scenario("ticket keys", lambda _: None, lambda _made, _world: TicketKeys().names, raises=_LOAD),
    Scenario("rotation", lambda _: TicketKeys(), lambda k, _: k.rotate(), raises=_LOAD),
    Scenario("wrapped keys", lambda _: TicketKeys(), lambda k, _: k.wrap(KEY), raises=_LOAD),
    Scenario(
        "unwrapped keys",
        lambda _: (TicketKeys(), TicketKeys().wrap(KEY)),
        lambda m, _: m[0].unwrap(m[1], KEY),
        raises=_LOAD,
    ),
    Scenario("a fleet's keys", fleet_keys, lambda k, _: k.rotate(), raises=_LOAD),
    Scenario("shared keys", verifying_server, share, raises=(SSL.Error, LoadError)),
    Scenario("a ticket key callback", verifying_server, ask),
    Scenario(
        "keys of a connection", full_pair, lambda p, _: p.server.set_psk_server_callback(lambda *_: b"", b"a hint")
    ),
    Scenario("a handshake with a key", psk_pair, lambda p, _: p.handshake(), again=False),
    Scenario("a session store", verifying_server, store),
    Scenario("early data", early_pair, sent_early, again=False),
    Scenario("early data under a guard", guarded_pair, sent_early, raises=(SSL.Error, LoadError), again=False),
    Scenario("early data allowed", verifying_server, allow),
    Scenario("tickets with a callback's keys", asking_pair, lambda p, _: p.handshake(), again=False),
]
