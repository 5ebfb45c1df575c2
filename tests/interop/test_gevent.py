"""gevent, which puts cooperative sockets in the place of Python's: each test in a process of its own, patched first."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from tests.helpers import TIMEOUT, Identity

# An echoing server and its clients, all in one thread: whoever blocked would stop the others for good.
SETUP = """
import socket, sys
import gevent
from gevent.event import Event
from openssl_bio import stdlib as ssl

authority, certificate, key = sys.argv[1:]
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(certificate, key)
client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
client.load_verify_locations(authority)
listening = socket.create_server(("127.0.0.1", 0))
address = listening.getsockname()

def echo(connection):
    with connection:
        while data := connection.recv(1 << 16):
            connection.sendall(data)

def serve(how_many):
    for _ in range(how_many):
        plain, _ = listening.accept()
        gevent.spawn(lambda plain=plain: echo(server.wrap_socket(plain, server_side=True)))

def dial(**options):
    return client.wrap_socket(socket.create_connection(address), server_hostname="localhost", **options)
"""


def run(script: str, ca: Identity, identity: Identity, *, patch_first: bool = True) -> None:
    """Run a script after `SETUP` in a patched process; it fails with the script."""
    pytest.importorskip("gevent", reason="gevent is not installed")
    patch = "from gevent import monkey; monkey.patch_all()\n"
    begin = patch if patch_first else f"import openssl_bio.stdlib\n{patch}"
    files = [str(path) for path in (ca.certificate_file, identity.certificate_file, identity.key_file)]
    command = [sys.executable, "-W", "ignore", "-c", begin + SETUP + textwrap.dedent(script), *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_sockets(ca: Identity, server_identity: Identity) -> None:
    """Many clients at once, more data than the sockets hold, a time-out, and a clean end."""
    script = """
    import ssl as patched
    assert isinstance(client, patched.SSLContext)
    gevent.spawn(serve, 9)

    def talk(number):
        data = bytes([number]) * 500_000
        with dial() as connection:
            assert isinstance(connection, patched.SSLSocket) and isinstance(connection, ssl.SSLSocket)
            sending = gevent.spawn(connection.sendall, data)
            received = bytearray()
            while len(received) < len(data):
                received += connection.recv(1 << 16)
            sending.get()
            assert received == data
            assert connection.version() == "TLSv1.3" and connection.group() is not None
            assert connection.getpeercert()["subject"] == ((("commonName", "example.test"),),)
            connection.unwrap().close()

    talks = [gevent.spawn(talk, number) for number in range(8)]
    gevent.joinall(talks, raise_error=True)

    with dial() as connection:
        connection.settimeout(0.01)
        try:
            connection.recv(1)
        except TimeoutError:
            pass
        else:
            raise AssertionError("it did not time out")
    """
    run(script, ca, server_identity)


def test_a_callback_may_let_others_run(ca: Identity, server_identity: Identity) -> None:
    """One connection waits in its callback, which is given its socket; meanwhile another is made in the same thread."""
    script = """
    entered, done, seen = Event(), Event(), []

    def choose(connection, name, context):
        seen.append((name, isinstance(connection, ssl.SSLSocket)))
        entered.set()
        assert done.wait(60)

    server.sni_callback = choose
    gevent.spawn(serve, 2)
    waiting = gevent.spawn(dial)
    assert entered.wait(60)
    server.sni_callback = None
    second = dial()
    done.set()
    for connection in (second, waiting.get()):
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"
        connection.close()
    assert seen == [("localhost", True)], seen
    """
    run(script, ca, server_identity)


def test_memory(ca: Identity, server_identity: Identity) -> None:
    """wrap_bio needs no patching: between greenlets, over Python's MemoryBIO."""
    script = """
    import ssl as patched

    def carry(connection, plain, incoming, outgoing, call):
        while True:
            try:
                return call()
            except patched.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(1 << 16))
            finally:
                plain.sendall(outgoing.read())

    gevent.spawn(serve, 1)
    incoming, outgoing = patched.MemoryBIO(), patched.MemoryBIO()
    connection = client.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(address) as plain:
        carry(connection, plain, incoming, outgoing, connection.do_handshake)
        carry(connection, plain, incoming, outgoing, lambda: connection.write(b"in memory"))
        assert carry(connection, plain, incoming, outgoing, lambda: connection.read(100)) == b"in memory"
    """
    run(script, ca, server_identity)


def test_patched_too_late(ca: Identity, server_identity: Identity) -> None:
    """Sockets then say what is wrong; gevent's own warning is about Python's ssl."""
    script = """
    gevent.spawn(listening.accept)
    try:
        dial()
    except RuntimeError as error:
        assert "patch first" in str(error)
    else:
        raise AssertionError("it was not refused")
    """
    run(script, ca, server_identity, patch_first=False)
