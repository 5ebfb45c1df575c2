"""Memory BIOs of other makes, and what they may do wrong."""

from __future__ import annotations

import contextlib
import gc
import ssl
import threading
import weakref
from typing import Any

import pytest

from openssl_bio._core._lib import ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio.stdlib._object import SSLObject
from tests.helpers import TIMEOUT, Identity
from tests.programs import python as program
from tests.stdlib.helpers import Pair, client_context, ours, python, server_context, wants_read


class Box:
    """A memory BIO in Python, which notes how many bytes it is asked for."""

    def __init__(self) -> None:
        self.data = b""
        self.asked: list[int] = []
        self.eof = False
        self.problem: BaseException | None = None
        self.answer: Any = None

    def read(self, size: int, /) -> Any:
        if self.problem is not None:
            raise self.problem
        if self.answer is not None:
            return self.answer
        self.asked.append(size)
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def write(self, data: bytes, /) -> int:
        if self.problem is not None:
            raise self.problem
        self.data += data
        return len(data)


def connect(context: Any, incoming: Any, outgoing: Any, *, server: bool) -> Any:
    owner = context  # anything that callbacks may be given: without it the BIOs would have to be MemoryBIOs
    return SSLObject._create(incoming, outgoing, server, None if server else "localhost", None, context, owner)


class Boxes:
    """A client and a server over two boxes."""

    def __init__(self, ca: Identity, identity: Identity) -> None:
        self.up, self.down = Box(), Box()
        self.client = connect(client_context(ca), self.down, self.up, server=False)
        self.server = connect(server_context(identity), self.up, self.down, server=True)
        for end in (self.client, self.server, self.client):
            wants_read(end.do_handshake)
        self.server.do_handshake()


@pytest.fixture
def boxes(ca: Identity, server_identity: Identity) -> Boxes:
    return Boxes(ca, server_identity)


def test_exactly_what_is_needed_is_asked_for(boxes: Boxes) -> None:
    """A record's header, then its body; what follows stays where it is."""
    boxes.client.write(b"x" * 100)
    record = len(boxes.up.data)
    boxes.up.asked.clear()
    boxes.up.data += b"the next"
    assert boxes.server.read(100) == b"x" * 100
    assert boxes.up.asked == [5, record - 5]
    assert boxes.up.data == b"the next"


@pytest.mark.parametrize("problem", [RuntimeError("in the box"), KeyboardInterrupt(), MemoryError()], ids=repr)
def test_what_a_box_raises_is_raised(boxes: Boxes, problem: BaseException) -> None:
    """That very object, by the call that is running; what was read goes on."""
    boxes.down.problem = problem
    with pytest.raises(type(problem)) as caught:
        boxes.client.read(1)
    assert caught.value is problem
    boxes.down.problem = None
    assert boxes.client.write(b"x") == 1
    assert boxes.server.read(2) == b"x"


@pytest.mark.parametrize("problem", [RuntimeError("in the box"), KeyboardInterrupt(), MemoryError()], ids=repr)
def test_nothing_follows_what_a_box_has_not_taken(boxes: Boxes, problem: BaseException) -> None:
    """libssl would send the record again in the place of what is written next, and tell that this was sent."""
    boxes.up.problem = problem
    with pytest.raises(type(problem)) as caught:
        boxes.client.write(b"first" * 10_000)
    assert caught.value is problem
    boxes.up.problem = None
    for _ in range(2):
        with pytest.raises(ssl.SSLError, match="lost"):
            boxes.client.write(b"other" * 10_000)
        with pytest.raises(ssl.SSLError, match="lost"):
            boxes.client.unwrap()
    assert wants_read(lambda: boxes.server.read(100))
    boxes.server.write(b"answer")
    assert boxes.client.read(6) == b"answer"


