"""What comes before TLS and what follows it: bytes of another protocol on the same transport.

The other end is Python's own ``ssl``.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openssl_bio import stdlib
from tests.helpers import TIMEOUT, Identity
from tests.stdlib.helpers import client_context, of_version, ours, python, server_context, wants_read

PLAIN = b"and now in plain text\r\n" + bytes(range(256)) * 200


def contexts(ca: Identity, identity: Identity, version: ssl.TLSVersion, side: str) -> tuple[Any, Any]:
    """Our context, which is of this side, and one of Python's for the other side."""
    module, other = (ours, python) if side == "client" else (python, ours)
    client, server = client_context(ca, module), server_context(identity, other)
    of_version(client, version)
    of_version(server, version)
    return (client, server) if side == "client" else (server, client)


class Ends:
    """Our end, and Python's."""

    def __init__(self, mine: Any, pythons: Any, bio: Any, side: str, **options: Any) -> None:
        self.incoming, self.outgoing = bio(), bio()
        self.their_incoming, self.their_outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        of_side = {"client": {"server_hostname": "localhost"}, "server": {"server_side": True}}
        other = "server" if side == "client" else "client"
        self.ours = mine.wrap_bio(self.incoming, self.outgoing, **of_side[side], **options)
        self.python = pythons.wrap_bio(self.their_incoming, self.their_outgoing, **of_side[other])

    def move(self) -> None:
        self.their_incoming.write(self.outgoing.read())
        self.incoming.write(self.their_outgoing.read())

    def handshake(self) -> Ends:
        for _ in range(5):
            for end in (self.ours, self.python):
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
                self.move()
        assert wants_read(lambda: self.ours.read(1))  # the tickets
        assert wants_read(lambda: self.python.read(1))
        return self


@pytest.fixture(params=["client", "server"])
def side(request: pytest.FixtureRequest) -> str:
    """Which side is ours."""
    name: str = request.param
    return name


@pytest.fixture
def ends(ca: Identity, server_identity: Identity, version: ssl.TLSVersion, side: str, bio: Any) -> Ends:
    """The two ends after the handshake."""
    return Ends(*contexts(ca, server_identity, version, side), bio, side).handshake()


# -- behind TLS --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"the last of it" * 3000], ids=["alone", "behind data"])
def test_the_peer_ends_tls_and_goes_on(ends: Ends, data: bytes) -> None:
    """Its close_notify, and what it sends behind, come together."""
    if data:
        ends.python.write(data)
    assert wants_read(ends.python.unwrap)
    ends.incoming.write(ends.their_outgoing.read() + PLAIN)
    assert b"".join(iter(lambda: ends.ours.read(1 << 20), b"")) == data
    assert ends.incoming.pending == len(PLAIN)
    assert ends.ours.unwrap() is None
    assert ends.incoming.read() == PLAIN
    ends.their_incoming.write(ends.outgoing.read() + PLAIN)
    ends.python.unwrap()
    assert ends.their_incoming.read() == PLAIN


@pytest.mark.parametrize("data", [b"", b"the last of it"], ids=["alone", "behind data"])
def test_we_end_tls_and_the_peer_goes_on(ends: Ends, data: bytes) -> None:
    """Its data, its answer to our close_notify, and what it sends behind, come together."""
    assert wants_read(ends.ours.unwrap)
    if data:
        ends.python.write(data)
    ends.their_incoming.write(ends.outgoing.read() + PLAIN)
    assert ends.python.read(1) == b""
    ends.python.unwrap()
    assert ends.their_incoming.read() == PLAIN
    ends.incoming.write(ends.their_outgoing.read() + PLAIN)
    if data:
        assert ends.ours.read(1 << 20) == data
    ends.ours.unwrap()
    assert ends.incoming.read() == PLAIN


def test_one_call_forms_leave_it_too(ends: Ends) -> None:
    ends.python.write(b"data")
    assert wants_read(ends.python.unwrap)
    assert ends.ours.receive_data(ends.their_outgoing.read() + PLAIN) == b"data"
    with pytest.raises(ssl.SSLZeroReturnError):
        ends.ours.receive_data(b"")
    ends.ours.unwrap()
    assert ends.incoming.read() == PLAIN


