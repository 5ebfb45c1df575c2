"""Small writes that share records: inside ``with connection.corked():``.

Theory of operation.  A record costs the same whether it carries one byte or some thousands.  While a connection is
corked, what is written is gathered, and sealed when a record is full and when a block ends.  The gathered bytes are
the connection's, as is the order of all that is written: ``send_data`` and closing seal them first, and another
thread's writes are gathered, too.

A write is taken in full or raises, so what raises may be repeated: bytes that wait are sealed before others are added.
Where sealing fails, they stay, and go before anything that is written later; if the connection has failed, nobody gets
them.  At most a record's worth waits.

While a connection has a cork, an engine in C leaves the face's calls to Python (`_direct`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from openssl_bio._core.engines import Engine
from openssl_bio._core.errors import Kind, Outcome
from openssl_bio._core.guard import NOT_IN_A_CALLBACK
from openssl_bio._core.pointers import RECORD, BytesLike
from openssl_bio._core.views import original_of

__all__ = ["Corkable"]


class _Cork:
    """What waits to be sealed, and how many blocks gather."""

    __slots__ = ("blocks", "waiting")

    def __init__(self) -> None:
        self.waiting = bytearray()
        self.blocks = 0

    def write(self, data: BytesLike, write: Callable[[BytesLike], int]) -> int:
        """Take all of the data, or seal what ``write`` does of it where it would not share a record."""
        size = memoryview(data).nbytes
        if len(self.waiting) + size > RECORD or not self.blocks:
            self.seal(write)
        if size >= RECORD or not self.blocks:
            return write(data)
        self.waiting += data
        return size

    def seal(self, write: Callable[[BytesLike], int]) -> None:
        """Seal all that waits; what could not be sealed still waits."""
        while self.waiting:
            del self.waiting[: write(bytes(self.waiting))]


class Corkable(Engine):
    """An engine whose small writes may share records."""

    _cork: _Cork | None = None

    @contextmanager
    def corked(self) -> Iterator[None]:
        """Gather what is written in a ``with`` block, so that small writes share records.

        It is sealed, and there as ciphertext, when 16 KiB are full, when the block ends, also by an exception, and
        before `send_data` and the end of the connection. So leave the block before you wait for an answer. Blocks may
        be nested, and be entered by several threads: each that ends seals all there is.

        A write whose bytes cannot be sealed raises what it always does, and may be repeated. So does the end of a
        block, and what it could not seal goes before what is written next.
        ValueError for DTLS, whose datagrams are not joined; TypeError over a socket; RuntimeError in a callback.
        Source: neither face's original has it; for one call there is `send_data_many`.
        """
        self._only_memory()
        if self._datagrams:
            raise ValueError("datagrams are not joined: do not cork their connection")
        with self._guard:
            self._refuse_corking()
            if self._cork is None:
                self._cork = _Cork()
                original_of(self)._direct = False
            self._cork.blocks += 1
            cork = self._cork
        try:
            yield
        finally:
            with self._guard:
                cork.blocks -= 1
                self._uncork()

    def _refuse_corking(self) -> None:
        if self._guard.busy:
            raise self._error(Outcome(Kind.MISUSE, detail=NOT_IN_A_CALLBACK))

    def _write_or_gather(self, data: BytesLike) -> int:
        """`_write`, or gather it."""
        if self._cork is None:
            return self._write(data)
        with self._guard:
            cork = self._cork
            if cork is None:
                return self._write(data)
            self._refuse_corking()
            if self._failure is not None:
                raise self._error(self._failure)
            return cork.write(data, self._write)

    def _uncork(self) -> None:
        """Seal what waits, if anything; outside of all blocks the connection is as before then."""
        if self._cork is None:
            return
        with self._guard:
            cork = self._cork
            if cork is None:
                return
            cork.seal(self._write)
            if not cork.blocks:
                self._cork = None
                original_of(self)._direct = True

    def _before_send_data(self) -> None:
        super()._before_send_data()
        self._uncork()
