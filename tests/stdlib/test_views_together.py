"""Two views of one connection: callbacks, contexts, sessions, threads, and others' programs."""

from __future__ import annotations

import asyncio
import contextlib
import random
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import SSL, SUSPEND, Suspended, stdlib
from tests import helpers as plain
from tests.helpers import TIMEOUT, Identity
from tests.interop.peers import turns
from tests.stdlib.helpers import Pair, client_context, of_version, ours, server_context, wants_read
from tests.stdlib.views import Both, Views

V13 = ssl.TLSVersion.TLSv1_3


# -- callbacks ---------------------------------------------------------------------------------------------------------


def test_callbacks_get_the_connection_of_the_face_that_set_them(both: Both) -> None:
    told: dict[str, set[Any]] = {}

    def noted(name: str, answer: Any = None) -> Callable[..., Any]:
        def note(connection: Any, *_rest: Any) -> Any:
            told.setdefault(name, set()).add(connection)
            return answer

        return note

    contexts = {side: (both.stdlib[side].context, both.pyopenssl[side].get_context()) for side in ("client", "server")}
    # A context in use is changed for later connections; these belong to one connection, or are made afterwards.
    contexts["server"][0].sni_callback = noted("sni")
    contexts["server"][1].set_alpn_select_callback(noted("alpn", b"h2"))
    contexts["client"][1].set_alpn_protos([b"h2"])
    contexts["client"][1].set_info_callback(noted("info"))
    contexts["client"][0]._msg_callback = noted("message")
    contexts["client"][1].set_keylog_callback(noted("keylog"))
    contexts["client"][0].set_verify_chain(noted("chain", True))
    later: dict[str, Any] = {}
    for face in ("stdlib", "pyopenssl"):
        told.clear()
        to_server, to_client = stdlib.MemoryBIO(), stdlib.MemoryBIO()
        if face == "stdlib":
            later["client"] = contexts["client"][0].wrap_bio(to_client, to_server, server_hostname="localhost")
            later["server"] = contexts["server"][0].wrap_bio(to_server, to_client, server_side=True)
            later["connections"] = [later[side].connection for side in ("client", "server")]
        else:
            later["connections"] = [SSL.Connection(contexts[side][1]) for side in ("client", "server")]
            later["connections"][0].set_connect_state()
            later["connections"][0].set_tlsext_host_name(b"localhost")
            later["connections"][1].set_accept_state()
            later["client"], later["server"] = (end.ssl_object for end in later["connections"])
        for _ in range(4):
            for end in (later["client"], later["server"]):
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
            if face == "pyopenssl":
                plain.carry(*later["connections"])
                plain.carry(*reversed(later["connections"]))
        client, server = later["connections"]
        assert later["client"].selected_alpn_protocol() == "h2"
        assert told == {
            "sni": {later["server"]},
            "alpn": {server},
            "info": {client},
            "message": {later["client"]},
            "keylog": {client},
            "chain": {later["client"]},
        }


def test_callbacks_of_one_connection(views: Views) -> None:
    """A Connection's setters work for an SSLObject that Python's ssl gives none."""
    judged: list[Any] = []
    client, server = views.connections["client"], views.connections["server"]

    def verify(connection: SSL.Connection, _certificate: Any, error: int, depth: int, ok: int) -> bool:
        judged.append((connection, error, depth, ok))
        return True

    client.set_verify(SSL.VERIFY_PEER, verify)
    named: list[Any] = []
    server.set_tlsext_servername_callback(lambda connection: named.append((connection, connection.get_servername())))
    views.pair.handshake()
    assert judged == [(client, 0, 1, 1), (client, 0, 0, 1)]
    assert named == [(server, b"localhost")]


