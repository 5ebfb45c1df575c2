"""Sessions as values: what they tell, and that they can be sent to another process and resumed there."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import pickle
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SSL, LoadError, SessionCache, stdlib
from tests.helpers import TIMEOUT, Identity, carry
from tests.sessions.faces import FACES, Face

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
OPEN = b"openssl_bio session 1 open\n"


@pytest.fixture
def session(face: Face, client: Any, server: Any) -> Any:
    """A session of a client that verified its server as localhost."""
    return face.session(face.connect(client, server).client)


def test_attributes(face: Face, version: str, session: Any) -> None:
    assert session.protocol_version == {"1.2": 0x303, "1.3": 0x304}[version]
    assert session.cipher_name == {"1.2": "ECDHE-ECDSA-AES256-GCM-SHA384", "1.3": "TLS_AES_256_GCM_SHA384"}[version]
    assert session.resumable
    assert session.has_ticket
    assert len(session.ticket) > 100
    assert session.id
    assert session.ticket_lifetime_hint == 7200
    assert session.timeout >= 7200
    assert 0 <= session.age < 60
    assert abs(session.time - time.time()) < 60
    assert not session.expired
    assert session.max_early_data == 0
    if face.session_type is SSL.Session:
        assert (session.servername, session.alpn_proto) == (b"localhost", b"")
    else:
        assert (session.server_hostname, session.alpn_protocol) == ("localhost", None)


def test_chosen_protocol(ca: Identity, server_identity: Identity, version: str) -> None:
    for face in FACES.values():
        client, server = face.client(version, ca), face.server(version, server_identity)
        if face.session_type is SSL.Session:
            client.set_alpn_protos([b"h2"])
            server.set_alpn_select_callback(lambda _connection, offered: offered[0])
            found = face.session(face.connect(client, server).client).alpn_proto
        else:
            client.set_alpn_protocols(["h2"])
            server.set_alpn_protocols(["h2"])
            found = (face.session(face.connect(client, server).client).alpn_protocol or "").encode()
        assert found == b"h2"


def test_session_without_a_ticket_yet(face: Face, ca: Identity, server_identity: Identity) -> None:
    """On TLS 1.3 a handshake alone makes nothing that could be resumed."""
    server = face.server("1.3", server_identity)
    if face.session_type is SSL.Session:
        server.set_num_tickets(0)
    else:
        server.num_tickets = 0
    session = face.session(face.connect(face.client("1.3", ca), server).client)
    assert not session.resumable
    assert session.ticket == b""


def test_expires(version: str, ca: Identity, server_identity: Identity) -> None:
    """After the server's lifetime of one second; the cache does not give it out then."""
    face = FACES["pyOpenSSL"]
    client, server = face.client(version, ca), face.server(version, server_identity)
    client.set_session_cache(SessionCache())
    for context in (client, server):
        context.set_timeout(1)
    session = face.session(face.connect(client, server).client)
    time.sleep(1.1)
    assert session.expired
    assert not face.pair(client, server).client.resume()


def test_equality(face: Face, client: Any, server: Any, session: Any) -> None:
    assert session == face.session_type.from_bytes(session.to_bytes())
    assert session != face.session(face.connect(client, server).client)
    assert session != "a session"


def test_empty_session() -> None:
    empty = SSL.Session()
    assert empty == empty  # noqa: PLR0124
    assert empty != SSL.Session()
    for ask in (empty.to_bytes, lambda: empty.id, lambda: empty.expired):
        with pytest.raises(ValueError, match="the session is empty"):
            ask()


@pytest.mark.parametrize("call", [pickle.dumps, copy.copy, copy.deepcopy])
def test_pickle_says_how_instead(session: Any, call: Any) -> None:
    with pytest.raises(TypeError, match=r"cannot pickle '\w+' object: it holds secrets. Send to_bytes\(key\), and"):
        call(session)


@pytest.mark.parametrize("key", [None, KEY])
def test_resumed_in_another_context(
    face: Face, version: str, ca: Identity, server: Any, session: Any, key: bytes | None
) -> None:
    """The bytes are enough; the context that made the session may be gone."""
    data = session.to_bytes(key)
    del session
    pair = face.connect(face.client(version, ca), server, face.session_type.from_bytes(data, key))
    assert face.reused(pair.client)
    assert face.reused(pair.server)


