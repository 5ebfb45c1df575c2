"""Early data (0-RTT): what it needs, what becomes of it, and that it is delivered once."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SSL, MemorySessionStore, TicketKeys, stdlib
from tests.helpers import TIMEOUT, Identity, Pair
from tests.interop.peers import finished, gnutls_server, listening, openssl_server, program, started
from tests.sessions.faces import FACES, Face
from tests.sessions.test_psk import connect

WANT_READ = (SSL.WantReadError, ssl.SSLWantReadError)


def allow(server: Any, size: int) -> None:
    if isinstance(server, SSL.Context):
        server.set_max_early_data(size)
    else:
        server.max_early_data = size


def status(connection: Any) -> str:
    found = connection.early_data_status
    return str(found() if callable(found) else found)


def carried(pair: Any) -> None:
    """Move what the client has sent; Python's face writes into the peer's BIO itself."""
    if isinstance(pair, Pair):
        pair.move()


def early(connection: Any) -> bytes:
    """All early data there is; the connection wants more at the end of an unfinished flight."""
    data = b""
    while True:
        try:
            piece = connection.read_early_data(1000)
        except WANT_READ:
            return data
        if not piece:
            return data
        data += piece


@pytest.fixture
def contexts(face: Face, ca: Identity, server_identity: Identity) -> tuple[Any, Any]:
    """A client's context, and a server's that takes early data."""
    server = face.server("1.3", server_identity)
    allow(server, 5000)
    return face.client("1.3", ca), server


@pytest.fixture
def session(face: Face, contexts: tuple[Any, Any]) -> Any:
    found = face.session(face.connect(*contexts).client)
    assert found.max_early_data == 5000
    return found


def test_accepted(face: Face, contexts: tuple[Any, Any], session: Any) -> None:
    pair = face.pair(*contexts, session)
    assert pair.client.write_early_data(b"GET /") == 5
    assert pair.client.write_early_data(memoryview(b" x" * 2000)) == 4000
    carried(pair)
    assert early(pair.server) == b"GET /" + b" x" * 2000
    pair.handshake()
    assert status(pair.client) == status(pair.server) == "accepted"
    assert face.reused(pair.server)


def test_both_speak_afterwards(contexts: tuple[Any, Any], session: Any, face: Face) -> None:
    pair = face.pair(*contexts, session)
    pair.client.write_early_data(b"early")
    carried(pair)
    assert early(pair.server) == b"early"
    pair.handshake()
    pair.client.write(b"late")
    pair.server.write(b"answer")
    carried(pair)
    assert pair.server.read(100) == b"late"
    assert pair.client.read(100) == b"answer"


READS: dict[str, Any] = {
    "read": lambda server: server.read(1000),
    "read into": lambda server: (
        server.read(1000, bytearray(1000)) if isinstance(server, ssl.SSLObject) else server.recv_into(bytearray(1000))
    ),
    "one call": lambda server: server.receive_data(b""),
    "look": lambda server: server.recv(1000, socket.MSG_PEEK),
}


@pytest.mark.parametrize("size", [97, 100])
@pytest.mark.parametrize("how", READS)
def test_what_is_left_of_it_is_nothing_else(
    how: str, size: int, contexts: tuple[Any, Any], session: Any, face: Face
) -> None:
    """A server that reads the rest in another way would take it for what came after the handshake."""
    pair = face.pair(*contexts, session)
    if how == "look" and isinstance(pair.server, ssl.SSLObject):
        pytest.skip("an SSLObject cannot look at data that stays where it is")
    for _ in range(2):
        pair.client.write_early_data(b"early" * 20)
    carried(pair)
    assert pair.server.read_early_data(size) == (b"early" * 20)[:size]
    for _ in range(2):
        with pytest.raises((SSL.Error, ssl.SSLError), match="unexpected record"):
            READS[how](pair.server)


@pytest.mark.parametrize("how", ["read", "one call"])
def test_reading_goes_on_with_the_handshake(how: str, contexts: tuple[Any, Any], session: Any, face: Face) -> None:
    """Where all of it was read that came."""
    pair = face.pair(*contexts, session)
    pair.client.write_early_data(b"early")
    carried(pair)
    assert early(pair.server) == b"early"
    with suppress(*WANT_READ):
        assert READS[how](pair.server) == b""
    pair.handshake()
    pair.client.write(b"late")
    carried(pair)
    assert READS[how](pair.server) == b"late"


def test_off_by_default(face: Face, ca: Identity, server_identity: Identity) -> None:
    client, server = face.client("1.3", ca), face.server("1.3", server_identity)
    session = face.session(face.connect(client, server).client)
    assert session.max_early_data == 0
    pair = face.pair(client, server, session)
    with pytest.raises(ValueError, match="early data needs a session to resume whose server takes some"):
        pair.client.write_early_data(b"x")
    assert face.reused(pair.handshake().client)
    assert status(pair.client) == "not sent"


def test_server_that_does_not_read_it_rejects_it(face: Face, contexts: tuple[Any, Any], session: Any) -> None:
    """It sees nothing of it, and the handshake goes on."""
    pair = face.pair(*contexts, session)
    pair.client.write_early_data(b"GET /")
    pair.handshake()
    assert status(pair.client) == "rejected"
    pair.client.write(b"again")
    carried(pair)
    assert pair.server.read(100) == b"again"


def test_server_without_the_session_rejects_it(
    face: Face, contexts: tuple[Any, Any], session: Any, ca: Identity, server_identity: Identity
) -> None:
    other = face.server("1.3", server_identity)
    allow(other, 5000)
    pair = face.pair(contexts[0], other, session)
    pair.client.write_early_data(b"GET /")
    carried(pair)
    assert early(pair.server) == b""
    pair.handshake()
    assert status(pair.client) == status(pair.server) == "rejected"
    assert not face.reused(pair.server)


def test_no_more_than_the_server_takes(face: Face, contexts: tuple[Any, Any], session: Any) -> None:
    """It is refused before anything is sent."""
    pair = face.pair(*contexts, session)
    assert pair.client.write_early_data(b"") == 0
    with pytest.raises(ValueError, match="the server takes 5000 bytes of early data, and 5000 are left"):
        pair.client.write_early_data(b"x" * 5001)
    pair.client.write_early_data(b"x" * 4999)
    with pytest.raises(ValueError, match="takes 5000 bytes of early data, and 1 are left"):
        pair.client.write_early_data(b"xx")
    carried(pair)
    assert early(pair.server) == b"x" * 4999
    pair.handshake()


def flight_of(pair: Any) -> bytes:
    """What a client has sent, with early data in it."""
    pair.client.write_early_data(b"pay 100")
    if isinstance(pair, Pair):
        return pair.client.bio_read(1 << 16)
    return bytes(pair.to_server.read())


def replayed(face: Face, contexts: tuple[Any, Any], flight: bytes) -> bytes:
    """What a new connection of the server makes of a recorded flight."""
    pair = face.pair(*contexts)
    if isinstance(pair, Pair):
        pair.server.bio_write(flight)
    else:
        pair.to_server.write(flight)
    return early(pair.server)


def test_replayed_early_data_is_delivered_once(face: Face, contexts: tuple[Any, Any], session: Any) -> None:
    """The ticket is gone with its first use, also if the context is changed between."""
    flight = flight_of(face.pair(*contexts, session))
    assert [replayed(face, contexts, flight) for _ in range(3)] == [b"pay 100", b"", b""]
    allow(contexts[1], 4000)  # another generation, with the sessions of the one before
    assert replayed(face, contexts, flight) == b""


def test_session_survives_a_change_of_the_context(face: Face, contexts: tuple[Any, Any], session: Any) -> None:
    flight = flight_of(face.pair(*contexts, session))
    allow(contexts[1], 4000)
    assert [replayed(face, contexts, flight) for _ in range(2)] == [b"pay 100", b""]


@pytest.mark.parametrize(("shared", "expected"), [("keys", [b"pay 100", b""]), ("a store", [b"", b""])])
@pytest.mark.parametrize("tickets", [True, False])
def test_replay_to_another_server(
    face: Face, contexts: tuple[Any, Any], server_identity: Identity, shared: str, expected: list[bytes], tickets: bool
) -> None:
    """Servers that share what seals or keeps their sessions deliver early data once among them; with a store never."""
    client, one = contexts
    other = face.server("1.3", server_identity)
    allow(other, 5000)
    keys, store = TicketKeys(), MemorySessionStore()
    for server in (one, other):
        if shared == "keys":
            server.set_ticket_keys(keys)
        else:
            server.set_session_store(store)
        if not tickets and isinstance(server, SSL.Context):
            server.set_options(SSL.OP_NO_TICKET)
        elif not tickets:
            server.options |= stdlib.OP_NO_TICKET
    flight = flight_of(face.pair(client, one, face.session(face.connect(client, one).client)))
    assert [replayed(face, (client, one), flight) for _ in range(2)] == expected
    assert [replayed(face, (client, other), flight) for _ in range(2)] == [b"", b""]


def test_travelled_session(face: Face, contexts: tuple[Any, Any], session: Any, ca: Identity) -> None:
    there = face.session_type.from_bytes(session.to_bytes())
    assert there.max_early_data == 5000
    pair = face.pair(face.client("1.3", ca), contexts[1], there)
    pair.client.write_early_data(b"GET /")
    carried(pair)
    assert early(pair.server) == b"GET /"


def test_after_the_handshake(face: Face, contexts: tuple[Any, Any]) -> None:
    """An exception, and the connection goes on."""
    pair = face.connect(*contexts)
    for call in (lambda: pair.client.write_early_data(b"x"), lambda: pair.server.read_early_data(10)):
        with pytest.raises(face.error):
            call()
    pair.client.write(b"hello")
    carried(pair)
    assert pair.server.read(100) == b"hello"


def test_on_tls_1_2(face: Face, ca: Identity, server_identity: Identity) -> None:
    client, server = face.client("1.2", ca), face.server("1.2", server_identity)
    allow(server, 5000)
    session = face.session(face.connect(client, server).client)
    assert session.max_early_data == 0
    with pytest.raises(ValueError, match="early data needs a session"):
        face.pair(client, server, session).client.write_early_data(b"x")


def test_what_callbacks_raise(face: Face, contexts: tuple[Any, Any], session: Any) -> None:
    """As in a handshake: it is raised by the running call, and the connection is over."""

    def fail(*_arguments: Any) -> None:
        raise KeyError("no such name")

    if face.session_type is SSL.Session:
        contexts[1].set_tlsext_servername_callback(fail)
    else:
        contexts[1].sni_callback = fail
    pair = face.pair(*contexts, session)
    pair.client.write_early_data(b"x")
    carried(pair)
    with pytest.raises(KeyError, match="no such name"):
        pair.server.read_early_data(10)
    with pytest.raises(face.error):
        pair.server.do_handshake()


def test_wrong_arguments(face: Face, contexts: tuple[Any, Any]) -> None:
    pair = face.pair(*contexts)
    with pytest.raises(ValueError, match="must be 1 or more"):
        pair.server.read_early_data(0)
    for size, error in ((-1, (ValueError, OverflowError)), (1 << 32, (ValueError, OverflowError)), ("x", TypeError)):
        with pytest.raises(error):
            allow(contexts[1], size)  # type: ignore[arg-type]


# -- with OpenSSL's programs ------------------------------------------------------------------------------------------


def called_twice(ca: Identity, port: int) -> Iterator[tuple[str, SSL.Connection]]:
    """Connections to a server, the second with early words, and what is to become of those."""
    client = FACES["pyOpenSSL"].client("1.3", ca)
    told: list[SSL.Session] = []
    client.set_new_session_callback(lambda _connection, session: told.append(session))
    for expected in ("not sent", "accepted"):
        with connect(port) as sock:
            sock.settimeout(None)
            connection = SSL.Connection(client, sock)
            connection.set_connect_state()
            if told:
                connection.set_session(told[-1])
                assert connection.write_early_data(b"early words\n") == 12
            connection.do_handshake()
            yield expected, connection
            connection.shutdown()


def test_client_of_s_server(ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """Its output has the early data."""
    files = ["-cert", str(server_identity.certificate_file), "-key", str(server_identity.key_file)]
    server = partial(openssl_server, "-tls1_3", *files, "-early_data")
    with listening(server, tmp_path / "log") as (running, port):
        for expected, connection in called_twice(ca, port):
            running.write(b"hello\n")
            assert connection.recv(100) == b"hello\n"
            assert connection.early_data_status() == expected
        assert running.line("early words") is not None


def taken_up(server: Any, sock: socket.socket) -> tuple[Any, tuple[bytes, str]]:
    """The server's connection with a client that has come, and its early data with what became of that."""
    sock.settimeout(None)
    connection = SSL.Connection(server, sock)
    connection.set_accept_state()
    data = early(connection)
    connection.do_handshake()
    return connection, (data, connection.early_data_status())