@pytest.mark.parametrize("face", ["s", "o"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, ssl.SSLWantReadError, SSL.WantReadError])
def test_what_a_callback_raises_is_raised_by_whichever_runs(both: Both, face: str, error: Any) -> None:
    raised = error("mine")

    def fail(*_arguments: Any) -> None:
        raise raised

    both.pyopenssl["server"].set_tlsext_servername_callback(fail)
    with contextlib.suppress(ssl.SSLWantReadError):
        both.stdlib["client"].do_handshake()
    both.move()
    end = both.stdlib["server"] if face == "s" else both.pyopenssl["server"]
    with pytest.raises((error, SSL.WantReadError, ssl.SSLWantReadError)) as caught:
        end.do_handshake()
    if error in (KeyboardInterrupt, ValueError):
        assert caught.value is raised
    with pytest.raises(ssl.SSLError, match=r"(?i)callback"):
        both.stdlib["server"].do_handshake()
    with pytest.raises(SSL.Error, match=r"(?i)callback"):
        both.pyopenssl["server"].do_handshake()


def test_a_callback_is_refused_what_its_own_connection_does(both: Both) -> None:
    """Through either view, with the face's error, which is a RuntimeError."""
    found: list[Any] = []

    def try_all(_connection: Any) -> None:
        for call in (
            lambda: both.stdlib["server"].read(1),
            lambda: both.pyopenssl["server"].recv(1),
            both.stdlib["server"].unwrap,
            lambda: both.pyopenssl["server"].send(b"x"),
            lambda: both.pyopenssl["server"].bio_write(b"x"),
            lambda: both.stdlib["server"].receive_data(b"x"),
        ):
            with pytest.raises(RuntimeError) as caught:
                call()
            found.append(isinstance(caught.value, SSL.Error))
        assert both.stdlib["server"].version() is None
        assert both.pyopenssl["server"].get_servername() == b"localhost"

    both.pyopenssl["client"].set_tlsext_host_name(b"localhost")
    both.pyopenssl["server"].set_tlsext_servername_callback(try_all)
    both.handshake()
    assert found == [False, True, False, True, True, False]


def test_plaintext_that_came_with_an_exception_is_read_by_either(both: Both) -> None:
    both.handshake()
    raised = KeyboardInterrupt()

    def fail(*_arguments: Any) -> None:
        raise raised

    both.pyopenssl["client"].set_info_callback(fail)
    both.stdlib["server"].write(b"data")
    with pytest.raises(ssl.SSLWantReadError):
        both.stdlib["server"].unwrap()
    both.move()
    with pytest.raises(KeyboardInterrupt):
        both.pyopenssl["client"].recv(100)
    assert both.stdlib["client"].pending() == 4
    assert both.stdlib["client"].read(2) + both.pyopenssl["client"].recv(2) == b"data"


def test_suspension_through_either(version: ssl.TLSVersion, ca: Identity, server_identity: Identity) -> None:
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    client.set_verify_chain(lambda *_: SUSPEND)
    pair = Pair(client, server)
    connection = pair.client.connection
    for _ in range(2):
        for end in (pair.client, pair.server):
            with contextlib.suppress(ssl.SSLError):
                end.do_handshake()
    with pytest.raises(Suspended) as ours_:
        pair.client.do_handshake()
    with pytest.raises(Suspended) as theirs:
        connection.do_handshake()
    assert isinstance(ours_.value, ssl.SSLError)
    assert isinstance(theirs.value, SSL.Error)
    assert connection.suspended == pair.client.suspended == "verification"
    connection.resume_handshake(True)
    pair.handshake()


# -- contexts ----------------------------------------------------------------------------------------------------------


def test_contexts_are_one(both: Both, ca: Identity) -> None:
    one, other = both.stdlib["client"].context, both.pyopenssl["client"].get_context()
    one.maximum_version = ssl.TLSVersion.TLSv1_2
    other.set_timeout(77)
    other.set_options(SSL.OP_NO_TICKET)
    assert one.options & ssl.OP_NO_TICKET
    assert other.get_timeout() == 77
    before = one.cert_store_stats()["x509"]
    other.get_cert_store().add_cert(ca.certificate)
    assert one.cert_store_stats()["x509"] == before == 1
    other.set_app_data("mine")
    assert both.pyopenssl["client"].get_context().get_app_data() == "mine"
    assert both.pyopenssl["client"].get_app_data() is None
    one.verify_mode = ssl.CERT_REQUIRED
    one.check_hostname = True
    assert both.stdlib["client"].context.check_hostname is True
    with pytest.raises(ValueError, match="check_hostname requires"):
        one.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO())


