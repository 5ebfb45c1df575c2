"""The keys that seal session tickets: shared, rotated, wiped."""

from __future__ import annotations

import pickle
import sys
import time
from typing import Any

import pytest

from openssl_bio import SSL, LoadError, TicketKey, TicketKeys
from tests.helpers import TIMEOUT, Identity, new_authority
from tests.programs import printed
from tests.sessions.faces import FACES, Face

KEK = b"a key-encryption key of 32 bytes"


@pytest.fixture
def servers(face: Face, version: str, server_identity: Identity) -> list[Any]:
    """Two servers' contexts that share a ring."""
    contexts = [face.server(version, server_identity) for _ in range(2)]
    keys = TicketKeys()
    for context in contexts:
        context.set_ticket_keys(keys)
        context.keys = keys
    return contexts


def session_of(face: Face, client: Any, server: Any) -> Any:
    return face.session(face.connect(client, server).client)


def resumes(face: Face, client: Any, server: Any, session: Any) -> bool:
    pair = face.connect(client, server, session)
    assert face.reused(pair.client) == face.reused(pair.server)
    return face.reused(pair.server)


def test_servers_that_share_keys(face: Face, client: Any, servers: list[Any]) -> None:
    one, other = servers
    session = session_of(face, client, one)
    assert session.ticket.startswith(one.keys.names[1])
    assert resumes(face, client, other, session)


def test_servers_without_common_keys(face: Face, client: Any, servers: list[Any]) -> None:
    one, other = servers
    session = session_of(face, client, one)
    other.set_ticket_keys(TicketKeys())
    assert not resumes(face, client, other, session)
    other.set_ticket_keys(None)
    assert not resumes(face, client, other, session)
    assert resumes(face, client, other, session_of(face, client, other))


def test_rotation(face: Face, client: Any, servers: list[Any]) -> None:
    """A key opens tickets while it is the current one, and once more as the previous one."""
    one, other = servers
    keys = one.keys
    previous, current, following = keys.names
    assert previous is None
    session = session_of(face, client, one)
    keys.rotate()
    assert keys.names[:2] == (current, following)
    assert keys.generation == 1
    assert resumes(face, client, other, session)
    keys.rotate()
    assert current not in keys.names
    assert not resumes(face, client, other, session)


def test_old_tickets_are_renewed(face: Face, client: Any, servers: list[Any]) -> None:
    """Who resumes with the previous key gets a ticket of the current one."""
    server = servers[0]
    session = session_of(face, client, server)
    server.keys.rotate()
    pair = face.connect(client, server, session)
    assert face.reused(pair.client)
    assert face.session(pair.client).ticket.startswith(server.keys.names[1])


@pytest.mark.parametrize("asked", [False, True])
def test_each_resumption_brings_a_new_ticket(
    face: Face, version: str, client: Any, servers: list[Any], asked: bool
) -> None:
    """On TLS 1.3, where a ticket is for one use: clients that come back often never run out of them."""
    if asked:
        servers[0].set_ticket_key_callback(lambda _connection, _name: TicketKey(b"n" * 16, b"c" * 32, b"m" * 32))
    sessions = [session_of(face, client, servers[0])]
    for _ in range(3):
        pair = face.connect(client, servers[0], sessions[-1])
        assert face.reused(pair.client)
        sessions.append(face.session(pair.client))
    assert len({session.ticket for session in sessions}) == (4 if version == "1.3" else 1)


def test_server_that_has_not_rotated_opens_the_next(face: Face, client: Any, servers: list[Any]) -> None:
    one, other = servers
    behind = TicketKeys()
    behind.unwrap(one.keys.wrap(KEK), KEK)
    other.set_ticket_keys(behind)
    one.keys.rotate()
    assert resumes(face, client, other, session_of(face, client, one))


def test_schedule() -> None:
    """A rotation that is due happens at the next use; two at once if two were missed."""
    keys = TicketKeys(lifetime=1)
    _, current, following = keys.names
    deadline = time.monotonic() + TIMEOUT
    while keys.generation == 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert keys.generation >= 1
    assert keys.names[0] in (current, following)
    assert TicketKeys(lifetime=0).generation == 0


def test_wrapped_keys_work_elsewhere(face: Face, client: Any, servers: list[Any]) -> None:
    one, other = servers
    wrapped = one.keys.wrap(KEK)
    assert one.keys.names[1] not in wrapped
    fresh = TicketKeys()
    assert fresh.unwrap(wrapped, KEK)
    assert fresh.names == one.keys.names
    other.set_ticket_keys(fresh)
    assert resumes(face, client, other, session_of(face, client, one))


def test_wrapped_keys_that_are_older_are_not_taken() -> None:
    """So a retired key does not come back."""
    keys = TicketKeys()
    old = keys.wrap(KEK)
    keys.rotate()
    names = keys.names
    assert not keys.unwrap(old, KEK)
    assert keys.names == names