@pytest.mark.parametrize("before", [0, 1, 3])
def test_what_a_box_gave_before_it_raised_is_not_lost(boxes: Boxes, before: int) -> None:
    """Ciphertext that was taken is given, and the exception comes with the next call."""

    class Halting(Box):
        def read(self, size: int, /) -> Any:
            if len(self.asked) == before:
                self.asked.append(0)
                raise problem
            return super().read(min(size, 1000))

    problem = KeyboardInterrupt()
    boxes.up.asked.clear()
    boxes.up.__class__ = Halting
    given = boxes.client.send_data(b"x" * 5000) if before else b""
    with pytest.raises(KeyboardInterrupt) as caught:
        boxes.client.data_to_send() if before else boxes.client.send_data(b"x" * 5000)
    assert caught.value is problem
    assert len(given) == 1000 * before
    rest = boxes.client.data_to_send()
    boxes.up.__class__ = Box
    boxes.up.data = given + rest
    assert boxes.server.read(10_000) == b"x" * 5000


@pytest.mark.parametrize("answer", ["text", 5, b"too many bytes"], ids=repr)
def test_nonsense_from_a_box_is_refused(boxes: Boxes, answer: Any) -> None:
    """Something that is not bytes, or more of them than were asked for."""
    boxes.down.answer = answer
    with pytest.raises((TypeError, ValueError)):
        boxes.client.read(1)


def test_a_box_cannot_use_its_connection(boxes: Boxes) -> None:
    """libssl cannot be entered from within."""
    inner: list[BaseException] = []

    class Curious(Box):
        def read(self, size: int, /) -> Any:
            with pytest.raises(RuntimeError) as caught:
                self.connection.read(1)
            inner.append(caught.value)
            return b""

        connection: Any = None

    box = Curious()
    box.connection = connect(boxes.client.context, box, Box(), server=False)
    assert wants_read(box.connection.do_handshake)
    assert len(inner) == 1


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_a_box_may_give_other_bytes(boxes: Boxes, kind: Any) -> None:
    """Whatever has a buffer."""

    class Other(Box):
        def read(self, size: int, /) -> Any:
            return kind(super().read(size))

    boxes.up.__class__ = Other
    boxes.client.write(b"x" * 300)
    assert boxes.server.read(1000) == b"x" * 300


def test_a_box_that_cannot_tell_its_end(boxes: Boxes) -> None:
    """What its ``eof`` raises is raised, too."""

    class Endless(Box):
        @property
        def eof(self) -> bool:
            raise ZeroDivisionError

        @eof.setter
        def eof(self, value: bool) -> None: ...

    boxes.down.__class__ = Endless
    with pytest.raises(ZeroDivisionError):
        boxes.client.read(1)
    boxes.down.__class__ = Box
    boxes.server.write(b"x")
    assert boxes.client.read(1) == b"x"


def test_the_end_of_a_box_is_the_end_of_the_connection(boxes: Boxes) -> None:
    """Without a close_notify, it is an unexpected one."""
    boxes.server.write(b"the last")
    boxes.down.eof = True
    assert boxes.client.read(100) == b"the last"
    with pytest.raises(ssl.SSLEOFError):
        boxes.client.read(1)


def test_a_box_that_is_a_part_of_its_connection(boxes: Boxes) -> None:
    """The collector finds that nobody else has the two."""
    box = Box()
    connection = connect(boxes.client.context, box, Box(), server=False)
    box.connection = connection  # type: ignore[attr-defined]
    gone = weakref.ref(box)
    wants_read(connection.do_handshake)
    del box, connection
    gc.collect()
    assert gone() is None


def test_a_box_that_drops_its_connection(boxes: Boxes) -> None:
    """The call that runs keeps it."""

    class Careless(Box):
        def read(self, size: int, /) -> Any:
            kept.clear()
            return b""

    kept = [connect(boxes.client.context, Careless(), Box(), server=False)]
    assert wants_read(kept[0].do_handshake)
    assert not kept


