"""MemoryBIO: items 64 to 70 of the contract, ours and Python's side by side."""

from __future__ import annotations

import array
import copy
import gc
import ssl
from typing import Any

import pytest

from openssl_bio import stdlib
from tests.stdlib.helpers import Pair, wants_read

CALLS = {
    "empty": lambda b: (b.read(), b.read(5), b.read(0), b.pending, b.eof),
    "whole": lambda b: (b.write(b"hello"), b.pending, b.read(), b.pending),
    "parts": lambda b: (b.write(b"hello"), b.read(2), b.read(0), b.read(100), b.read(-1)),
    "bool": lambda b: (b.write(b"hello"), b.read(True)),
    "several": lambda b: (b.write(b"one"), b.write(b"two"), b.read(4), b.write(b"!"), b.read()),
    "itemsize": lambda b: (b.write(array.array("H", [1, 2, 3])), b.pending),
    "shape": lambda b: (b.write(memoryview(b"abcdef").cast("B", (2, 3))), b.read()),
    "bytearray": lambda b: (b.write(bytearray(b"xy")), b.read()),
    "no bytes": lambda b: (b.write(b""), b.pending),
    "end": lambda b: (b.write(b"x"), b.write_eof(), b.eof, b.read(), b.eof, b.read(), b.write_eof()),
    "None": lambda b: b.read(None),
    "keyword": lambda b: b.read(size=1),
    "too large": lambda b: b.read(1 << 31),
    "str": lambda b: b.write("text"),
    "int": lambda b: b.write(5),
    "not contiguous": lambda b: b.write(memoryview(b"abcdef")[::2]),
    "after the end": lambda b: (b.write_eof(), b.write(b"x")),
    "nothing after the end": lambda b: (b.write_eof(), b.write(b"")),
    "set pending": lambda b: setattr(b, "pending", 1),
    "set eof": lambda b: setattr(b, "eof", True),
    "attribute": lambda b: setattr(b, "other", 1),
    "copy": copy.copy,
    "argument": lambda b: type(b)(b"x"),
    "subclass": lambda b: type("Sub", (type(b),), {}),
    "len": len,
}


def answer(call: Any, bio: Any) -> Any:
    try:
        return call(bio)
    except Exception as error:
        return type(error), getattr(error, "errno", None), str(error) if isinstance(error, ssl.SSLError) else ""


@pytest.mark.parametrize("name", CALLS)
def test_as_the_original(name: str) -> None:
    """Items 64 to 68: the same calls give the same results and the same kinds of errors."""
    assert answer(CALLS[name], stdlib.MemoryBIO()) == answer(CALLS[name], ssl.MemoryBIO())


def test_large_amounts_come_out_as_they_went_in() -> None:
    """Item 65: any number of bytes, in any pieces."""
    bio = stdlib.MemoryBIO()
    data = bytes(range(256)) * 4000
    out = bytearray()
    for start in range(0, len(data), 77777):
        bio.write(data[start : start + 77777])
        out += bio.read(50000)
    while chunk := bio.read(33333):
        out += chunk
    assert out == data


def test_empty_bio_is_want_read_and_ended_bio_is_eof(pair: Pair) -> None:
    """Item 69: an empty BIO asks to be tried again, an ended one is the end of the connection."""
    assert wants_read(pair.client.do_handshake)
    pair.to_client.write_eof()
    with pytest.raises(ssl.SSLEOFError) as caught:
        pair.client.do_handshake()
    assert caught.value.errno == ssl.SSL_ERROR_EOF


def test_bios_live_as_long_as_the_connection(pair: Pair) -> None:
    """Item 70: nobody else needs to hold the BIOs."""
    del pair.to_client, pair.to_server
    gc.collect()
    pair.handshake()
    pair.client.write(b"kept")
    assert pair.server.read(10) == b"kept"


def test_one_bio_for_both_directions(bio: Any) -> None:
    """Item 70: a connection may talk to itself, and finds that this is no handshake."""
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    shared = bio()
    connection = context.wrap_bio(shared, shared, server_hostname="localhost")
    with pytest.raises(ssl.SSLError):
        connection.do_handshake()


def test_pending_of_a_foreign_bio_stays_meaningful(done: Pair) -> None:
    """DESIGN: what libssl did not ask for stays in the BIO that the framework made."""
    done.server.write(b"x" * 100)
    done.server.write(b"y" * 100)
    before = done.to_client.pending
    assert done.client.read(1) == b"x"
    assert 0 < done.to_client.pending < before
    assert done.client.read(1000) == b"x" * 99 + b"y" * 100
    assert done.to_client.pending == 0


def test_a_foreign_bio_that_refuses_bytes_is_heard(pair: Pair, bio: Any) -> None:
    """Item 69: Python's BIO takes no bytes after write_eof, and says so; ours takes what the connection writes."""
    pair.to_server.write_eof()
    if bio is ssl.MemoryBIO:
        with pytest.raises(ssl.SSLError, match="cannot write"):
            pair.client.do_handshake()
    else:
        assert wants_read(pair.client.do_handshake)
        assert pair.to_server.pending