def test_server_of_s_client(ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """It sends a file early, in its second connection."""
    program("openssl", "openssl")
    words = tmp_path / "words"
    words.write_bytes(b"early words")
    server = FACES["pyOpenSSL"].server("1.3", server_identity)
    server.set_max_early_data(1000)
    server.set_num_tickets(1)  # s_client writes its file anew for each, and may be stopped half-way
    seen: list[tuple[bytes, str]] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(TIMEOUT)
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        command = ["openssl", "s_client", "-connect", address, "-CAfile", str(ca.certificate_file), "-quiet"]
        kept = tmp_path / "session"
        for extra in (["-sess_out", str(kept)], ["-sess_in", str(kept), "-early_data", str(words)]):
            with started([*command, *extra], tmp_path / "log"):
                sock, _address = listening.accept()
                with sock:
                    connection, came = taken_up(server, sock)
                    seen.append(came)
                    connection.send(b"bye\n")
                    deadline = time.monotonic() + TIMEOUT
                    while not kept.exists() or b"-----END" not in kept.read_bytes():
                        assert time.monotonic() < deadline
                        time.sleep(0.02)
                    connection.shutdown()
    assert seen == [(b"", "not sent"), (b"early words", "accepted")]


def test_client_of_gnutls_serv(ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """It takes early data for what comes first of a request, and echoes it."""
    files = ["--x509certfile", str(server_identity.certificate_file), "--x509keyfile", str(server_identity.key_file)]
    server = partial(gnutls_server, "--echo", "--earlydata", "--maxearlydata", "1000", *files)
    with listening(server, tmp_path / "log") as (running, port):
        for expected, connection in called_twice(ca, port):
            connection.send(b"hello\n")
            assert connection.recv(100) in (b"hello\n", b"early words\n"), running.output
            assert connection.early_data_status() == expected


def test_server_of_gnutls_cli(ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """It comes back by itself, with a file as early data."""
    program("gnutls-cli", "gnutls-bin")
    (tmp_path / "words").write_bytes(b"early words")
    server = FACES["pyOpenSSL"].server("1.3", server_identity)
    server.set_max_early_data(1000)
    seen: list[tuple[bytes, str]] = []

    problems: list[Exception] = []

    def serve(listening: socket.socket) -> None:
        try:
            for _ in range(2):
                sock, _address = listening.accept()
                with sock:
                    connection, came = taken_up(server, sock)
                    seen.append(came)
                    connection.send(b"hello\n")
                    with suppress(SSL.Error):
                        connection.recv(100)
                        connection.shutdown()
        except (SSL.Error, OSError) as error:  # of a client that has given up
            problems.append(error)

    for _attempt in range(5):
        seen.clear()
        problems.clear()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listening.settimeout(TIMEOUT)
            thread = threading.Thread(target=serve, args=(listening,))
            thread.start()
            options = ["--resume", "--waitresumption", "--earlydata", str(tmp_path / "words")]
            trust = ["--x509cafile", str(ca.certificate_file), "-p", str(listening.getsockname()[1])]
            done = finished(["gnutls-cli", *options, *trust, "localhost"], b"hello\n", tmp_path)
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)  # nobody else comes
            thread.join(TIMEOUT)
        if "The operation timed out" not in done.log:  # it waits for its ticket, but on a busy machine not long enough
            break
    assert problems == []
    assert seen == [(b"", "not sent"), (b"early words", "accepted")], (done.output, done.log)