def test_one_box_of_two_connections(boxes: Boxes) -> None:
    """Each takes what it asks for, and the other finds it gone."""
    other = connect(boxes.server.context, boxes.up, boxes.down, server=True)
    boxes.client.write(b"x" * 100)
    with pytest.raises(ssl.SSLError):  # a ClientHello was awaited
        other.do_handshake()
    left = len(boxes.up.data)
    assert wants_read(lambda: boxes.server.read(1)) == (left < 5)


# -- Python's own MemoryBIO, of which the C engine knows more ---------------------------------------------------------


@pytest.fixture
def done(ca: Identity, server_identity: Identity, version: ssl.TLSVersion) -> Pair:
    """Two ends over Python's BIOs, after the handshake."""
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    return Pair(client, server, ssl.MemoryBIO).handshake()


def test_bytes_that_somebody_else_takes(done: Pair) -> None:
    """What was there when a read looked, and is not there any more, is waited for; it may come back."""
    done.server.write(b"x" * 100)
    done.server.write(b"y" * 100)
    assert done.client.read(1) == b"x"
    stolen = done.to_client.read()
    assert stolen
    assert done.client.read(1000) == b"x" * 99
    assert wants_read(lambda: done.client.read(1000))
    done.to_client.write(stolen)
    assert done.client.read(1000) == b"y" * 100


def test_a_handshake_that_cannot_begin_takes_nothing(ca: Identity) -> None:
    """A client's first read has to write before."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context(ca).wrap_bio(incoming, outgoing, server_hostname="localhost")
    incoming.write(b"\x15\x03\x03\x00\x02\x02\x28")
    outgoing.write_eof()
    for _ in range(2):
        with pytest.raises(ssl.SSLError):
            client.read(1)
        assert incoming.pending == 7


def test_bytes_that_come_between_reads(done: Pair) -> None:
    """A read looks again what there is."""
    for size in (1, 7, 5000, 40000):
        for _ in range(3):
            done.server.write(b"x" * size)
        assert done.client.read(size) == b"x" * size
        done.server.write(b"y" * size)
        rest = done.client.read(1 << 20)
        assert rest == b"x" * (2 * size) + b"y" * size
        assert done.to_client.pending == 0


def test_ciphertext_behind_what_is_there(done: Pair) -> None:
    """receive_data gives what was in the BIO, and what was put there with it."""
    for size in (1, 300, 20_000):
        for data in (b"a", b"b" * size):
            done.server.write(data)
        assert done.client.read(1) == b"a"
        done.server.write(b"c" * size)
        assert done.client.receive_data(done.server.send_data(b"d")) == b"b" * size + b"c" * size + b"d"
        done.server.write(b"e")
        assert done.client.receive_data(b"") == b"e"


@pytest.mark.parametrize("module", [ours, python], ids=["ours", "Python's"])
def test_what_follows_the_end_stays_in_the_bio(ca: Identity, server_identity: Identity, module: Any) -> None:
    """Somebody may go on without TLS; pending is right after each call, as with Python's own ssl."""
    contexts = client_context(ca, module), server_context(server_identity, module)
    pair = Pair(*contexts, ssl.MemoryBIO).handshake()
    assert wants_read(pair.server.unwrap)
    close = pair.to_client.read()
    assert pair.client.pending() == 0
    for i in range(len(close) - 1):
        pair.to_client.write(close[i : i + 1])
        assert wants_read(lambda: pair.client.read(10))
        assert pair.to_client.pending == 0
    pair.to_client.write(close[-1:] + b"no TLS any more")
    assert pair.client.read(10) == b""
    assert pair.to_client.read() == b"no TLS any more"


