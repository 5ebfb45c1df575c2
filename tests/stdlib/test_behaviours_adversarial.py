"""What no well-behaved program does, to ours and to Python's: items 65, 66 and 79 to 86 of the contract."""

from __future__ import annotations

import array
import mmap
import random
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import stdlib
from tests.helpers import Identity
from tests.stdlib.helpers import SAME_LIBRARY, Pair, client_context, ours, python, server_context
from tests.stdlib.test_behaviours_states import MODULES, attempt, is_fatal

INT_MAX = (1 << 31) - 1


def kinds(answer: Any) -> Any:
    """An answer without the words of a TypeError and its like, which name a function of C."""
    is_error = isinstance(answer, tuple) and isinstance(answer[0], type) and not issubclass(answer[0], ssl.SSLError)
    return answer[0] if is_error else answer


def released() -> memoryview:
    view = memoryview(bytearray(10))
    view.release()
    return view


class Loud:
    """Something that becomes a number with an exception."""

    def __index__(self) -> int:
        raise KeyError("not a number")


# -- buffers and sizes ------------------------------------------------------------------------------------------------

BUFFERS: dict[str, Callable[[], Any]] = {
    "bytearray": lambda: bytearray(10),
    "empty": bytearray,
    "bytes": lambda: bytes(10),
    "str": lambda: "0123456789",
    "int": lambda: 10,
    "None": lambda: None,
    "list": lambda: [0] * 10,
    "array": lambda: array.array("H", [0] * 5),
    "memoryview": lambda: memoryview(bytearray(10)),
    "a part": lambda: memoryview(bytearray(10))[3:7],
    "every other byte": lambda: memoryview(bytearray(10))[::2],
    "backwards": lambda: memoryview(bytearray(10))[::-1],
    "two dimensions": lambda: memoryview(bytearray(10)).cast("B", (2, 5)),
    "words": lambda: memoryview(bytearray(10)).cast("H"),
    "read only": lambda: memoryview(bytearray(10)).toreadonly(),
    "released": released,
    "mmap": lambda: mmap.mmap(-1, 10),
    "type": lambda: bytearray,
}
SIZES: dict[str, Any] = {
    "0": 0,
    "-1": -1,
    "True": True,
    "None": None,
    "str": "1",
    "float": 1.0,
    "loud": Loud(),
    "2**31-1": INT_MAX,
    "2**31": INT_MAX + 1,
    "2**63": 1 << 63,
    "-2**31-1": -INT_MAX - 2,
    "10**30": 10**30,
}


def both(ca: Identity, identity: Identity, version: Any = None) -> list[Pair]:
    """The same pair of ours and of Python's, after the handshake."""
    return [
        Pair(client_context(ca, m, version), server_context(identity, m, version), m.MemoryBIO).handshake()
        for m in MODULES
    ]


WITH_A_BUFFER: list[Callable[[Pair, Any], Any]] = [
    lambda pair, buffer: pair.client.write(buffer),
    lambda pair, _buffer: pair.server.read(100),
    lambda pair, _buffer: pair.server.write(b"0123456789"),
    lambda pair, buffer: (pair.client.read(4, buffer), bytes(buffer or b"")),
    lambda pair, _buffer: pair.client.read(100),
    lambda pair, buffer: pair.client.read(buffer),
    lambda pair, buffer: type(pair.to_client)().write(buffer),
    lambda pair, buffer: type(pair.to_client)().read(buffer),
]


@pytest.mark.parametrize("name", BUFFERS)
def test_wrong_buffers(ca: Identity, server_identity: Identity, name: str) -> None:
    """A buffer that cannot be used is refused, nothing is lost, and it is not held any longer."""
    pairs = both(ca, server_identity)
    for step, call in enumerate(WITH_A_BUFFER):
        answers = []
        for pair in pairs:
            buffer = BUFFERS[name]()
            answers.append(kinds(attempt(lambda call=call, pair=pair, buffer=buffer: call(pair, buffer))))
            if isinstance(buffer, bytearray):
                buffer.append(1)  # BufferError if it is exported
            elif isinstance(buffer, mmap.mmap):
                buffer.close()
        assert answers[0] == answers[1], step


@pytest.mark.parametrize("name", SIZES)
def test_sizes(ca: Identity, server_identity: Identity, name: str) -> None:
    """Any size to read: with data, and without."""
    size = SIZES[name]
    for pending in (b"", b"0123456789"):
        answers = []
        for pair in both(ca, server_identity):
            bio = type(pair.to_client)()
            bio.write(pending)
            pair.server.write(pending)
            found = [attempt(lambda end=end: end.read(size)) for end in (pair.client, bio)] + [
                attempt(lambda pair=pair: pair.client.read(size, bytearray(3)))
            ]
            answers.append([kinds(answer) for answer in found])
        assert answers[0] == answers[1], pending


def test_66_more_than_an_int_holds(done: Pair) -> None:
    """2 GiB that nobody ever touches."""
    with mmap.mmap(-1, INT_MAX + 1) as large:
        for call in (stdlib.MemoryBIO().write, ssl.MemoryBIO().write):
            with pytest.raises(OverflowError, match=f"string longer than {INT_MAX} bytes"):
                call(large)
        with pytest.raises(OverflowError):
            done.client.read(0, large)
        done.server.write(b"data")
        assert done.client.read(10, large) == 4


# -- a byte at a time, and in any order -------------------------------------------------------------------------------