def test_calls_after_the_end_take_nothing(ends: Ends) -> None:
    assert wants_read(ends.python.unwrap)
    ends.incoming.write(ends.their_outgoing.read() + PLAIN)
    ends.ours.unwrap()
    for call in (lambda: ends.ours.read(1), lambda: ends.ours.read(1, bytearray(1)), lambda: ends.ours.write(b"x")):
        with pytest.raises(ssl.SSLError):
            call()
    with contextlib.suppress(ssl.SSLError):
        ends.ours.unwrap()
    ends.ours.do_handshake()
    assert ends.incoming.read() == PLAIN


def test_tls_again_on_the_same_bios(ends: Ends, version: ssl.TLSVersion, side: str, request: Any) -> None:
    """A protocol may begin TLS, end it, speak plainly and begin again."""
    mine, pythons = ends.ours.context, ends.python.context
    for _ in range(2):
        assert wants_read(ends.python.unwrap)
        ends.incoming.write(ends.their_outgoing.read() + b"plain")
        ends.ours.unwrap()
        assert ends.incoming.read() == b"plain"
        ends.their_incoming.write(ends.outgoing.read())
        ends.python.unwrap()
        assert ends.their_incoming.pending == 0
        again = Ends(mine, pythons, type(ends.incoming), side)
        again.handshake()
        ends = again


# -- before TLS --------------------------------------------------------------------------------------------------------


def first_flight(pythons: Any) -> tuple[bytes, Callable[[bytes], Any]]:
    """A client's ClientHello, and what to do with the answer: it returns what is to be sent."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    end = pythons.wrap_bio(incoming, outgoing, server_hostname="localhost")

    def go_on(data: bytes) -> Any:
        incoming.write(data)
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
        return outgoing.read()

    return go_on(b""), go_on


@pytest.mark.parametrize("cut", [0, 1, 5, 100, 10**6])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_initial_bytes_come_first(
    ca: Identity, server_identity: Identity, version: ssl.TLSVersion, bio: Any, cut: int, kind: Any
) -> None:
    server, client = contexts(ca, server_identity, version, "server")
    hello, go_on = first_flight(client)
    incoming, outgoing = bio(), bio()
    incoming.write(hello[cut:])
    end = server.wrap_bio(incoming, outgoing, server_side=True, initial=kind(hello[:cut]))
    assert incoming.pending == len(hello)
    for _ in range(3):
        with contextlib.suppress(ssl.SSLWantReadError):
            end.do_handshake()
        incoming.write(go_on(outgoing.read()))
    assert end.version() is not None


def test_a_client_has_initial_bytes_too(ca: Identity, server_identity: Identity, version: Any, bio: Any) -> None:
    """A server that speaks first in TLS is none, but what comes behind is not lost."""
    client, _ = contexts(ca, server_identity, version, "client")
    incoming = bio()
    incoming.write(b" behind")
    client.wrap_bio(incoming, bio(), server_hostname="localhost", initial=b"before")
    assert incoming.read() == b"before behind"


def test_initial_bytes_in_front_of_the_end(ca: Identity, server_identity: Identity, version: Any, bio: Any) -> None:
    """Ours takes them, also when it has ended; Python's cannot, and is left as it is."""
    server, client = contexts(ca, server_identity, version, "server")
    hello, _ = first_flight(client)
    for behind in (b"", hello[9:]):
        incoming, outgoing = bio(), bio()
        incoming.write(behind)
        incoming.write_eof()
        if bio is ssl.MemoryBIO:
            with pytest.raises(ssl.SSLError, match="after write_eof"):
                server.wrap_bio(incoming, outgoing, server_side=True, initial=hello[:9])
            assert incoming.read() == behind
            continue
        end = server.wrap_bio(incoming, outgoing, server_side=True, initial=hello[: len(hello) - len(behind)])
        with pytest.raises(ssl.SSLEOFError):
            end.do_handshake()
        assert outgoing.pending > 100
        assert incoming.eof