def test_app_data_is_the_connections_alone(both: Both) -> None:
    both.pyopenssl["client"].set_app_data([1])
    both.stdlib["client"].app_data = "an attribute of the user's"
    assert both.pyopenssl["client"].get_app_data() == [1]
    assert both.pyopenssl["server"].get_app_data() is None
    both.handshake()
    assert both.pyopenssl["client"].get_app_data() == [1]


def test_another_context_through_either(both: Both, ca: Identity, client_identity: Identity, version: Any) -> None:
    """A context of either face is set by its own face, and seen by both."""
    server = both.stdlib["server"]
    replaced = server_context(client_identity, version=version)
    server.context = replaced
    assert server.context is replaced
    seen = both.pyopenssl["server"].get_context()
    assert isinstance(seen, SSL.Context)
    again = plain.server_context(version, client_identity)
    both.pyopenssl["server"].set_context(again)
    assert both.pyopenssl["server"].get_context() is again
    assert isinstance(server.context, stdlib.SSLContext)
    server.context = server.context
    both.pyopenssl["server"].set_context(seen)
    assert server.context is replaced
    with pytest.raises(TypeError):
        both.pyopenssl["server"].set_context(replaced)
    with pytest.raises(TypeError):
        server.context = again
    both.pyopenssl["client"].set_verify(SSL.VERIFY_NONE)
    both.handshake()
    certificate = both.pyopenssl["client"].get_peer_certificate()
    assert plain.digest(certificate) == plain.digest(client_identity.certificate)


def test_a_server_name_callback_of_either_face_chooses(ca: Identity, server_identity: Identity, version: Any) -> None:
    client = client_context(ca, version=version)
    for through in ("context", "connection"):
        server = of_version(ours.SSLContext(ours.PROTOCOL_TLS_SERVER), version)
        better = plain.server_context(version, server_identity)
        pair = Pair(client, server)
        connection = pair.server.connection
        where = connection if through == "connection" else connection.get_context()
        where.set_tlsext_servername_callback(lambda found, better=better: found.set_context(better))
        if through == "context":
            pair = Pair(client, server)
        pair.handshake()
        assert pair.server.connection.get_context() is better


@pytest.mark.parametrize("through", ["stdlib", "pyopenssl"])
def test_sessions_through_either(
    first: str, through: str, version: ssl.TLSVersion, ca: Identity, server_identity: Identity
) -> None:
    """What one view gives, a later connection of the same context resumes through the other."""
    both = Both(first, version, ca, server_identity).handshake()
    both.stdlib["server"].write(b"x")
    both.move()
    assert both.pyopenssl["client"].recv(1) == b"x"
    client, server = both.stdlib["client"].context, both.stdlib["server"].context
    name = {"server_hostname": "localhost"} if first == "SSLObject" else {}
    if through == "stdlib":
        session = both.stdlib["client"].session
        pair = Pair(client, server, session=session, server_hostname=name.get("server_hostname"))
    else:
        pair = Pair(client, server, server_hostname=name.get("server_hostname"))
        pair.client.connection.set_session(both.pyopenssl["client"].get_session())
    pair.handshake()
    assert pair.client.session_reused
    assert pair.client.connection.session_reused()


# -- threads -----------------------------------------------------------------------------------------------------------


