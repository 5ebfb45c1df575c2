"""Every call from our own C that can fail is made to fail; `make faults` builds what this needs, and runs it.

The extension is built with ``shim.h``, which counts the calls.  A scenario is run once to know how many there are,
and then once for each of them, with that one failing.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openssl_bio import SSL, _openssl
from tests import helpers
from tests.core.faults import real
from tests.helpers import Identity, Pair
from tests.stdlib import helpers as stdlib_helpers


class _State(ctypes.Structure):
    _fields_ = (
        ("calls", ctypes.c_long),
        ("fails_at", ctypes.c_long),
        ("name", ctypes.c_char_p),
        ("file", ctypes.c_char_p),
        ("line", ctypes.c_int),
    )


shim = _State.in_dll(ctypes.CDLL(_openssl.__file__), "obio_shim")
PLAINTEXT = bytes(range(256)) * 200


class Contexts:
    """What the scenarios make connections from."""

    def __init__(self, ca: Identity, server: Identity, client: Identity) -> None:
        self.ca, self.server, self.client = ca, server, client

    def pair(self, version: int = SSL.TLS1_3_VERSION) -> Pair:
        return Pair(
            helpers.client_context(version, self.ca, self.client), helpers.server_context(version, self.server, self.ca)
        )

    def stdlib(self, bio: Any) -> stdlib_helpers.Pair:
        client = stdlib_helpers.client_context(self.ca)
        return stdlib_helpers.Pair(client, stdlib_helpers.server_context(self.server), bio)

    def dtls(self) -> Pair:
        client, server = SSL.Context(SSL.DTLS_METHOD), SSL.Context(SSL.DTLS_METHOD)
        server.use_certificate(self.server.certificate)
        server.use_privatekey(self.server.key)
        server.set_cookie_generate_callback(lambda _: b"cookie")
        server.set_cookie_verify_callback(lambda _, cookie: cookie == b"cookie")
        return Pair(client, server)


@pytest.fixture(scope="module")
def world(ca: Identity, server_identity: Identity, client_identity: Identity) -> Contexts:
    return Contexts(ca, server_identity, client_identity)


# -- scenarios: what is made, and what is done to it --------------------------------------------------------------


def shaken(made: Pair) -> None:
    made.handshake()


class Received:
    """A pair, and what its server has received."""

    def __init__(self, pair: Pair) -> None:
        self.pair, self.data = pair.handshake(), bytearray()

    def rest(self) -> None:
        """Receive what there is left, as a user does who was told of an error."""
        self.pair.move()
        while True:
            self.data += self.pair.server.recv(1 << 16)


def exchange(made: Received) -> None:
    """Data, received in every way there is."""
    client, server = made.pair.client, made.pair.server
    client.sendall(PLAINTEXT)
    made.pair.move()
    assert PLAINTEXT.startswith(server.recv(10, 2))
    buffer = bytearray(1000)
    while len(made.data) < 3000:
        made.data += buffer[: server.recv_into(buffer)]
    while len(made.data) < len(PLAINTEXT):
        made.data += server.recv(1 << 16)


def has_hole(made: Any) -> bool:
    """Whether something was lost in the middle of what a connection gave."""
    if not isinstance(made, Received):
        return False
    with contextlib.suppress(SSL.Error, MemoryError):
        made.rest()
    return not PLAINTEXT.startswith(bytes(made.data))


def one_call(made: Pair) -> None:
    ciphertext = made.client.send_data(PLAINTEXT) + made.client.send_data_many([b"a", b"b"])
    assert made.server.receive_data(ciphertext) == PLAINTEXT + b"ab"


def closing(made: Pair) -> None:
    for end in (made.client, made.server, made.server, made.client):
        end.shutdown()
        made.move()


def cut(made: Pair) -> None:
    """The peer's bytes end without close_notify, and libssl's error says so."""
    made.client.bio_shutdown()
    with pytest.raises(SSL.SysCallError):
        made.client.recv(10)


def refused(made: Pair) -> None:
    """A handshake that a callback ends."""

    def refuse(*_arguments: Any) -> None:
        raise ZeroDivisionError

    made.server.set_info_callback(refuse)
    with pytest.raises(ZeroDivisionError):
        made.handshake()


def changed(made: Pair) -> None:
    """Contexts that are changed after use: trust stores are copied, sessions taken over."""
    for end in (made.client, made.server):
        context: Any = end.get_context()
        context.set_options(SSL.OP_NO_RENEGOTIATION)
        SSL.Connection(context)
        context.get_cert_store().add_cert(made.certificate)
        SSL.Connection(context)


def listening(made: Pair) -> None:
    for _ in range(3):
        for end, step in ((made.client, made.client.do_handshake), (made.server, made.server.DTLSv1_listen)):
            try:
                step()
            except SSL.WantReadError:
                continue
            finally:
                made.move()
            if end is made.server:
                made.handshake()
                made.client.send(b"datagram")
                made.move()
                assert made.server.recv(100) == b"datagram"
                return
    raise AssertionError("no ClientHello with a cookie comes")


def wrapped(made: Any) -> None:
    made.handshake()
    assert made.client.write(PLAINTEXT) == len(PLAINTEXT)
    assert made.server.read(len(PLAINTEXT)) == PLAINTEXT
    assert made.to_client.pending == 0


def counted(made: Any) -> None:
    made.client.context.cert_store_stats()


def trusting(world: Contexts) -> Pair:
    """A pair whose contexts are in use, and whose server has a session in its cache."""
    pair = world.pair(SSL.TLS1_2_VERSION)
    pair.server.get_context().set_session_cache_mode(SSL.SESS_CACHE_SERVER)
    pair = Pair(pair.client.get_context(), pair.server.get_context()).handshake()
    pair.certificate = world.client.certificate  # type: ignore[attr-defined]
    return pair


SCENARIOS: dict[str, tuple[Callable[[Contexts], Any], Callable[[Any], Any]]] = {
    "connections": (lambda w: w, lambda w: w.pair()),
    "handshake": (lambda w: w.pair(), shaken),
    "handshake of TLS 1.2": (lambda w: w.pair(SSL.TLS1_2_VERSION), shaken),
    "data": (lambda w: Received(w.pair()), exchange),
    "one call": (lambda w: w.pair().handshake(), one_call),
    "shutdown": (lambda w: w.pair().handshake(), closing),
    "truncation": (lambda w: w.pair().handshake(), cut),
    "refused handshake": (lambda w: w.pair(), refused),
    "changed contexts": (trusting, changed),
    "DTLS connections": (lambda w: w, lambda w: w.dtls()),
    "DTLS": (lambda w: w.dtls(), listening),
    "stdlib": (lambda w: w.stdlib(stdlib_helpers.ours.MemoryBIO), wrapped),
    "stdlib over Python's BIOs": (lambda w: w.stdlib(ssl.MemoryBIO), wrapped),
    "stdlib's connections": (lambda w: w, lambda w: w.stdlib(stdlib_helpers.ours.MemoryBIO)),
    "stdlib's connections over Python's BIOs": (lambda w: w, lambda w: w.stdlib(ssl.MemoryBIO)),
    "stdlib's counters": (lambda w: w.stdlib(ssl.MemoryBIO), counted),
}
# What may be raised: a face's error, MemoryError, and what the scenarios say of an operation that ended otherwise.
CLEAN = (SSL.Error, ssl.SSLError, MemoryError, OSError, AssertionError, pytest.fail.Exception)
# Where a failure has no effect that anybody can see, and why.
UNSEEN = {
    "OPENSSL_strdup": "an error record loses its text",
    "SSL_read_ex": "an error behind bytes that were read comes with the next call",
    "SSL_write_ex": "an error behind bytes that were sealed comes with the next call",
    "BIO_new_mem_buf": "the peer gets no alert",
    "CRYPTO_THREAD_run_once": "the first of its kind succeeded; else a block of memory is not kept for later",
    "CRYPTO_THREAD_set_local": "what is left is not used, as long as no sessions are taken over",
    "i2d_SSL_SESSION": "a session is not taken over, too",
    "d2i_SSL_SESSION": "a session is not taken over, so the next handshake is a full one",
}


def run(call: Callable[[Any], Any], made: Any, fails_at: int) -> BaseException | None:
    """Run a call with one fault; what it raised."""
    shim.calls, shim.fails_at, shim.name = 0, fails_at, None
    try:
        call(made)
    except Exception as error:
        return error.with_traceback(None)
    except pytest.fail.Exception as error:
        return error.with_traceback(None)
    finally:
        shim.fails_at = 0
    return None


def place() -> str:
    return f"{shim.name.decode()} in {os.path.basename(shim.file.decode())}:{shim.line}"


def complaints(name: str, number: int, world: Contexts) -> Iterator[str]:
    make, call = SCENARIOS[name]
    made = make(world)
    error = run(call, made, number)
    if shim.name is None:
        return
    where = place()
    if real.ERR_peek_error():
        real.ERR_clear_error()
        yield f"{where}: the error queue is not empty"
    if error is None and shim.name.decode() not in UNSEEN and name != "refused handshake":
        yield f"{where}: success is reported"
    if has_hole(made):
        yield f"{where}: bytes are missing"
    if error is not None and not isinstance(error, CLEAN):
        yield f"{where}: it raises {error!r}"


@pytest.mark.parametrize("name", SCENARIOS)
def test_native_faults(name: str, world: Contexts) -> None:
    """A clean exception, and an empty queue."""
    make, call = SCENARIOS[name]
    assert run(call, make(world), 0) is None
    count = shim.calls
    assert count
    found = [text for number in range(1, count + 1) for text in complaints(name, number, world)]
    assert sorted(set(found)) == []