@pytest.mark.parametrize("wrong", ["text", 5, None, [1], object()])
def test_other_types_are_refused_by_name(ca: Identity, bio: Any, wrong: Any) -> None:
    incoming = bio()
    incoming.write(b"what is there")
    with pytest.raises(TypeError, match="initial must be a bytes-like object, not "):
        client_context(ca).wrap_bio(incoming, bio(), server_hostname="localhost", initial=wrong)
    near, far = socket.socketpair()
    with near, far:
        with pytest.raises(TypeError, match="initial must be a bytes-like object, not "):
            client_context(ca).wrap_socket(near, server_hostname="localhost", initial=wrong)
        assert near.fileno() >= 0
    assert incoming.read() == b"what is there"


def test_what_fails_leaves_the_bytes_where_they_were(ca: Identity, bio: Any) -> None:
    incoming = bio()
    incoming.write(b"what is there")
    for options in ({"server_hostname": ""}, {}, {"server_hostname": "a\0"}, {"server_side": True}, {"session": 5}):
        with pytest.raises((ValueError, TypeError, ssl.SSLError)):
            client_context(ca).wrap_bio(incoming, bio(), initial=b"x", **{"session": None, **options})
    with pytest.raises(TypeError, match="outgoing"):
        client_context(ca).wrap_bio(incoming, 5, initial=b"x", server_hostname="localhost")
    with pytest.raises(TypeError, match="incoming"):
        client_context(ca).wrap_bio(5, bio(), initial=b"x", server_hostname="localhost")
    assert incoming.read() == b"what is there"


def test_writers_meanwhile_lose_nothing(ca: Identity) -> None:
    """A thread writes to our BIO while bytes are put in front: what it writes stays in order, behind them."""
    context = client_context(ca)
    for _ in range(20):
        incoming = stdlib.MemoryBIO()
        writer = threading.Thread(target=lambda b=incoming: [b.write(bytes([n])) for n in range(200)])
        writer.start()
        context.wrap_bio(incoming, stdlib.MemoryBIO(), server_hostname="localhost", initial=b"first ")
        writer.join(TIMEOUT)
        assert incoming.read() == b"first " + bytes(range(200))


# -- over sockets ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sockets() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a stream, in blocking mode."""
    near, far = socket.socketpair()
    for end in (near, far):
        end.settimeout(TIMEOUT)
    with near, far:
        yield near, far


class PythonPeer(threading.Thread):
    """Python's end over a socket, driven by hand, so that bytes of TLS and others leave in one piece."""

    def __init__(self, plain: socket.socket, context: Any, side: str, script: Callable[[PythonPeer], Any]) -> None:
        super().__init__(daemon=True)
        self.plain, self.script = plain, script
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        options: dict[str, Any] = {"server_side": True} if side == "server" else {"server_hostname": "localhost"}
        self.end = context.wrap_bio(self.incoming, self.outgoing, **options)
        self.answer: Any = None

    def run(self) -> None:
        self.answer = self.script(self)

    def call(self, operation: Callable[[], Any]) -> Any:
        while True:
            try:
                return operation()
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.plain.recv(1 << 16) or b"")

    def flush(self, behind: bytes = b"") -> None:
        self.plain.sendall(self.outgoing.read() + behind)


