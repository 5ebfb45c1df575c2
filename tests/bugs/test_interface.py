"""D: leaks, and E: the interface."""

from __future__ import annotations

import gc
import socket
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SSL, stdlib
from tests.bugs.ends import Boom, Ends
from tests.bugs.test_errors import raising
from tests.helpers import TIMEOUT, Identity, Pair, client_context, server_context
from tests.programs import printed
from tests.test_names import TABLES, absent, found, names


@pytest.fixture
def no_cyclic_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_cyclic_collector")
@pytest.mark.parametrize("kind", ["good", "raising", "abandoned", "refused"])
def test_D22_no_cycles(ends: Ends, kind: str) -> None:
    """Connections, contexts and callbacks that refer to each other are freed by reference counts."""
    contexts = {"client": ends.client(), "server": ends.server()}
    for name, (side, put) in ends.installers().items():
        put(contexts[side], lambda *_, name=name: True if name == "verify" else None)
    if kind == "raising":
        side, put = next(iter(ends.installers().values()))
        put(contexts[side], raising(Boom()))
    if kind == "refused":
        contexts["client"] = SSL.Context(SSL.TLS_METHOD) if not ends.is_ssl else ends.client()
        if ends.is_ssl:
            contexts["client"] = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
        else:
            contexts["client"].set_verify(SSL.VERIFY_PEER)
    pair = ends.pair(contexts["client"], contexts["server"])
    if kind == "abandoned":
        with pytest.raises(ends.want_read):
            pair.client.do_handshake()
        failed: dict[str, BaseException] = {}
    else:
        failed = ends.shake(pair)
        assert bool(failed) == (kind in {"raising", "refused"})
    watched = [weakref.ref(thing) for thing in (pair.client, pair.server, *contexts.values())]
    del pair, contexts, side, put
    if kind == "refused":
        assert "client" in failed
    failed.clear()
    assert [one() for one in watched] == [None] * 4


COUNTING = """
import ctypes, os, sys
live = 0
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.realloc.restype = ctypes.c_void_p
libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
M = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int)
R = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int)
F = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)

def new(size, _file, _line):
    global live
    if not size:
        return None
    live += 1
    return libc.malloc(size)

def again(pointer, size, _file, _line):
    global live
    if not pointer:
        return new(size, None, 0)
    if not size:
        return gone(pointer, None, 0)
    return libc.realloc(pointer, size)

def gone(pointer, _file, _line):
    global live
    if pointer:
        live -= 1
        libc.free(pointer)

calls = M(new), R(again), F(gone)
for path in sys.argv[1].split(os.pathsep):
    assert ctypes.CDLL(path).CRYPTO_set_mem_functions(*calls) == 1, path

import gc
import traceback

def run():
    gc.disable()
    from tests.core import test_leaks
    for kind in test_leaks.KINDS:
        grown = []
        for _ in range(3):
            before = live
            test_leaks.handshakes(kind, 0x304, 20)
            grown.append(live - before)
        assert before > 1000, before
        # Twenty connections at each end: what is kept for one of them is kept twenty times.
        assert max(grown[1:]) < 10, (kind, grown)
    from tests.pyopenssl.test_callbacks import CERT, KEY
    from openssl_bio import crypto
    packed = crypto.PKCS12()
    packed.set_certificate(CERT)
    packed.set_privatekey(KEY)
    data = packed.export(b"secret", iter=1)
    grown = []
    for _ in range(3):
        before = live
        for _ in range(20):
            crypto.load_pkcs12(data, b"secret").get_certificate()
        grown.append(live - before)
    assert max(grown[1:]) < 10, ("pkcs12", grown)

try:
    run()
    print("flat", flush=True)
except BaseException:
    traceback.print_exc()
sys.stderr.flush()
os._exit(0)
"""


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the library's path is read from Linux's /proc")
def test_D23_no_allocation_of_the_library_stays(tmp_path: Path) -> None:
    """In a process that counts what libcrypto allocates: after handshakes of each kind it has what it had before.

    And after PKCS#12 was loaded.
    """
    paths = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libcrypto" in line}
    if not paths:
        pytest.skip("the extension module has libcrypto inside, and nothing can be set before it is loaded")
    script = tmp_path / "counting.py"
    script.write_text(COUNTING)
    assert printed("-X", "faulthandler", script, ":".join(sorted(paths))) == "flat\n"


