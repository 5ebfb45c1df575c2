"""The exception that says "want read": each is new, and a write in between changes nothing."""

from __future__ import annotations

import gc
import ssl
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import SSL
from tests import helpers
from tests.helpers import Identity
from tests.stdlib import helpers as stdlib_helpers

KINDS = [SSL.WantReadError, ssl.SSLWantReadError]


class Reader:
    """The client of a new pair of one face, and what it reads with."""

    def __init__(self, kind: type[Exception], version: int, ca: Identity, identity: Identity) -> None:
        self.kind = kind
        self.pair: Any
        self.read: Callable[[int], bytes]
        if kind is SSL.WantReadError:
            contexts = helpers.client_context(version, ca), helpers.server_context(version, identity)
            self.pair = helpers.Pair(*contexts).handshake()
            self.read = self.pair.client.recv
        else:
            of = ssl.TLSVersion(version)
            client = stdlib_helpers.client_context(ca, version=of)
            client.check_hostname = False
            self.pair = stdlib_helpers.Pair(client, stdlib_helpers.server_context(identity, version=of)).handshake()
            self.read = self.pair.client.read
        self.error()  # tickets are read

    def error(self) -> Any:
        with pytest.raises(self.kind) as caught:
            self.read(100)
        assert type(caught.value) is self.kind
        return caught.value


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__module__)
def reader(request: pytest.FixtureRequest, version: int, ca: Identity, server_identity: Identity) -> Reader:
    return Reader(request.param, version, ca, server_identity)


def test_each_is_new(reader: Reader) -> None:
    """What is done to one exception is not seen in the next."""
    first = reader.error()
    args, attributes = first.args, dict(vars(first))
    first.args, first.reason, first.more = ("changed",), "changed", 1
    second = reader.error()
    assert first is not second
    assert (second.args, vars(second)) == (args, attributes)
    assert second.__context__ is second.__cause__ is None


def test_it_is_what_its_class_makes(reader: Reader) -> None:
    """Called with the same arguments the class makes the same, and no initialiser of its own is passed over."""
    error = reader.error()
    made = reader.kind(*error.args)
    assert (str(error), error.args, repr(error)) == (str(made), made.args, repr(made))
    assert reader.kind.__init__ in {Exception.__init__, OSError.__init__}
    if isinstance(error, OSError):
        assert (error.errno, error.strerror) == error.args
        assert vars(error) == {"library": None, "reason": None}


def test_its_context_is_what_was_being_handled(reader: Reader) -> None:
    handled = KeyError("handled")
    try:
        raise handled
    except KeyError:
        error = reader.error()
    assert error.__context__ is handled


def test_it_keeps_nothing_alive(reader: Reader) -> None:
    """Once it is dropped, so is the frame that it went through."""

    class Local:
        pass

    def fail() -> weakref.ref[Local]:
        local = Local()
        seen = weakref.ref(local)
        try:
            reader.read(100)
        except reader.kind:
            return seen
        raise AssertionError("it did not want to read")

    seen = fail()
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize(("size", "wants"), [(100, True), (5, False)])
def test_what_is_no_read_changes_nothing(reader: Reader, size: int, wants: bool) -> None:
    """want_read() tells of the last read, whatever came since; one that got all it asked for is content."""
    client, server = reader.pair.client, reader.pair.server
    if not isinstance(client, SSL.Connection):
        pytest.skip("ssl has no want_read()")
    for read in (client.recv, lambda size: client.recv_into(bytearray(size))):
        server.write(b"there")
        reader.pair.move()
        read(size)
        for _ in range(2):
            assert client.want_read() is wants
            assert client.get_shutdown() == 0
            assert client.bio_write(b"") == 0


def test_a_write_leaves_it(reader: Reader) -> None:
    """After a write there is still nothing to read, and then there is what came."""
    client, server = reader.pair.client, reader.pair.server
    for turn in range(3):
        client.write(b"there")
        reader.error()
        client.write(b"again")
        if isinstance(client, SSL.Connection):
            assert not client.want_read()
            reader.pair.move()
        assert server.read(10) == b"thereagain"
        server.write(b"back %d" % turn)
        if isinstance(client, SSL.Connection):
            reader.pair.move()
        assert reader.read(100) == b"back %d" % turn
        reader.error()
        if isinstance(client, SSL.Connection):
            assert client.want_read()