def test_wrapped_keys_that_were_changed() -> None:
    keys, other = TicketKeys(), TicketKeys()
    wrapped, names = keys.wrap(KEK), other.names
    for at in range(len(wrapped)):
        edited = bytearray(wrapped)
        edited[at] ^= 0x80
        with pytest.raises(LoadError, match="no ticket keys, or they were changed"):
            other.unwrap(bytes(edited), KEK)
    for wrong in (b"", wrapped[:-1], wrapped + b"x"):
        with pytest.raises(LoadError, match="no ticket keys, or they were changed"):
            other.unwrap(wrong, KEK)
    with pytest.raises(LoadError, match="encrypted with another key"):
        other.unwrap(wrapped, b"x" * 32)
    assert other.names == names


def test_wrong_arguments(client: Any) -> None:
    for lifetime in (-1, 10**9 + 1):
        with pytest.raises(ValueError, match="lifetime must be from 0 to 1000000000 seconds"):
            TicketKeys(lifetime)
    with pytest.raises(ValueError, match="a key has 32 bytes, not 3"):
        TicketKeys().wrap(b"abc")
    with pytest.raises(TypeError, match="wrapped keys are bytes"):
        TicketKeys().unwrap("x", KEK)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="keys must be TicketKeys or None, not bytes"):
        client.set_ticket_keys(b"")
    with pytest.raises(TypeError, match="cannot copy or pickle TicketKeys"):
        pickle.dumps(TicketKeys())


def test_keys_are_kept_by_their_context(face: Face, version: str, client: Any, server_identity: Identity) -> None:
    """Nobody else needs to hold them, also while the context is changed."""
    server = face.server(version, server_identity)
    server.set_ticket_keys(TicketKeys())
    session = session_of(face, client, server)
    pair = face.pair(client, server, session)
    server.set_ticket_keys(TicketKeys())
    assert face.reused(pair.handshake().server)
    assert not resumes(face, client, server, session)


# -- a callback -------------------------------------------------------------------------------------------------------


def test_callback(face: Face, client: Any, server: Any) -> None:
    keys = {b"n" * 16: TicketKey(b"n" * 16, b"c" * 32, b"m" * 32)}
    asked: list[bytes | None] = []

    def give(_connection: Any, name: bytes | None) -> TicketKey | None:
        asked.append(name)
        return keys.get(name or b"n" * 16)

    server.set_ticket_key_callback(give)
    session = session_of(face, client, server)
    assert session.ticket.startswith(b"n" * 16)
    assert resumes(face, client, server, session)
    assert {None, b"n" * 16} == set(asked)
    del keys[b"n" * 16]
    keys[b"o" * 16] = TicketKey(b"o" * 16, b"c" * 32, b"m" * 32)
    pair = face.pair(client, server, session)
    server.set_ticket_key_callback(lambda _connection, name: None)
    assert not face.reused(pair.handshake().client)


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (TicketKey(b"n" * 15, b"c" * 32, b"m" * 32), ValueError, "the name of a TicketKey has 16 bytes, not 15"),
        (TicketKey(b"n" * 16, b"c" * 33, b"m" * 32), ValueError, "the cipher_key of a TicketKey has 32 bytes, not 33"),
        (TicketKey(b"n" * 16, b"c" * 32, b""), ValueError, "the mac_key of a TicketKey has 32 bytes, not 0"),
        (TicketKey("n" * 16, b"c" * 32, b""), TypeError, "the name of a TicketKey is bytes, not str"),  # type: ignore[arg-type]
        (b"n" * 16, TypeError, "a ticket key callback returns a TicketKey or None, not bytes"),
    ],
)
def test_what_the_callback_may_not_give(
    face: Face, client: Any, server: Any, answer: Any, error: type[Exception], text: str
) -> None:
    server.set_ticket_key_callback(lambda _connection, _name: answer)
    with pytest.raises(error, match=text):
        face.connect(client, server)


def test_callback_gives_another_key(face: Face, client: Any, server: Any) -> None:
    """The ticket would fail to open; who answers so has made a mistake."""
    server.set_ticket_key_callback(lambda _connection, _name: TicketKey(b"n" * 16, b"c" * 32, b"m" * 32))
    session = session_of(face, client, server)
    server.set_ticket_key_callback(lambda _connection, _name: TicketKey(b"o" * 16, b"c" * 32, b"m" * 32))
    with pytest.raises(ValueError, match="another key than the one that it was asked for"):
        face.connect(client, server, session)


# -- what was verified is in the ticket -------------------------------------------------------------------------------


def verifying(face: Face, version: str, identity: Identity, *trusted: Identity) -> Any:
    """A server that demands a client's certificate."""
    server = face.server(version, identity)
    for ca in trusted:
        trust(face, server, ca)
    if face.session_type is SSL.Session:
        server.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    else:
        server.verify_mode = 2
    return server


def trust(face: Face, context: Any, ca: Identity) -> None:
    if face.session_type is SSL.Session:
        context.get_cert_store().add_cert(ca.certificate)
    else:
        context.load_verify_locations(ca.certificate_file)


