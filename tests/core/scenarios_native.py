"""What makes every call in our own C happen, for `native_faults`."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography import x509

from openssl_bio import SSL, TicketKeys, crypto
from openssl_bio._core.engines import ENGINE
from tests import helpers
from tests.helpers import TIMEOUT, Identity, Pair
from tests.stdlib import helpers as stdlib_helpers
from tests.stdlib.certificates import KINDS, RESPONDER, access, certificate, points

CHUNKS = [bytes([number]) * 20_000 for number in range(1, 5)]
WANTS = (SSL.WantReadError, SSL.WantWriteError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
# What a connection may raise after something in it has failed; the last is a callback's, which is late then.
FAILED = (SSL.Error, ssl.SSLError, MemoryError, OSError, ZeroDivisionError)


class Contexts:
    """What the scenarios make connections from."""

    def __init__(self, ca: Identity, server: Identity, client: Identity) -> None:
        self.ca, self.server, self.client = ca, server, client

    def pair(self, version: int = SSL.TLS1_3_VERSION, ciphers: bytes = b"") -> Pair:
        client = helpers.client_context(version, self.ca, self.client)
        server = helpers.server_context(version, self.server, self.ca)
        for context in (client, server):
            if ciphers:
                context.set_cipher_list(ciphers)
        return Pair(client, server)

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


# -- bytes that must not be lost, doubled or changed --------------------------------------------------------------


class Stream:
    """What a client has tried to send, piece by piece, and what its server has received."""

    def __init__(self, pair: Any) -> None:
        self.pair, self.tried, self.got = pair.handshake(), list[bytes](), bytearray()
        self.client, self.server = pair.client, pair.server

    def move(self) -> None:
        """Carry ciphertext, where that is needed."""
        if isinstance(self.pair, Pair):
            self.pair.move()

    def send(self, chunk: bytes) -> None:
        self.tried.append(chunk)
        count = self.client.write(chunk)
        self.tried[-1] = chunk[:count]
        self.move()
        assert count == len(chunk)

    def receive(self, size: int) -> None:
        """In every way there is."""
        target = len(self.got) + size
        self.got += self.server.read(10)
        buffer = bytearray(1000)
        if isinstance(self.pair, Pair):
            self.got += buffer[: self.server.recv_into(buffer)]
            peeked = self.server.recv(100, 2)
            assert self.server.recv(len(peeked)) == peeked
            self.got += peeked
        else:
            self.got += buffer[: self.server.read(1000, buffer)]
        while len(self.got) < target:
            self.got += self.server.read(1 << 16)

    def has_hole(self) -> bool:
        """Go on as a user does who was told of an error, and see whether bytes are missing or wrong."""
        for end in (lambda: self.send(b"later" * 4000), self.move, lambda: self.receive(1 << 20)):
            with contextlib.suppress(*FAILED):
                end()
        choices = (itertools.combinations(self.tried, count) for count in range(len(self.tried) + 1))
        streams = (b"".join(choice) for choice in itertools.chain.from_iterable(choices))
        return not any(stream.startswith(self.got) for stream in streams)


def exchange(made: Stream) -> None:
    for chunk in CHUNKS:
        made.send(chunk)
        made.receive(len(chunk))


class OneCall(Stream):
    """The same in the form of one call."""

    def send(self, chunk: bytes) -> None:
        self.tried.append(chunk)
        wire = self.client.send_data(chunk)
        self.got += self.server.receive_data(wire)

    def send_many(self, *chunks: bytes) -> None:
        self.tried.append(b"".join(chunks))
        wire = self.client.send_data_many(chunks)
        self.got += self.server.receive_data(wire)

    def move(self) -> None:
        """What was sealed by a call that failed."""
        self.got += self.server.receive_data(self.client.data_to_send())

    def receive(self, _size: int) -> None:
        """It has come."""


def one_call(made: OneCall) -> None:
    made.send(CHUNKS[0])
    made.send_many(b"a", b"b")
    made.send(b"")
    made.send(b"small")
    made.send(b"")  # what was raised behind ciphertext that was given comes with the next call


class Interrupted(Stream):
    """A client whose server sends data and an end, and whose callback raises at the end."""

    def __init__(self, pair: Any) -> None:
        super().__init__(pair)
        self.client, self.server = self.server, self.client
        self.armed = False
        self.server.set_info_callback(self.raise_once)

    def has_hole(self) -> bool:
        self.armed = False
        return super().has_hole()

    def raise_once(self, *_arguments: Any) -> None:
        if self.armed:
            self.armed = False
            raise ZeroDivisionError


def interrupted(made: Interrupted) -> None:
    """Data that comes along with an exception is read afterwards."""
    for piece in (b"x" * 100, b"y" * 100, b"z" * 100):
        made.send(piece)
    made.client.shutdown()
    made.move()
    for read in (lambda: made.server.recv(1 << 16), lambda: made.server.recv_into(bytearray(500))):
        made.armed = True
        with contextlib.suppress(ZeroDivisionError, SSL.ZeroReturnError):
            read()
            raise AssertionError("the callback's exception does not come")
        made.armed = False
        if not made.got:
            assert made.server.pending() == 300
            assert made.server.recv(5, 2) == b"xxxxx"
            made.got += made.server.recv(100)
            buffer = bytearray(1000)
            made.got += buffer[: made.server.recv_into(buffer)]
    assert made.got == b"".join(made.tried)


# -- scenarios: what is made, and what is done to it --------------------------------------------------------------


def shaken(made: Any) -> None:
    made.handshake()


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


def distrusted(made: Pair) -> None:
    """A handshake that ends since nobody trusts the server."""
    with pytest.raises(SSL.Error):
        made.handshake()


def entered_again(made: Pair) -> None:
    """A callback that uses its own connection."""
    errors: list[BaseException] = []

    def use(connection: SSL.Connection, *_arguments: Any) -> None:
        try:
            connection.recv(1)
        except Exception as error:
            errors.append(error)

    made.server.set_info_callback(use)
    made.handshake()
    assert errors
    for error in errors:
        if not isinstance(error, RuntimeError):
            raise error


def in_callback(made: Pair) -> Pair:
    """A connection as it is while it runs a callback."""
    made.client._guard.callbacks = 1
    return made


def waited_for(made: Pair) -> None:
    """A connection that another thread has, whose callback does not end."""
    entered, over = threading.Event(), threading.Event()

    def hold() -> None:
        with made.client._guard:
            entered.set()
            over.wait(TIMEOUT)

    with ThreadPoolExecutor(1) as other:
        holding = other.submit(hold)
        try:
            assert entered.wait(TIMEOUT)
            with pytest.raises(RuntimeError, match="another thread is in a callback"):
                made.client.pending()
        finally:
            over.set()
        holding.result()


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
                assert made.server.receive_data(made.client.send_data(b"another")) == b"another"
                return
    raise AssertionError("no ClientHello with a cookie comes")


def no_more(made: Any) -> None:
    """The end of the bytes is passed on; what that raises comes with the next operation."""
    made.client._mark_eof()
    with pytest.raises(ssl.SSLEOFError):
        made.client.do_handshake()


def counted(made: Any) -> None:
    made.client.context.cert_store_stats()


def asked(made: Pair) -> None:
    """Small questions, and calls with unusual arguments."""
    made.client.send(b"")
    assert made.client.pending() == 0
    made.client.send(buf=b"1234")
    made.move()
    assert made.server.recv(bufsiz=3) == b"123"
    assert made.server.pending() == 1
    made.client.shutdown()
    assert made.client.pending() == 0


def negotiated(made: Pair) -> None:
    """What was agreed on."""
    assert made.client.get_protocol_version_name() == "TLSv1.3"
    assert made.client.get_protocol_version() == SSL.TLS1_3_VERSION
    assert made.client.get_alpn_proto_negotiated() == b""
    assert made.client.get_cipher_name() == made.server.get_cipher_name()


def negotiated_in_the_stdlib(made: Any) -> None:
    assert made.client.version() == "TLSv1.3"
    assert made.client.cipher() == made.server.cipher()
    assert made.client.compression() is None
    assert made.client.selected_alpn_protocol() == "h2"
    assert len(made.client.getpeercert(True)) > 100
    assert made.client.getpeercert()["version"] == 3
    assert made.server.getpeercert() is None
    assert len(made.client.get_verified_chain()) == 2
    assert len(made.client.get_unverified_chain()) == 1


def with_protocol(w: Contexts) -> Any:
    made = w.stdlib(OURS)
    for end in (made.client, made.server):
        end.set_alpn_protocols(["h2"])
    return made.handshake()


def unverified(w: Contexts) -> Any:
    made = w.stdlib(OURS)
    made.client.check_hostname, made.client.verify_mode = False, ssl.CERT_NONE
    return made.handshake()


def with_every_name(w: Contexts) -> Any:
    """A context that trusts certificates with all that is told of any; an extension of one is malformed."""
    authority = x509.BasicConstraints(ca=True, path_length=None)
    malformed = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.3.6.1.5.5.7.1.1"), bytes.fromhex("300000"))
    context = stdlib_helpers.client_context(w.ca)
    for asked in (malformed, access((RESPONDER, "a"))):
        extensions = [authority, x509.SubjectAlternativeName(KINDS), asked, points("a", "b")]
        context.load_verify_locations(cadata=certificate(extensions, signer=w.ca))
    return context


def told_in_full(context: Any) -> None:
    assert sorted(len(one) for one in context.get_ca_certs()) == [6, 8, 9]


def queued(made: Any) -> None:
    """A BIO of the stdlib's face by itself."""
    assert made.write(b"0123456789" * 500) == made.pending
    assert made.write(bytearray(b"more")) == 4
    assert made.read(5) == b"01234"
    assert made.read() == b"56789" + b"0123456789" * 499 + b"more"