def test_travels_again(face: Face, version: str, ca: Identity, server: Any, session: Any) -> None:
    """A session of a connection that resumed one has its certificates too."""
    for _ in range(3):
        session = face.session_type.from_bytes(session.to_bytes())
        pair = face.connect(face.client(version, ca), server, session)
        assert face.reused(pair.client)
        session = face.session(pair.client)


def test_faces_understand_each_other(ca: Identity, server_identity: Identity, version: str) -> None:
    one, other = FACES.values()
    for first, second in ((one, other), (other, one)):
        server = first.server(version, server_identity)
        session = first.session(first.connect(first.client(version, ca), server).client)
        found = second.session_type.from_bytes(session.to_bytes())
        assert found.id == session.id
        assert found.ticket == session.ticket


CLIENT = """
import socket, sys
from openssl_bio import stdlib as ssl
version, ca, path, port = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.load_verify_locations(ca)
context.maximum_version = context.minimum_version = int(version)
session = ssl.SSLSession.from_bytes(open(path, "rb").read(), b"k" * 32)
with socket.create_connection(("127.0.0.1", int(port)), 60) as plain:
    with context.wrap_socket(plain, server_hostname="localhost", session=session) as connection:
        connection.sendall(b"hello")
        print(connection.session_reused, connection.recv(5).decode())
"""