# -- E24: setters -----------------------------------------------------------------------------------------------------


def test_E24_session_id_separates(version: int, ca: Identity, server_identity: Identity) -> None:
    """What `set_session_id` sets decides where a session can be resumed: on the wire, not in a getter."""
    client = client_context(version, ca)
    servers = [server_context(version, server_identity) for _ in range(2)]
    for index, server in enumerate(servers):
        server.set_session_id(b"%d" % index)
    pair = Pair(client, servers[0]).handshake()
    session = pair.client.get_session()
    assert session is not None
    again = Pair(client, servers[0])
    again.client.set_session(session)
    assert again.handshake().client.session_reused()
    servers[0].set_session_id(b"another")
    again = Pair(client, servers[0])
    again.client.set_session(session)
    assert not again.handshake().client.session_reused()


def hello(context: SSL.Context) -> bytes:
    """A ClientHello of this context."""
    client = SSL.Connection(context)
    client.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    return client.bio_read(1 << 16)


# The setting, and what shows that it is in force: a getter of a connection, or the first bytes on the wire.
SETTERS: dict[str, tuple[Callable[[SSL.Context], Any], Callable[[SSL.Context], Any], Any]] = {
    "set_options": (
        lambda c: c.set_options(SSL.OP_NO_TICKET),
        lambda c: bool(c.set_options(0) & SSL.OP_NO_TICKET),
        True,
    ),
    "set_mode": (lambda c: c.set_mode(0x10), lambda c: bool(c.set_mode(0) & 0x10), True),
    "clear_mode": (lambda c: (c.set_mode(0x10), c.clear_mode(0x10)), lambda c: bool(c.set_mode(0) & 0x10), False),
    "set_cipher_list": (
        lambda c: c.set_cipher_list(b"ECDHE-RSA-AES256-GCM-SHA384"),
        lambda c: [n for n in SSL.Connection(c).get_cipher_list() if not n.startswith("TLS_")],
        ["ECDHE-RSA-AES256-GCM-SHA384"],
    ),
    "set_tls13_ciphersuites": (
        lambda c: c.set_tls13_ciphersuites(b"TLS_AES_128_GCM_SHA256"),
        lambda c: [n for n in SSL.Connection(c).get_cipher_list() if n.startswith("TLS_")],
        ["TLS_AES_128_GCM_SHA256"],
    ),
    "set_groups": (lambda c: c.set_groups(b"P-521"), lambda c: b"\x00\x0a\x00\x04\x00\x02\x00\x19" in hello(c), True),
    "set_sigalgs": (
        lambda c: c.set_sigalgs(b"ed25519"),
        lambda c: b"\x00\x0d\x00\x04\x00\x02\x08\x07" in hello(c),
        True,
    ),
    "set_alpn_protos": (lambda c: c.set_alpn_protos([b"zz/9"]), lambda c: b"\x04zz/9" in hello(c), True),
    "set_tlsext_use_srtp": (lambda c: c.set_tlsext_use_srtp(b"SRTP_AES128_CM_SHA1_80"), lambda _: True, True),
    "set_min_proto_version": (
        lambda c: c.set_min_proto_version(SSL.TLS1_3_VERSION),
        lambda c: b"\x00\x2b\x00\x03\x02\x03\x04" in hello(c),
        True,
    ),
    "set_max_proto_version": (
        lambda c: c.set_max_proto_version(SSL.TLS1_2_VERSION),
        lambda c: b"\x03\x04" in hello(c)[43:],
        False,
    ),
    "set_verify": (lambda c: c.set_verify(SSL.VERIFY_PEER), lambda c: SSL.Connection(c).get_verify_mode(), 1),
    "set_verify_depth": (lambda c: c.set_verify_depth(7), lambda c: c.get_verify_depth(), 7),
    "set_timeout": (lambda c: c.set_timeout(77), lambda c: c.get_timeout(), 77),
    "set_session_cache_mode": (
        lambda c: c.set_session_cache_mode(SSL.SESS_CACHE_OFF),
        lambda c: c.get_session_cache_mode(),
        SSL.SESS_CACHE_OFF,
    ),
    "set_num_tickets": (lambda c: c.set_num_tickets(5), lambda c: c.get_num_tickets(), 5),
    "set_security_level": (lambda c: c.set_security_level(3), lambda c: c.get_security_level(), 3),
    "set_app_data": (lambda c: c.set_app_data("x"), lambda c: c.get_app_data(), "x"),
}