def came_before(made: Any) -> None:
    """A connection whose first bytes were read by somebody else."""
    made.server.context.wrap_bio(OURS(), OURS(), server_side=True, initial=b"a")


def served(_made: Any) -> None:
    """A class gets a method in C, as when its module is imported."""
    if ENGINE == "c":
        from openssl_bio._core import native

        class Face(SSL.Connection):
            def send(self, data: bytes) -> int:
                """Documentation."""
                return len(data)

        native.serve(Face, ["send"])


def over_sockets(made: tuple[Any, Any]) -> None:
    """A handshake and data over sockets that do not block."""
    client, server = made
    waiting = {client.do_handshake, server.do_handshake}
    for _ in range(50):
        for step in list(waiting):
            with contextlib.suppress(*WANTS):
                step()
                waiting.discard(step)
    assert not waiting
    client.send(b"over a socket")
    for _ in range(50):
        with contextlib.suppress(*WANTS):
            assert server.recv(100) == b"over a socket"
            return
    raise AssertionError("nothing comes")


def only_memory(made: tuple[Any, Any]) -> None:
    """The form of one call is refused over sockets."""
    for call in (lambda: made[0].send_data(b""), made[0].data_to_send, lambda: made[0].receive_data(b"")):
        try:
            call()
        except TypeError:
            continue
        raise AssertionError("it is not refused")