def test_resumed_in_another_process(version: str, ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """A session of this process, encrypted in a file, and another Python that resumes it over a socket."""
    face = FACES["ssl"]
    server = face.server(version, server_identity)
    session = face.session(face.connect(face.client(version, ca), server).client)
    path = tmp_path / "session"
    path.write_bytes(session.to_bytes(KEY))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(TIMEOUT)
        numbers = str(int(session.protocol_version)), str(listening.getsockname()[1])
        command = [sys.executable, "-c", CLIENT, numbers[0], ca.certificate_file, path, numbers[1]]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            plain, _address = listening.accept()
            with server.wrap_socket(plain, server_side=True) as connection:
                connection.sendall(connection.recv(5))
            assert process.communicate(timeout=TIMEOUT)[0] == "True hello\n"


# -- bytes that are refused -------------------------------------------------------------------------------------------


def test_edited_bytes_are_refused(face: Face, session: Any) -> None:
    """Any byte, with a key or without: an accident is noticed without one, and an attack with one."""
    for key in (None, KEY):
        data = session.to_bytes(key)
        for at in [*range(40), *range(40, len(data), 37), len(data) - 1]:
            edited = bytearray(data)
            edited[at] ^= 1
            with pytest.raises(LoadError):
                face.session_type.from_bytes(bytes(edited), key)


def test_cut_bytes_are_refused(face: Face, session: Any) -> None:
    for key in (None, KEY):
        data = session.to_bytes(key)
        for size in [*range(0, len(data), 41), len(data) - 1]:
            with pytest.raises(LoadError):
                face.session_type.from_bytes(data[:size], key)
        with pytest.raises(LoadError):
            face.session_type.from_bytes(data + b"x", key)


@pytest.mark.parametrize("fields", [b"", b"\0", b"\1", b"\1\0", b"\0" * 5, b"\0" * 9])
def test_bytes_of_nothing_are_refused(face: Face, fields: bytes) -> None:
    """Without a key anybody can make bytes with a good checksum."""
    body = OPEN + fields
    with pytest.raises(LoadError):
        face.session_type.from_bytes(body + hashlib.sha256(body).digest())


def fields_of(data: bytes) -> list[bytes]:
    """The server name, the session, the digest of the client's certificate, and the server's certificates."""
    body, found = data[len(OPEN) + 1 : -32], []
    while body:
        (size,) = struct.unpack_from(">I", body)
        found.append(body[4 : 4 + size])
        body = body[4 + size :]
    return found


def bytes_of(fields: list[bytes]) -> bytes:
    body = OPEN + b"\1" + b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return body + hashlib.sha256(body).digest()


def test_fields_that_no_session_has_are_refused(face: Face, session: Any) -> None:
    """Such as half of a digest, which no certificate has, or a name that C would take for another one."""
    name, der, _identity, *chain = fields_of(session.to_bytes())
    assert face.session_type.from_bytes(bytes_of([name, der, b"i" * 32, *chain])).id == session.id
    for fields in ([name, der, b"i" * 31], [name, der, b"i" * 33], [name + b"\0.example", der, b""]):
        with pytest.raises(LoadError):
            face.session_type.from_bytes(bytes_of([*fields, *chain]))


def test_stolen_bytes_are_useless_without_the_key(face: Face, session: Any) -> None:
    sealed = session.to_bytes(KEY)
    assert session.ticket[:16] not in sealed
    with pytest.raises(LoadError, match="encrypted: its key is needed"):
        face.session_type.from_bytes(sealed)
    with pytest.raises(LoadError, match="changed, or encrypted with another key"):
        face.session_type.from_bytes(sealed, OTHER_KEY)


def test_bytes_without_encryption_are_refused_where_there_is_a_key(face: Face, session: Any) -> None:
    with pytest.raises(LoadError, match="anybody could have made it"):
        face.session_type.from_bytes(session.to_bytes(), KEY)


def test_wrong_arguments(face: Face, session: Any) -> None:
    with pytest.raises(ValueError, match="a key has 32 bytes, not 31"):
        session.to_bytes(b"k" * 31)
    with pytest.raises(TypeError, match="a key is bytes, not str"):
        session.to_bytes("k" * 32)
    with pytest.raises(TypeError, match="the bytes of a session are needed, not str"):
        face.session_type.from_bytes("x")
    with pytest.raises(LoadError, match="not the bytes of a session"):
        face.session_type.from_bytes(b"")


# -- what was verified elsewhere does not count -----------------------------------------------------------------------


def refused(face: Face, client: Any, server: Any, session: Any, host: str, why: str) -> None:
    """pyOpenSSL's face says why; Python's shakes hands in full, as with any session that it may not offer."""
    if face.session_type is SSL.Session:
        with pytest.raises(ValueError, match=why):
            face.pair(client, server, session, host)
        return
    pair = face.pair(client, server, session, host)
    assert {type(error).__name__ for error in pair.outcome().values()} <= {"SSLCertVerificationError", "SSLError"}
    assert not face.reused(pair.client)


def test_server_that_is_not_trusted_here(face: Face, version: str, server: Any, session: Any) -> None:
    travelled = face.session_type.from_bytes(session.to_bytes())
    refused(face, face.client(version, None), server, travelled, "localhost", "is not accepted here: .*issuer")


def test_session_of_a_client_that_verified_nothing(face: Face, version: str, ca: Identity, server: Any) -> None:
    """It is verified now: an honest server's passes, an impostor's does not."""
    easy = face.client(version, None)
    face.verify_nothing(easy)
    session = face.session(face.connect(easy, server).client)
    travelled = face.session_type.from_bytes(session.to_bytes())
    assert face.reused(face.connect(face.client(version, ca), server, travelled).client)
    refused(face, face.client(version, None), server, travelled, "localhost", "is not accepted here")


def test_verify_result_is_the_new_one(version: str, ca: Identity, server_identity: Identity) -> None:
    face = FACES["pyOpenSSL"]
    server, easy = face.server(version, server_identity), face.client(version, None)
    face.verify_nothing(easy)
    pair = face.connect(easy, server)
    assert pair.client.get_verify_result() != SSL.X509VerificationCodes.OK
    travelled = SSL.Session.from_bytes(face.session(pair.client).to_bytes())
    again = face.connect(face.client(version, ca), server, travelled)
    assert again.client.session_reused()
    assert again.client.get_verify_result() == SSL.X509VerificationCodes.OK


def test_other_server_name(face: Face, version: str, ca: Identity, server: Any, session: Any) -> None:
    travelled = face.session_type.from_bytes(session.to_bytes())
    why = "made with the server name b'localhost', and not b'example.test'"
    refused(face, face.client(version, ca), server, travelled, "example.test", why)


def test_other_client_certificate(
    face: Face, version: str, ca: Identity, client_identity: Identity, server: Any, session: Any
) -> None:
    travelled = face.session_type.from_bytes(session.to_bytes())
    why = "made with another client certificate"
    refused(face, face.client(version, ca, client_identity), server, travelled, "localhost", why)


def test_demand_may_not_grow_afterwards(version: str, ca: Identity, server_identity: Identity) -> None:
    """As with other sessions: what is demanded is set first."""
    face = FACES["pyOpenSSL"]
    server, client = face.server(version, server_identity), face.client(version, ca)
    session = face.session(face.connect(client, server, host=None).client)
    pair = face.pair(client, server, SSL.Session.from_bytes(session.to_bytes()), host=None)
    with pytest.raises(ValueError, match="verified for no host, and not for the host 'localhost'"):
        pair.client.set_verify_host("localhost")
    assert face.reused(pair.handshake().client)


def test_verify_callback_judges_once_more(version: str, ca: Identity, server_identity: Identity) -> None:
    """It is called in set_session as it would be in a handshake, and what it raises is raised."""
    face = FACES["pyOpenSSL"]
    server = face.server(version, server_identity)
    session = face.session(face.connect(face.client(version, ca), server).client)
    seen: list[tuple[str | None, int, int]] = []
    client = face.client(version, None)

    def judge(_connection: SSL.Connection, certificate: Any, error: int, depth: int, _ok: int) -> bool:
        seen.append((certificate.get_subject().CN, error, depth))
        if len(seen) > 10:
            raise KeyError("seen enough")
        return True

    client.set_verify(SSL.VERIFY_PEER, judge)
    data = session.to_bytes()
    assert face.reused(face.connect(client, server, SSL.Session.from_bytes(data)).client)
    assert ("example.test", 20, 0) in seen
    seen *= 10
    with pytest.raises(KeyError, match="seen enough"):
        face.pair(client, server, SSL.Session.from_bytes(data))


def begun(end: Any) -> SSL.Connection:
    """The end as a pyOpenSSL connection, whose handshake goes as far as it can."""
    connection: SSL.Connection = end if isinstance(end, SSL.Connection) else end.connection
    with contextlib.suppress(SSL.WantReadError):
        connection.do_handshake()
    return connection


def offer(end: Any, session: Any) -> None:
    if isinstance(end, SSL.Connection):
        end.set_session(session)
    else:
        end.session = session


@pytest.mark.parametrize("part", [0, 0.2, 0.4, 0.6, 0.8, 1])
def test_offered_in_a_handshake(face: Face, client: Any, server: Any, session: Any, part: float) -> None:
    """After some of the server's flight: libssl would lose its certificate with its own session, and crash."""
    pair = face.pair(client, server)
    carry(begun(pair.client), begun(pair.server))
    flight = begun(pair.server).bio_read(1 << 16)
    cut = int(len(flight) * part)
    begun(pair.client).bio_write(flight[:cut])
    begun(pair.client).bio_write(flight[cut:])
    for _ in range(2):  # before and after it has seen the rest
        with pytest.raises(ValueError, match="Cannot set session after"):
            offer(pair.client, session)
        begun(pair.client)
    assert not face.reused(pair.handshake().client)
    assert face.reused(face.connect(client, server, session).client)


def test_stdlib_session_class_stays_closed() -> None:
    with pytest.raises(TypeError, match="cannot create 'SSLSession' instances"):
        stdlib.SSLSession()


def test_verifier_of_chains_cannot_judge_once_more(version: str, ca: Identity, server_identity: Identity) -> None:
    """It is asked in handshakes alone, so there is a full one instead."""
    face = FACES["pyOpenSSL"]
    server, client = face.server(version, server_identity), face.client(version, ca)
    session = face.session(face.connect(client, server).client)
    client.set_verify_chain(lambda *_arguments: True)
    with pytest.raises(ValueError, match="a verifier judges a chain during a handshake"):
        face.pair(client, server, SSL.Session.from_bytes(session.to_bytes()))