def test_servers_that_verify_clients_alike(
    face: Face, version: str, ca: Identity, client_identity: Identity, server_identity: Identity, tmp_path: Any
) -> None:
    """They resume each other's sessions; one that trusts somebody else does not, and one that trusts nobody neither."""
    other_ca = new_authority(tmp_path, "another authority")
    client = face.client(version, ca, client_identity)
    keys = TicketKeys()
    rules = [(ca,), (ca,), (other_ca, ca), (ca, other_ca)]
    servers = [verifying(face, version, server_identity, *trusted) for trusted in rules]
    easy = face.server(version, server_identity)
    for server in (*servers, easy):
        server.set_ticket_keys(keys)
    session = session_of(face, client, servers[0])
    assert [resumes(face, client, server, session) for server in servers] == [True, True, False, False]
    session = session_of(face, client, servers[2])
    assert [resumes(face, client, server, session) for server in servers] == [False, False, True, True]
    unverified = session_of(face, client, easy)
    assert [resumes(face, client, server, unverified) for server in servers] == [False] * 4


def test_changed_trust_ends_resumption(
    face: Face, version: str, ca: Identity, client_identity: Identity, server_identity: Identity, tmp_path: Any
) -> None:
    """Though the keys stay: who was verified by the old rules is verified again."""
    client = face.client(version, ca, client_identity)
    server = verifying(face, version, server_identity, ca)
    server.set_ticket_keys(TicketKeys())
    session = session_of(face, client, server)
    assert resumes(face, client, server, session)
    trust(face, server, new_authority(tmp_path))
    assert not resumes(face, client, server, session)


def test_other_verify_callback_ends_resumption(ca: Identity, client_identity: Identity, version: str) -> None:
    """Two callbacks of one name are told apart in one process."""
    face = FACES["pyOpenSSL"]
    client = face.client(version, ca, client_identity)
    server = verifying(face, version, client_identity, ca)
    server.set_ticket_keys(TicketKeys())
    mode = SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT
    for _ in range(2):
        server.set_verify(mode, lambda *_arguments: True)
        session = face.session(face.connect(client, server, host=None).client)
        assert face.reused(face.connect(client, server, session, host=None).client)
        server.set_verify(mode, lambda *_arguments: True)
        assert not face.reused(face.connect(client, server, session, host=None).client)


# -- memory -----------------------------------------------------------------------------------------------------------

SEARCH = """
import ctypes, os, pathlib, sys, tempfile
from openssl_bio import SSL, RedisTicketKeys, TicketKeys
from openssl_bio._core._lib import ffi
from tests.helpers import Pair, client_context, new_authority, server_context

def secrets_of(keys):
    "Halves of the current key's two secrets, by what is known of the C structure: pointer, lifetime, two numbers, keys"
    current = bytes(ffi.buffer(ffi.cast("unsigned char *", keys._ring) + 32 + 81, 81))
    assert current[1:17] == keys.names[1], "the layout has changed"
    return [current[17:33], current[49:65]]

def count(pid, secret):
    found = 0
    with open(f"/proc/{pid}/mem", "rb", 0) as memory, open(f"/proc/{pid}/maps") as maps:
        for line in maps.read().splitlines():
            span, rights, *_ = line.split()
            start, end = (int(x, 16) for x in span.split("-"))
            if rights.startswith("rw"):
                memory.seek(start)
                found += memory.read(end - start).count(secret)
    return found

folder = pathlib.Path(tempfile.mkdtemp())
ca = new_authority(folder)
identity = ca.issue("localhost", folder, b"DNS:localhost")
client, server = client_context(SSL.TLS1_3_VERSION, ca), server_context(SSL.TLS1_3_VERSION, identity)
url = sys.argv[1]
keys = RedisTicketKeys.from_url(url, b"k" * 32, interval=0.05, timeout=60) if url else TicketKeys()
server.set_ticket_keys(keys)
session = Pair(client, server).handshake().client.get_session()
pair = Pair(client, server)
pair.client.set_session(session)
assert pair.handshake().client.session_reused()
keys.unwrap(keys.wrap(b"k" * 32), b"k" * 32)

ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(2**64 - 1))  # PR_SET_PTRACER: the child may read this process
pid, (go_in, go_out), (told_in, told_out) = os.getpid(), os.pipe(), os.pipe()
if os.fork() == 0:
    secrets = secrets_of(keys)
    while os.read(go_in, 1) == b"x":
        os.write(told_out, (repr([count(pid, secret) for secret in secrets]) + "\\n").encode())
    os._exit(0)
for _ in range(3):
    os.write(go_out, b"x")
    print(os.read(told_in, 1000).decode(), end="", flush=True)
    keys.rotate()
os.write(go_out, b"-")
os.wait()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a process's memory is a file on Linux alone")
@pytest.mark.parametrize("shared", [False, True])
def test_retired_key_is_not_in_memory(shared: bool, request: pytest.FixtureRequest) -> None:
    """Another process that knows the key searches this one's memory: twice it is in use, then it is gone.

    The keys are shared through Redis or not; what wraps them is not looked for.
    """
    url = request.getfixturevalue("redis_server").url if shared else ""
    assert printed("-c", SEARCH, url).splitlines() == ["[1, 1]", "[1, 1]", "[0, 0]"]