def test_E24_every_setter_is_tested() -> None:
    """A setter of Context that is not in the table is called by the tests of its own, which show its effect."""
    setters = {name for name in dir(SSL.Context) if name.startswith(("set_", "clear_"))}
    assert setters >= SETTERS.keys()
    own = Path(__file__).parent
    tests = [path.read_text() for path in own.parent.rglob("test_*.py") if path.parent != own]
    assert [name for name in setters - SETTERS.keys() if not any(f".{name}(" in text for text in tests)] == []


@pytest.mark.parametrize("name", SETTERS)
def test_E24_setter_has_an_effect(name: str) -> None:
    put, get, expected = SETTERS[name]
    context = SSL.Context(SSL.TLS_METHOD)
    if name not in {"set_tlsext_use_srtp", "clear_mode"}:
        assert get(context) != expected
    context = SSL.Context(SSL.TLS_METHOD)
    put(context)
    assert get(context) == expected
    context = SSL.Context(SSL.TLS_METHOD)
    SSL.Connection(context)  # the same in the second generation
    put(context)
    assert get(context) == expected


@pytest.mark.parametrize("face", TABLES)
def test_E25_no_public_name_is_lost(face: str) -> None:
    """Each name of the original is here, or its table says why not."""
    assert {name for name in names(face) if not found(name, TABLES[face])} <= absent(face)


# -- E26: a peer that does not answer ---------------------------------------------------------------------------------


def test_E26_close_notify_is_not_answered(ends: Ends) -> None:
    """Closing never waits: it says that the answer is missing as often as it is asked, and dropping frees at once."""
    pair = ends.pair()
    assert ends.shake(pair) == {}
    if ends.is_ssl:
        for _ in range(5):
            with pytest.raises(ends.want_read):
                pair.client.unwrap()
    else:
        assert pair.client.shutdown() is False
        for _ in range(5):
            with pytest.raises(ends.want_read):
                pair.client.shutdown()
    dropped = weakref.ref(pair.client)
    del pair.client
    assert dropped() is None


def test_E26_close_notify_is_not_answered_over_a_socket(ca: Identity, server_identity: Identity) -> None:
    """With a time-out the close ends by it; the socket can be closed at any time."""
    near, far = socket.socketpair()
    with near, far:
        far.settimeout(TIMEOUT)
        server = SSL.Connection(server_context(SSL.TLS1_3_VERSION, server_identity), far)
        server.set_accept_state()
        client_side = Ends("ssl", SSL.TLS1_3_VERSION, ca, server_identity).client()
        near.setblocking(False)
        client = client_side.wrap_socket(near, server_hostname="localhost", do_handshake_on_connect=False)
        for _ in range(20):
            for call, wants in (
                (client.do_handshake, stdlib.SSLWantReadError),
                (server.do_handshake, SSL.WantReadError),
            ):
                try:
                    call()
                except wants:
                    continue
        client.settimeout(0.05)
        with pytest.raises(TimeoutError):
            client.unwrap()
        client.close()
