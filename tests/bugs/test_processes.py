"""C20 and C18: fork, the end of the interpreter, and other interpreters; each in a process of its own."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.helpers import Identity
from tests.programs import python

PREAMBLE = """
import contextlib, os, socket, sys, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from pathlib import Path
from openssl_bio import SSL, stdlib

certificate, key = sys.argv[1:]

def contexts():
    server, client = SSL.Context(SSL.TLS_METHOD), SSL.Context(SSL.TLS_METHOD)
    server.use_certificate_file(certificate)
    server.use_privatekey_file(key)
    client.load_verify_locations(certificate)
    return client, server

def carry(source, target):
    try:
        target.bio_write(source.bio_read(1 << 20))
    except SSL.WantReadError:
        pass

# Handshakes, a step at a time.
def shaking(pair):
    ends = SSL.Connection(pair[0]), SSL.Connection(pair[1])
    ends[0].set_connect_state()
    ends[1].set_accept_state()
    for _ in range(4):
        for one, other in (ends, ends[::-1]):
            try:
                one.do_handshake()
            except SSL.WantReadError:
                pass
            carry(one, other)
            yield
    ends[0].send(b"done")
    carry(*ends)
    assert ends[1].recv(10) == b"done"
    return ends

def shaking_objects():
    server, client = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER), stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    server.load_cert_chain(certificate, key)
    client.load_verify_locations(certificate)
    client.check_hostname, client.verify_mode = False, stdlib.CERT_NONE
    to_server, to_client = stdlib.MemoryBIO(), stdlib.MemoryBIO()
    ends = client.wrap_bio(to_client, to_server), server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for one in ends:
            with contextlib.suppress(stdlib.SSLWantReadError):
                one.do_handshake()
            yield
    assert ends[0].version() == "TLSv1.3"
    return ends

def finished(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value

def shake(pair):
    return finished(shaking(pair))

def shake_objects():
    return finished(shaking_objects())
"""

# Nobody is inside OpenSSL at the moment of the fork, neither to make something nor to free it: a lock of its own that
# another thread holds would stay locked in the child for ever, whoever calls it.
FORK = """
gate = threading.Lock()

def forever():
    def work():
        while True:
            yield from shaking(pair)
            yield from shaking_objects()

    steps = work()
    while True:
        with gate:
            next(steps)

pair = contexts()
mine = shake(pair)
for _ in range(4):
    threading.Thread(target=forever, daemon=True).start()
for _ in range(10):
    time.sleep(0.01)
    with gate:
        child = os.fork()
    if not child:
        shake(contexts())
        shake_objects()
        # The connection, which no thread was using, goes on in the child as it would have here.
        mine[0].send(b"from the child")
        carry(*mine)
        assert mine[1].recv(100) == b"from the child"
        mine[0].shutdown()
        os._exit(0)
    end = time.monotonic() + 60
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            assert status == 0, status
            break
        if time.monotonic() > end:
            os.kill(child, 9)
            raise AssertionError("the child hangs")
        time.sleep(0.005)
mine[0].send(b"still here")
carry(*mine)
assert mine[1].recv(100) == b"still here"
print("ok", flush=True)
os._exit(0)
"""

END = """
held = []

def forever():
    while True:
        held.append(shake(pair))
        held.append(shake_objects())
        del held[:-20]

def waiting():
    near, far = socket.socketpair()
    held.append(far)
    connection = SSL.Connection(pair[0], near)
    connection.set_connect_state()
    connection.do_handshake()

class Late:
    def __del__(self):
        # What runs when modules and their names are going must not crash either.
        try:
            self.connection.send(b"late")
            self.connection.bio_read(100)
            self.connection.get_peer_certificate()
            self.object.write(b"late")
            shake_objects()
        except Exception as error:
            print("refused", type(error).__name__, flush=True)

pair = contexts()
pair[0].set_info_callback(lambda connection, where, value: held and connection.get_state_string())
late = Late()
late.connection, late.object = shake(pair)[0], shake_objects()[0]
late.myself = late
sys.modules["late"] = late
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
threading.Thread(target=waiting, daemon=True).start()
time.sleep(0.2)
print("ok", flush=True)
"""

INTERPRETERS = """
import importlib
try:
    interpreters = importlib.import_module("_xxsubinterpreters")
except ImportError:
    interpreters = importlib.import_module("_interpreters")
shake(contexts())
code = '''
try:
    from openssl_bio import SSL
    SSL.Context(SSL.TLS_METHOD).set_cipher_list(b"ALL")
    SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    import ssl
    from openssl_bio import stdlib
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    for bio in stdlib.MemoryBIO, ssl.MemoryBIO:
        try:
            assert context.wrap_bio(bio(), bio()).data_to_send()
        except RuntimeError as error:
            assert bio is ssl.MemoryBIO and "another interpreter" in str(error), error
except ImportError as error:
    assert "interpreter" in str(error), error
'''
for _ in range(3):
    one = interpreters.create()
    failed = interpreters.run_string(one, "import sys; sys.path[:0] = " + repr(sys.path) + code)
    assert failed is None, failed
    interpreters.destroy(one)
    shake(contexts())
print("ok", flush=True)
"""


def run(script: str, identity: Identity, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run a script after the preamble."""
    path = tmp_path / "script.py"
    path.write_text(PREAMBLE + script)
    return python("-X", "faulthandler", path, identity.certificate_file, identity.key_file)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_C20_fork_while_threads_shake_hands(server_identity: Identity, tmp_path: Path) -> None:
    """Ten children, each with new contexts of both faces, and with a connection that the parent had at rest.

    The parent's threads are half way through handshakes.

    A connection is not refused in a child: servers fork to hand one over. Who goes on with it in both spoils it.
    """
    done = run(FORK, server_identity, tmp_path)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr


def test_C20_interpreter_ends_with_live_connections(server_identity: Identity, tmp_path: Path) -> None:
    """Threads are in handshakes and in a read that waits; a destructor uses connections when all is going."""
    for _ in range(3):
        done = run(END, server_identity, tmp_path)
        assert (done.returncode, done.stdout.splitlines()[0]) == (0, "ok"), done.stderr


def test_C18_other_interpreters(server_identity: Identity, tmp_path: Path) -> None:
    """A sub-interpreter can use the package or is refused by the import; the process lives on."""
    done = run(INTERPRETERS, server_identity, tmp_path)
    assert (done.returncode, done.stdout) == (0, "ok\n"), done.stderr