def test_two_threads_use_one_connection_through_both(views: Views) -> None:
    """One writes through one view while the other reads through the other, both ways at once."""
    pair = views.pair.handshake()
    size, block = 400_000, 4_000
    failed: list[BaseException] = []
    found = {"client": bytearray(), "server": bytearray()}
    data = {"client": random.Random(1).randbytes(size), "server": random.Random(2).randbytes(size)}
    arrived = threading.Condition()

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failed.append(error)
        finally:
            with arrived:
                arrived.notify_all()

    def write(side: str, send: Callable[[bytes], int]) -> None:
        for start in range(0, size, block):
            assert send(data[side][start : start + block]) == block
            with arrived:
                arrived.notify_all()

    def read(side: str, receive: Callable[[int], bytes], nothing: type[Exception]) -> None:
        while len(found[side]) < size and not failed:
            with arrived:
                try:
                    found[side] += receive(block)
                except nothing:
                    arrived.wait(0.5)

    objects, connections = views.objects, views.connections
    work = [
        lambda: write("client", objects["client"].write),
        lambda: write("server", connections["server"].send),
        lambda: read("client", connections["client"].recv, SSL.WantReadError),
        lambda: read("server", objects["server"].read, ssl.SSLWantReadError),
    ]
    threads = [threading.Thread(target=run, args=(one,), daemon=True) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert failed == []
    assert found["client"] == data["server"]
    assert found["server"] == data["client"]
    assert wants_read(lambda: pair.client.read(1))


def test_views_are_made_by_many_threads_at_once(version: ssl.TLSVersion, ca: Identity) -> None:
    made = client_context(ca).wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname="localhost")
    begin, found = threading.Barrier(8), []

    def look() -> None:
        begin.wait(TIMEOUT)
        found.append(made.connection)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


# -- others' programs --------------------------------------------------------------------------------------------------


def test_key_updates(first: str, server_identity: Identity) -> None:
    """``openssl s_client`` sends a KeyUpdate and asks for one: both views go on with the new keys."""
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("there is no program openssl")
    if first == "SSLObject":
        incoming, outgoing = stdlib.MemoryBIO(), stdlib.MemoryBIO()
        one = server_context(server_identity, version=V13).wrap_bio(incoming, outgoing, server_side=True)
        other = one.connection
    else:
        other = SSL.Connection(plain.server_context(SSL.TLS1_3_VERSION, server_identity))
        other.set_accept_state()
        one = other.ssl_object
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        command = [program, "s_client", "-tls1_3", "-connect", f"127.0.0.1:{listener.getsockname()[1]}"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            try:
                plainly, _ = listener.accept()
                with plainly:
                    plainly.settimeout(TIMEOUT)
                    _talk(plainly, process, one, other)
            finally:
                process.kill()


def _talk(plainly: socket.socket, process: subprocess.Popen[bytes], one: Any, other: Any) -> None:
    def until(call: Callable[[], Any]) -> Any:
        while True:
            try:
                return call()
            except (SSL.WantReadError, ssl.SSLWantReadError):
                plainly.sendall(other.data_to_send())
                data = plainly.recv(1 << 16)
                assert data, "the client has gone"
                other.bio_write(data)

    until(other.do_handshake)
    plainly.sendall(one.data_to_send())
    read, write = process.stdout, process.stdin
    assert read is not None
    assert write is not None
    for round_ in range(4):
        receive = (lambda: one.read(100)) if round_ % 2 else (lambda: other.recv(100))
        write.write(b"K\n")  # its command for a KeyUpdate
        write.flush()
        other.bio_write(plainly.recv(1 << 16))
        with pytest.raises((SSL.WantReadError, ssl.SSLWantReadError)):
            receive()
        write.write(b"line %d\n" % round_)
        write.flush()
        found = b""
        while not found.endswith(b"\n"):
            found += until(receive)
        assert found == b"line %d\n" % round_
        answer = b"answer %d\n" % round_
        plainly.sendall(other.send_data(answer) if round_ % 2 else one.send_data(answer))
        while read.readline() != answer:
            pass


def test_the_connection_of_a_transport(version: ssl.TLSVersion, ca: Identity, server_identity: Identity) -> None:
    """asyncio knows SSLObjects alone; what it has made can be asked what only a Connection tells."""
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)

    async def run() -> list[Any]:
        seen: list[Any] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("ssl_object").connection
            seen.append((connection.get_servername(), connection.get_peer_finished()))
            writer.write(await reader.readline())
            await writer.drain()
            writer.close()

        listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server)
        port = listening.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
        connection = writer.get_extra_info("ssl_object").connection
        seen.append((connection.get_protocol_version(), connection.get_finished()))
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
        writer.close()
        listening.close()
        await turns()
        return seen

    served, asked = sorted(asyncio.run(asyncio.wait_for(run(), TIMEOUT)), key=lambda pair: isinstance(pair[0], int))
    assert served[0] == b"localhost"
    assert asked[0] == version
    assert served[1] == asked[1]