class Wire:
    """Two ends whose BIOs are not shared: what carries the bytes decides how many, and when."""

    def __init__(self, client: Any, server: Any, bio: Any) -> None:
        self._into = {"client": bio(), "server": bio()}
        self._from = {"client": bio(), "server": bio()}
        self.client = client.wrap_bio(self._into["client"], self._from["client"], server_hostname="localhost")
        self.server = server.wrap_bio(self._into["server"], self._from["server"], server_side=True)

    def carry(self, receiver: str, count: int) -> bool:
        """Carry up to so many bytes to one end; whether there were any."""
        sender = "server" if receiver == "client" else "client"
        return bool(self._into[receiver].write(self._from[sender].read(count)))

    def taken(self, receiver: str) -> bytes:
        """All that is on its way to one end."""
        data: bytes = self._from["server" if receiver == "client" else "client"].read()
        return data

    def give(self, receiver: str, data: bytes) -> None:
        self._into[receiver].write(data)

    def end(self, receiver: str) -> None:
        self._into[receiver].write_eof()


def by_bytes(wire: Wire, client: Callable[[], Any], server: Callable[[], Any]) -> dict[str, Any]:
    """Call both until both have answered; each try is preceded by one byte."""
    waiting, answers = {"client": client, "server": server}, {}
    while waiting:
        moved = [wire.carry(end, 1) for end in ("client", "server")]
        for end, call in list(waiting.items()):
            try:
                answers[end] = call()
                del waiting[end]
            except ssl.SSLWantReadError:
                assert any(moved) or len(waiting) == 2, "it waits for bytes that nobody will send"
    return answers


@pytest.mark.parametrize("sides", [(ours, ours), (ours, python), (python, ours)], ids=["both", "client", "server"])
def test_one_byte_at_a_time(ca: Identity, server_identity: Identity, version: Any, sides: Any) -> None:
    """Both directions in turns: handshake, data and close; after each byte both ends try what they wait for."""
    near, far = sides
    bio = stdlib.MemoryBIO if python not in sides else ssl.MemoryBIO
    wire = Wire(client_context(ca, near, version), server_context(server_identity, far, version), bio)
    assert by_bytes(wire, wire.client.do_handshake, wire.server.do_handshake) == {"client": None, "server": None}
    wire.client.write(b"from the client")
    wire.server.write(b"from the server")
    answers = by_bytes(wire, lambda: wire.client.read(15), lambda: wire.server.read(15))
    assert answers == {"client": b"from the server", "server": b"from the client"}
    assert by_bytes(wire, wire.client.unwrap, wire.server.unwrap) == {"client": None, "server": None}


class Records:
    """A wire that carries whole records: as many of them are made by both, though not as many bytes."""

    def __init__(self, client: Any, server: Any, bio: Any) -> None:
        self._wire = Wire(client, server, bio)
        self.ends = {"client": self._wire.client, "server": self._wire.server}
        self._waiting = {"client": bytearray(), "server": bytearray()}
        self._ended: set[str] = set()
        self.received = {"client": b"", "server": b""}

    def carry(self, receiver: str) -> int:
        """Carry the next record to one end; its type, or 0 if there is none."""
        self._waiting[receiver] += self._wire.taken(receiver)
        waiting = self._waiting[receiver]
        if not waiting or receiver in self._ended:
            return 0
        record = waiting[: 5 + int.from_bytes(waiting[3:5], "big")]
        del waiting[: len(record)]
        self._wire.give(receiver, bytes(record))
        return record[0]

    def read(self, end: str) -> Any:
        """Read all that there is, and note it; what came after it."""
        while isinstance(data := attempt(lambda: self.ends[end].read(7)), bytes) and data:
            self.received[end] += data
        return data

    def cut(self, end: str) -> None:
        """Nothing more comes to one end."""
        self._wire.end(end)
        self._ended.add(end)


STEPS: dict[str, Callable[[Records, str], Any]] = {
    "handshake": lambda wire, end: attempt(wire.ends[end].do_handshake),
    "read": lambda wire, end: wire.read(end),
    "write": lambda wire, end: attempt(lambda: wire.ends[end].write(b"0123456789")),
    "write much": lambda wire, end: attempt(lambda: wire.ends[end].write(bytes(40000))),
    "write nothing": lambda wire, end: attempt(lambda: wire.ends[end].write(b"")),
    "unwrap": lambda wire, end: attempt(wire.ends[end].unwrap),
    "state": lambda wire, end: (wire.ends[end].version(), wire.ends[end].cipher(), wire.ends[end].session_reused),
    "cut": lambda wire, end: wire.cut(end),
    "carry": lambda wire, end: wire.carry(end),
}
# How often each is taken; most that begins is finished.
WEIGHTS = [6, 8, 6, 0.4, 1, 0.7, 1, 0.1, 14]


@pytest.mark.skipif(not SAME_LIBRARY, reason="another libssl makes other records")
@pytest.mark.parametrize("seed", range(16))
def test_any_order(ca: Identity, server_identity: Identity, version: Any, seed: int) -> None:
    """Calls at random, to ours and to Python's; up to the first fatal error, after which Python's may say anything."""
    luck = random.Random(seed)
    mine, original = (
        Records(client_context(ca, m, version), server_context(server_identity, m, version), m.MemoryBIO)
        for m in MODULES
    )
    for number in range(200):
        (name,), end = luck.choices(list(STEPS), WEIGHTS), luck.choice(["client", "server"])
        answers = STEPS[name](mine, end), STEPS[name](original, end)
        assert answers[0] == answers[1], (number, name, end)
        assert mine.received == original.received, (number, name, end)
        if is_fatal(answers[0]):
            return
