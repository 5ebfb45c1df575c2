"""Between an engine and a file descriptor: what makes a connection over a socket out of one over memory.

Theory of operation.  The engine does TLS in memory and never waits.  A pump runs one of its operations; where the
operation wants bytes of the peer it reads some from the descriptor and runs it again, and what the operation produced
it writes to the descriptor.  Only here does anything wait, and while it waits the engine's lock is free: one thread may
wait for data while another writes.

Reading takes from the descriptor exactly what libssl would: the header of a record, then its body.  So what the kernel
still has is what ``select`` sees, and bytes after the end of TLS stay there.  Counts stand in memory of C, where the
reading and writing functions put them: a signal handler that raises right after one of those loses nothing.

Nothing is reported as done before the descriptor has taken it.  Where it will not take all at once, the caller is told
to wait (`Kind.WANT_WRITE`), and the same call later finishes the work and returns what is *owed*, as libssl does.

Locks, in this order: ``_sending`` by who must see its bytes out; ``_receiving`` by who reads the descriptor; the
engine's.  A reader never waits for a writer: what it has to send is sent by the writer, who looks again before he goes.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import Any

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.engine import Engine
from openssl_bio._core.errors import ErrorTable, Kind, Outcome
from openssl_bio._core.pointers import new_buffer, own

HEADER = 5  # bytes before the body of a TLS record
LARGEST = 1 << 16  # bytes that one read may bring: a datagram, or a record's body
SLICE = 1 << 16  # bytes of ciphertext that one write is given


def _last_error() -> int:
    """What the last call of C left in errno, or in its place on Windows."""
    return int(ffi.getwinerror()[0] if hasattr(ffi, "getwinerror") else ffi.errno)


class _Framing:
    """How many bytes libssl would ask a byte stream for next."""

    def __init__(self) -> None:
        self._header = b""
        self.wanted = HEADER

    def advance(self, data: bytes) -> None:
        """Bytes have come, ``wanted`` at most."""
        self.wanted -= len(data)
        if len(self._header) < HEADER:
            self._header += data
            if self.wanted == 0:
                self.wanted = self._body()
        if self.wanted == 0:
            self._header, self.wanted = b"", HEADER

    def _body(self) -> int:
        first, second = self._header[:2]
        if first & 0x80:  # the ClientHello of SSL 2, whose length is in the first two bytes
            return max(((first & 0x7F) << 8 | second) + 2 - HEADER, 0)
        return int.from_bytes(self._header[3:5], "big")


class SocketPump:
    """One engine's way to one file descriptor."""

    def __init__(self, fileno: Callable[[], int], want_read: type[BaseException], errors: ErrorTable) -> None:
        """``fileno`` is asked before each use; ``want_read`` is what the engine raises when it wants bytes."""
        self._fileno = fileno
        self._want_read = want_read
        self._errors = errors
        self._sending, self._receiving = threading.RLock(), threading.RLock()
        self._reader, self._writer = self._new_bio(), self._new_bio()
        self._framing = _Framing()
        self._arrived, self._arrived_size = new_buffer(LARGEST), ffi.new("size_t *")
        self._arrivals = 0
        self._leaving, self._left = b"", ffi.new("size_t *")
        self._owed: dict[str, Any] = {}

    def _new_bio(self) -> CData:
        return own(lib.BIO_new(lib.BIO_s_socket()), lib.BIO_free, self._errors, "BIO_new")

    def _point(self, bio: CData) -> CData:
        """The BIO, over the present descriptor, which it never closes."""
        lib.BIO_set_fd(bio, self._fileno(), lib.BIO_NOCLOSE)
        return bio

    @property
    def blocked(self) -> bool:
        """Whether something waits for the descriptor to take it."""
        return bool(self._leaving)

    # -- running an operation ---------------------------------------------------------------------------------------

    def drive(self, engine: Engine, name: str, operation: Callable[[], Any]) -> Any:
        """Run an operation whose bytes must be out before it is done; ``name`` tells when it is called again."""
        with self._sending:
            self._flush(engine)
            if name not in self._owed:
                self._owed[name] = self._until_done(engine, operation, self._flush)
                self._flush(engine)
            result = self._owed.pop(name)
        self._flush_if_free(engine)
        return result

    def receive(self, engine: Engine, operation: Callable[[], Any]) -> Any:
        """Run an operation that brings plaintext; what it has to send goes out when it can."""
        result = self._until_done(engine, operation, self._flush_if_free)
        self._flush_if_free(engine)
        return result

    def _until_done(self, engine: Engine, operation: Callable[[], Any], flush: Callable[[Engine], None]) -> Any:
        while True:
            arrivals = self._arrivals
            try:
                return operation()
            except self._want_read:
                flush(engine)
                self._fill(engine, arrivals)
            except BaseException:
                self._flush_if_free(engine)  # the peer's alert
                raise

    # -- from the descriptor ----------------------------------------------------------------------------------------

    def _fill(self, engine: Engine, arrivals: int) -> None:
        """Feed the engine what the descriptor has next, unless another thread has done so meanwhile."""
        with self._receiving:
            if self._arrivals != arrivals:
                return
            if self._arrived_size[0] or self._read(engine._datagrams):
                data = bytes(ffi.buffer(self._arrived, self._arrived_size[0]))
                engine._feed(data)
                self._arrived_size[0] = 0
                self._framing.advance(data)
            else:
                engine._mark_eof()
            self._arrivals += 1

    def _read(self, datagrams: bool) -> bool:
        """Wait for bytes. False at the end of the stream; raises if the descriptor does not wait, or fails."""
        while True:
            bio = self._point(self._reader)
            room = LARGEST if datagrams else self._framing.wanted
            if lib.BIO_read_ex(bio, self._arrived, room, self._arrived_size):
                return True
            code = _last_error()
            if not lib.BIO_should_retry(bio):
                if code:
                    raise self._errors.error(Outcome(Kind.SYSCALL, errno=code))
                if not datagrams:  # a datagram may be empty
                    return False
            elif code != errno.EINTR:
                raise self._errors.error(Outcome(Kind.WANT_READ))

    # -- to the descriptor ------------------------------------------------------------------------------------------

    def _flush(self, engine: Engine) -> None:
        """Write all that there is; raises if the descriptor does not take it."""
        with self._sending:
            outcome = self._write_all(engine)
        if outcome is not None:
            raise self._errors.error(outcome)

    def _flush_if_free(self, engine: Engine) -> None:
        """Write what can be written, unless another thread is about it; a failure will be found by who must write."""
        while (self._leaving or engine._waiting_bytes()) and self._sending.acquire(blocking=False):
            try:
                if self._write_all(engine) is not None:
                    return
            finally:
                self._sending.release()

    def _write_all(self, engine: Engine) -> Outcome | None:
        while self._leaving or engine._waiting_bytes():
            if not self._leaving:
                self._leaving = engine._take(SLICE)
            bio = self._point(self._writer)
            done = lib.BIO_write_ex(bio, self._leaving, len(self._leaving), self._left)
            code = _last_error()
            if done:
                self._leaving = self._leaving[self._left[0] :]
            elif not lib.BIO_should_retry(bio):
                return Outcome(Kind.SYSCALL, errno=code)
            elif code != errno.EINTR:
                return Outcome(Kind.WANT_WRITE)
        return None