@pytest.mark.parametrize("module", [ours, python], ids=["ours", "Python's"])
def test_only_the_header_of_what_is_no_record_is_taken(ca: Identity, server_identity: Identity, module: Any) -> None:
    """So that somebody can look what came instead."""
    contexts = client_context(ca, module), server_context(server_identity, module)
    for during_the_handshake in (True, False):
        pair = Pair(*contexts, ssl.MemoryBIO)
        call = pair.client.do_handshake
        if not during_the_handshake:
            pair.handshake()
            call = lambda end=pair.client: end.read(100)  # noqa: E731
        pair.to_client.write(b"HTTP/1.1 400 Bad Request\r\n")
        with pytest.raises(ssl.SSLError):
            call()
        assert pair.to_client.read() == b"1.1 400 Bad Request\r\n"


def test_a_thread_that_fills_the_bio_of_a_reader(done: Pair) -> None:
    """All bytes arrive, once and in their order."""
    data = bytes(range(256)) * 2000
    done.server.write(data)
    ciphertext, stopped = done.to_client.read(), threading.Event()

    def fill() -> None:
        for start in range(0, len(ciphertext), 777):
            done.to_client.write(ciphertext[start : start + 777])
        stopped.set()

    thread = threading.Thread(target=fill)
    thread.start()
    found = bytearray()
    while len(found) < len(data):
        had_all = stopped.is_set()
        try:
            found += done.client.read(3333)
        except ssl.SSLWantReadError:
            assert not had_all
            stopped.wait(0.001)
    thread.join(TIMEOUT)
    assert found == data


def test_two_threads_that_read_over_one_bio(done: Pair) -> None:
    """The connection's guard takes care of it."""
    data = b"x" * 300_000
    done.server.write(data)
    found: list[int] = []

    def read() -> None:
        with contextlib.suppress(ssl.SSLWantReadError):
            while True:
                found.append(len(done.client.read(3000)))

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert sum(found) == len(data)


def test_a_bio_that_takes_nothing_more(done: Pair) -> None:
    """Python's BIO refuses bytes after write_eof, of every size; the connection can still read."""
    done.to_server.write_eof()
    for size in (1, 20_000):
        with pytest.raises(ssl.SSLError, match="cannot write" if size == 1 else "lost"):
            done.client.write(b"x" * size)
    done.server.write(b"y")
    assert done.client.read(1) == b"y"


def test_ciphertext_for_a_bio_that_takes_nothing_more(done: Pair) -> None:
    """receive_data raises what the BIO does; what is in it comes first, the next time."""
    done.server.write(b"y")
    done.to_client.write_eof()
    for _ in range(2):
        with pytest.raises(ssl.SSLError, match="cannot write"):
            done.client.receive_data(b"more")
    assert done.client.read(1) == b"y"


def test_an_ssl_that_outlives_its_connection(ca: Identity) -> None:
    """Who kept the SSL finds BIOs there that are empty: their bytes are nobody's any more."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context(ca).wrap_bio(incoming, outgoing, server_hostname="localhost")
    pointer = client.connection._ssl
    gone = weakref.ref(client)
    del client
    gc.collect()
    assert gone() is None
    bio = lib.SSL_get_rbio(pointer)
    with clean_queue:
        assert lib.BIO_ctrl_pending(bio) == 0
        assert lib.BIO_read(bio, ffi.new("char[1]"), 1) <= 0


def test_pythons_own_that_was_imported_again() -> None:
    """A module ssl that is not the one that connections were made with first gives BIOs as good as the first ones'."""
    code = """
import importlib, ssl, sys
from openssl_bio.stdlib import SSLContext, PROTOCOL_TLS_CLIENT
context, waits = SSLContext(PROTOCOL_TLS_CLIENT), ssl.SSLWantReadError
def flight():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        client.do_handshake()
    except waits:
        print(outgoing.pending > 100)
first = ssl.MemoryBIO
flight()
del sys.modules["_ssl"]
importlib.reload(ssl)
print(ssl.MemoryBIO is not first)
flight()
flight()
"""
    done = program("-c", code)
    assert done.stdout.split() == ["True"] * 4, done.stderr
