"""Where a connection's ciphertext comes from and goes to, when it is not the engine's own memory.

Theory of operation.  `Queue` is a BIO of ours (``_native/queue.c``) with a lock of its own, so that it can be shared by
connections and threads; libssl reads and writes it without entering Python.  `foreign_bio` makes a BIO of any object
that has the methods of Python's ``ssl.MemoryBIO``: frameworks make those themselves and read their ``pending``.  Each
read of such a BIO asks the object for exactly the bytes that libssl asks for, because what was taken from it cannot be
put back.  To the connection that is as any other callback: input and output are refused meanwhile, and what the object
raises waits in the connection's list, for the engine to raise it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from openssl_bio._core._lib import CData, called_by_c, ffi, lib
from openssl_bio._core.errors import ErrorsAside, ErrorTable, clean_queue
from openssl_bio._core.guard import Guard
from openssl_bio._core.pointers import BytesLike, fill, new_buffer, own, taken

__all__ = ["ByteBox", "ForeignBio", "Queue", "foreign_bio"]

# What the C side makes of the results of py_bio_read: nothing there yet, at its end, an exception.
_EMPTY, _ENDED, _RAISED = 0, -1, -2


_NO_MEMORY = ErrorTable(lambda outcome: MemoryError(outcome.detail))


class ByteBox(Protocol):
    """What `foreign_bio` needs: the part of ``ssl.MemoryBIO`` that moves bytes."""

    @property
    def eof(self) -> bool:
        """There are no bytes, and there will be none."""
        ...

    @property
    def pending(self) -> int:
        """How many bytes there are."""
        ...

    def write_eof(self) -> None:
        """Let there be no more bytes."""
        ...

    def read(self, size: int, /) -> bytes:
        """Take up to ``size`` bytes; b"" if there are none."""
        ...

    def write(self, data: bytes, /) -> int:
        """Put bytes in."""
        ...


class Queue:
    """Bytes that go in at one end and come out at the other, as a BIO: ``_pointer``. A face gives the names."""

    __slots__ = ("_pointer",)

    def __init__(self) -> None:
        with clean_queue:
            self._pointer = own(lib.obio_queue_new(), lib.BIO_free, _NO_MEMORY, "obio_queue_new")

    def _put(self, data: BytesLike) -> int:
        """Add bytes, and return how many they are."""
        with clean_queue, ffi.from_buffer("unsigned char[]", data) as source:
            if not lib.obio_queue_put(self._pointer, source, len(source)):
                raise MemoryError
            return len(source)

    def _take(self, size: int) -> bytes:
        """Take up to ``size`` bytes."""
        room = min(size, self._size)
        if room <= 0:
            return b""
        buffer = new_buffer(room)
        with clean_queue:
            return taken(buffer, lib.obio_queue_take(self._pointer, buffer, room))

    def _end(self) -> None:
        """There will be no more bytes: whoever reads the empty queue finds its end."""
        with clean_queue:
            lib.obio_queue_end(self._pointer)

    @property
    def _ended(self) -> bool:
        """`_end` was called; there may be bytes left."""
        with clean_queue:
            return bool(lib.obio_queue_ended(self._pointer))

    @property
    def _size(self) -> int:
        """How many bytes there are."""
        with clean_queue:
            return int(lib.obio_queue_size(self._pointer))


class ForeignBio:
    """A BIO made of a Python object: ``_pointer``. It must live as long as any reference to the BIO."""

    __slots__ = ("_handle", "_pointer")

    def __init__(self, pointer: CData, handle: CData) -> None:
        self._pointer, self._handle = pointer, handle


class _Foreign:
    """What the handle of a foreign BIO leads to."""

    __slots__ = ("box", "guard", "problems")

    def __init__(self, box: ByteBox, guard: Guard, problems: list[BaseException]) -> None:
        self.box = box
        self.guard = guard
        self.problems = problems

    def ask(self, call: Callable[[Any], Any], argument: Any) -> Any:
        """Call a method of the box, as any callback is called; what it raises goes on."""
        self.guard.callbacks += 1
        try:
            with ErrorsAside():
                return call(argument)
        finally:
            self.guard.callbacks -= 1


def foreign_bio(box: ByteBox, guard: Guard, problems: list[BaseException], errors: ErrorTable) -> ForeignBio:
    """A BIO that reads from and writes to a Python object; what that raises is appended to ``problems``."""
    handle = ffi.new_handle(_Foreign(box, guard, problems))
    with clean_queue:
        return ForeignBio(own(lib.obio_foreign_new(handle), lib.BIO_free, errors, "obio_foreign_new"), handle)


def _keep(error: BaseException, handle: CData, *_rest: object) -> None:
    ffi.from_handle(handle).problems.append(error)


@called_by_c("py_bio_read", _RAISED, _keep)
def _bio_read(handle: CData, buffer: CData, size: int) -> int:
    """libssl wants up to ``size`` bytes of a foreign BIO."""
    foreign: _Foreign = ffi.from_handle(handle)
    if foreign.problems:  # which are raised before more is taken
        return _EMPTY
    data = foreign.ask(foreign.box.read, size)
    if not data:
        return _ENDED if foreign.box.eof else _EMPTY
    return fill(buffer, size, data, "what a BIO gave")


@called_by_c("py_bio_pending", 0, _keep)
def _bio_pending(handle: CData) -> int:
    """How many bytes a foreign BIO has."""
    foreign: _Foreign = ffi.from_handle(handle)
    return int(foreign.ask(lambda _nothing: foreign.box.pending, None))


@called_by_c("py_bio_end", 0, _keep)
def _bio_end(handle: CData) -> int:
    """A foreign BIO will be given no more bytes."""
    foreign: _Foreign = ffi.from_handle(handle)
    foreign.ask(lambda _nothing: foreign.box.write_eof(), None)
    return 1


@called_by_c("py_bio_write", _RAISED, _keep)
def _bio_write(handle: CData, data: CData, size: int) -> int:
    """libssl has bytes for a foreign BIO, which takes them all."""
    foreign: _Foreign = ffi.from_handle(handle)
    foreign.ask(foreign.box.write, taken(data, size))
    return size
