"""Memory BIOs of other makes, and what they may do wrong."""

from __future__ import annotations

from typing import Any

import pytest

from openssl_bio.stdlib._object import SSLObject
from tests.helpers import Identity
from tests.stdlib.helpers import client_context, server_context, wants_read


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
    return SSLObject._connect(context, incoming, outgoing, server, None if server else "localhost", None, None)


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
    """That very object, by the call that is running; what can go on goes on."""
    for box, call in ((boxes.down, lambda: boxes.client.read(1)), (boxes.up, lambda: boxes.client.write(b"x"))):
        box.problem = problem
        with pytest.raises(type(problem)) as caught:
            call()
        assert caught.value is problem
        box.problem = None
    assert boxes.client.write(b"x") == 1
    assert boxes.server.read(2) == b"x"


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