def trusting(contexts: Contexts) -> Pair:
    """A pair whose contexts are in use, trust a CRL, and whose server has a session in its cache."""
    pair = contexts.pair(SSL.TLS1_2_VERSION)
    server: Any = pair.server.get_context()
    server.set_options(SSL.OP_NO_TICKET)
    server.set_session_id(b"scenarios")
    server.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
    server.get_cert_store().add_crl(revocations(contexts.ca))
    pair = Pair(pair.client.get_context(), server).handshake()
    pair.certificate = contexts.client.certificate  # type: ignore[attr-defined]
    return pair


def revocations(ca: Identity) -> crypto.CRL:
    from tests.core.test_faults import revocations as made

    return crypto.CRL.from_cryptography(made(ca))


def shared(contexts: Contexts) -> tuple[SSL.Context, SSL.Context]:
    """A client's context, and one of a server that verifies, trusts a CRL and shares its ticket keys."""
    pair = contexts.pair()
    server: Any = pair.server.get_context()
    server.get_cert_store().add_crl(revocations(contexts.ca))
    server.set_ticket_keys(TicketKeys())
    return pair.client.get_context(), server


def stranger(contexts: Contexts) -> Pair:
    """A client that does not know its server's authority."""
    pair = contexts.pair()
    client = SSL.Context(SSL.TLS_METHOD)
    client.set_verify(SSL.VERIFY_PEER)
    return Pair(client, pair.server.get_context())


def sockets(contexts: Contexts) -> tuple[Any, Any]:
    pair = contexts.pair()
    ends = []
    for context, file in zip((pair.client.get_context(), pair.server.get_context()), socket.socketpair(), strict=True):
        file.setblocking(False)
        connection = SSL.Connection(context, file)
        weakref.finalize(connection, file.close)
        ends.append(connection)
    ends[0].set_connect_state()
    ends[1].set_accept_state()
    return ends[0], ends[1]