@pytest.mark.parametrize("first", ["peer", "us"])
def test_a_socket_reads_nothing_that_is_behind_tls(
    sockets: tuple[socket.socket, socket.socket],
    ca: Identity,
    server_identity: Identity,
    version: ssl.TLSVersion,
    side: str,
    first: str,
) -> None:
    """The peer's last record, its close_notify and plain bytes are one piece; the socket has what is plain."""
    near, far = sockets
    mine, pythons = contexts(ca, server_identity, version, side)

    def script(peer: PythonPeer) -> bytes:
        peer.call(peer.end.do_handshake)
        if first == "us":
            assert peer.call(lambda: peer.end.read(1)) == b""
        else:
            peer.end.write(b"data")
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.end.unwrap()
        peer.flush(PLAIN)
        peer.call(peer.end.unwrap)
        rest = peer.incoming.read()
        while len(rest) < len(PLAIN):
            rest += peer.plain.recv(1 << 16)
        return rest

    peer = PythonPeer(far, pythons, "server" if side == "client" else "client", script)
    peer.start()
    options: dict[str, Any] = {"server_hostname": "localhost"} if side == "client" else {"server_side": True}
    with mine.wrap_socket(near, **options) as wrapped:
        if first == "peer":
            assert wrapped.recv(100) == b"data"
        with wrapped.unwrap() as plain:
            found = b""
            while len(found) < len(PLAIN):
                found += plain.recv(1 << 16)
            assert found == PLAIN
            plain.sendall(PLAIN)
            peer.join(TIMEOUT)
            assert peer.answer == PLAIN


@pytest.mark.parametrize("cut", [1, 5, 200, 10**6])
@pytest.mark.parametrize("lazy", [False, True], ids=["at once", "later"])
def test_a_server_that_has_read_some(
    sockets: tuple[socket.socket, socket.socket],
    ca: Identity,
    server_identity: Identity,
    version: ssl.TLSVersion,
    cut: int,
    lazy: bool,
) -> None:
    """It looks at the first bytes to know the protocol, and gives them to TLS."""
    near, far = sockets
    mine, pythons = contexts(ca, server_identity, version, "server")

    def script(peer: PythonPeer) -> Any:
        peer.call(peer.end.do_handshake)
        peer.end.write(b"hello")
        peer.flush()
        return peer.call(lambda: peer.end.read(100))

    peer = PythonPeer(far, pythons, "client", script)
    peer.start()
    peeked = near.recv(cut)
    with mine.wrap_socket(near, server_side=True, initial=peeked, do_handshake_on_connect=not lazy) as wrapped:
        assert wrapped.do_handshake_on_connect is not lazy
        if lazy:
            assert wrapped.version() is None
            wrapped.do_handshake()
        assert wrapped.recv(100) == b"hello"
        wrapped.sendall(b"to you")
        peer.join(TIMEOUT)
        assert peer.answer == b"to you"


def test_initial_bytes_of_a_socket_that_does_not_block(
    sockets: tuple[socket.socket, socket.socket], ca: Identity, server_identity: Identity, version: ssl.TLSVersion
) -> None:
    near, far = sockets
    mine, pythons = contexts(ca, server_identity, version, "server")
    hello, go_on = first_flight(pythons)
    near.setblocking(False)
    with mine.wrap_socket(near, server_side=True, initial=hello, do_handshake_on_connect=False) as wrapped:
        with pytest.raises(ssl.SSLWantReadError):
            wrapped.do_handshake()
        far.sendall(go_on(far.recv(1 << 16)))
        for _ in range(3):
            with contextlib.suppress(ssl.SSLWantReadError):
                wrapped.do_handshake()
        assert wrapped.version() is not None


def test_initial_bytes_that_cannot_be_taken(ca: Identity, server_identity: Identity) -> None:
    context = server_context(server_identity)
    with socket.socket() as alone:
        with pytest.raises(OSError, match="connected"):
            context.wrap_socket(alone, server_side=True, initial=b"x")
        assert alone.fileno() >= 0
    near, far = socket.socketpair()
    near.setblocking(False)
    with near, far:
        with pytest.raises(ValueError, match="non-blocking"):
            context.wrap_socket(near, server_side=True, initial=b"x")
        assert far.recv(1) == b""  # it is closed, as Python's is
    near, far = socket.socketpair()
    with near, far:
        with pytest.raises(ssl.SSLError, match=r"HTTP_REQUEST|WRONG_VERSION|UNEXPECTED"):
            context.wrap_socket(near, server_side=True, initial=b"GET / HTTP/1.1\r\n\r\n")
        while far.recv(1 << 16):  # an alert, perhaps, and the end
            pass