OURS, PYTHON = stdlib_helpers.ours.MemoryBIO, ssl.MemoryBIO
# The tag of these is shorter than the engine thinks, and the records of those longer.
SHORT, LONG = b"ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0", b"ECDHE-ECDSA-AES128-SHA"
OLD = SSL.TLS1_2_VERSION


def make_again(made: tuple[Any, Any, Any, Any]) -> None:
    context, client, server, session = made
    SSL.Connection(context, None).set_tlsext_host_name(b"localhost")
    for bio in (OURS, PYTHON):
        for host in ("localhost", "127.0.0.1", "1234"):
            client.wrap_bio(bio(), bio(), server_hostname=host)
        client.wrap_bio(bio(), bio(), server_hostname="localhost", session=session)
        server.wrap_bio(bio(), bio(), server_side=True)


def made_before(w: Contexts) -> tuple[Any, Any, Any, Any]:
    """Contexts of both faces, each of which has made a connection, and a session."""
    client, server = stdlib_helpers.client_context(w.ca), stdlib_helpers.server_context(w.server)
    session = stdlib_helpers.Pair(client, server).handshake().client.session
    made = helpers.client_context(SSL.TLS1_3_VERSION, w.ca, w.client), client, server, session
    make_again(made)
    return made


SCENARIOS: dict[str, tuple[Callable[[Contexts], Any], Callable[[Any], Any]]] = {
    "connections": (lambda w: w, lambda w: w.pair()),
    "connections of contexts that have made some": (made_before, make_again),
    "handshake": (lambda w: w.pair(), shaken),
    "handshake of TLS 1.2": (lambda w: w.pair(OLD), shaken),
    "data": (lambda w: Stream(w.pair()), exchange),
    "one call": (lambda w: OneCall(w.pair()), one_call),
    "one call, long records": (lambda w: OneCall(w.pair(OLD, LONG)), one_call),
    "one call of the stdlib": (lambda w: OneCall(w.stdlib(OURS)), one_call),
    "one call over Python's BIOs": (lambda w: OneCall(w.stdlib(PYTHON)), one_call),
    "interrupted": (lambda w: Interrupted(w.pair()), interrupted),
    "interrupted, short records": (lambda w: Interrupted(w.pair(OLD, SHORT)), interrupted),
    "shutdown": (lambda w: w.pair().handshake(), closing),
    "truncation": (lambda w: w.pair().handshake(), cut),
    "refused handshake": (lambda w: w.pair(), refused),
    "distrusted handshake": (stranger, distrusted),
    "entered again": (lambda w: w.pair(), entered_again),
    "waited for": (lambda w: in_callback(w.pair()), waited_for),
    "changed contexts": (trusting, changed),
    "shared ticket keys": (shared, lambda made: Pair(*made).handshake()),
    "DTLS connections": (lambda w: w, lambda w: w.dtls()),
    "DTLS": (lambda w: w.dtls(), listening),
    "stdlib": (lambda w: w.stdlib(OURS), shaken),
    "stdlib over Python's BIOs": (lambda w: w.stdlib(PYTHON), shaken),
    "data of the stdlib": (lambda w: Stream(w.stdlib(OURS)), exchange),
    "data of the stdlib over Python's BIOs": (lambda w: Stream(w.stdlib(PYTHON)), exchange),
    "stdlib's connections": (lambda w: w, lambda w: w.stdlib(OURS)),
    "stdlib's connections over Python's BIOs": (lambda w: w, lambda w: w.stdlib(PYTHON)),
    "bytes that came before": (lambda w: w.stdlib(OURS), came_before),
    "no more for the stdlib over Python's BIOs": (lambda w: w.stdlib(PYTHON), no_more),
    "stdlib's counters": (lambda w: w.stdlib(PYTHON), counted),
    "questions": (lambda w: w.pair().handshake(), asked),
    "what was negotiated": (lambda w: w.pair().handshake(), negotiated),
    "what was negotiated in the stdlib": (with_protocol, negotiated_in_the_stdlib),
    "an unverified certificate": (unverified, lambda made: made.client.getpeercert()),
    "what is told of certificates": (with_every_name, told_in_full),
    "stdlib's BIO": (lambda _: OURS(), queued),
    "methods": (lambda _: None, served),
    "sockets": (sockets, over_sockets),
    "one call over sockets": (sockets, only_memory),
}
