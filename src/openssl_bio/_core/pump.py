"""Between an engine and a file descriptor: what makes a connection over a socket out of one over memory.

Theory of operation.  The engine does TLS in memory and never waits.  A pump runs one of its operations; where the
operation wants bytes of the peer it reads some from the descriptor and runs it again, and what the operation produced
it writes to the descriptor.  Only here does anything wait, and while it waits the engine's lock is free: one thread may
wait for data while another writes.

Reading takes from the descriptor exactly what libssl would: the header of a record, then its body.  So what the kernel
still has is what ``select`` sees, and bytes after the end of TLS stay there.

A signal handler may raise between any two steps.  So bytes are moved and counted by one call of C, both or neither
(`_native/transfers.c`), and every step can be repeated.

Nothing is reported as done before the descriptor has taken it.  Where it will not take all at once, the caller is told
to wait (`Kind.WANT_WRITE`), and the same call later finishes the work and returns what is *owed*, as libssl does.

Locks, in this order: ``_sending`` by who must see its bytes out; ``_receiving`` by who reads the descriptor; the
engine's.  A reader never waits for a writer: what it has to send is sent by the writer, who looks again before he goes.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Final

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import ErrorTable, Kind, Outcome
from openssl_bio._core.pointers import new_uncleared, own
from openssl_bio._core.records import Record

if TYPE_CHECKING:
    from openssl_bio._core.engine import Engine

HEADER = 5  # bytes before the body of a TLS record
LARGEST = 1 << 16  # bytes that one read may bring: a datagram, or a record's body


def _last_error() -> int:
    """What the last call of C left in errno, or in its place on Windows."""
    return int(ffi.getwinerror()[0] if hasattr(ffi, "getwinerror") else ffi.errno)


# How a descriptor says that nobody reads it any more.
_GONE = {errno.EPIPE, errno.ECONNRESET, getattr(errno, "WSAECONNRESET", errno.ECONNRESET)}


def _sends_tickets(ssl: CData) -> bool:
    return bool(lib.SSL_is_server(ssl)) and lib.SSL_version(ssl) == lib.TLS1_3_VERSION


class _Framing(Record):
    """Where in the stream of records we are: what libssl would ask for next."""

    __slots__ = ("header", "wanted")

    def __init__(self, header: bytes = b"", wanted: int = HEADER) -> None:
        self.header: Final = header  # as far as it has come
        self.wanted: Final = wanted  # bytes that are missing from the header, or from the body

    def after(self, data: bytes) -> _Framing:
        """Where we are when these bytes, ``wanted`` at most, have come."""
        header, wanted = self.header, self.wanted - len(data)
        if len(header) < HEADER:
            header += data
            if wanted == 0:
                wanted = _body(header)
        return _Framing(header, wanted) if wanted else _Framing()


def _body(header: bytes) -> int:
    first, second = header[:2]
    if first & 0x80:  # the ClientHello of SSL 2, whose length is in the first two bytes
        return max(((first & 0x7F) << 8 | second) + 2 - HEADER, 0)
    return int.from_bytes(header[3:5], "big")


def _empty_transfer() -> CData:
    transfer: CData = new_uncleared("obio_transfer *")
    transfer.start = transfer.size = 0
    return transfer


class SocketPump:
    """One engine's way to one file descriptor."""

    slice: ClassVar[int] = 1 << 16  # bytes of ciphertext that one write is given

    def __init__(self, fileno: Callable[[], int], want_read: type[BaseException], errors: ErrorTable) -> None:
        """``fileno`` is asked before each use; ``want_read`` is what the engine raises when it wants bytes."""
        self._fileno = fileno
        self._want_read = want_read
        self._errors = errors
        self._sending, self._receiving = threading.RLock(), threading.RLock()
        self._reader, self._writer = self._new_bio(), self._new_bio()
        self._arrived, self._leaving = _empty_transfer(), _empty_transfer()
        self._framing = _Framing()
        self._next_framing: _Framing | None = None  # once the engine has what arrived
        self._arrivals = 0
        self._owed: dict[str, Any] = {}
        self._early: CData | None = None  # bytes that come before those of the descriptor

    def _new_bio(self) -> CData:
        return own(lib.BIO_new(lib.BIO_s_socket()), lib.BIO_free, self._errors, "BIO_new")

    def _point(self, bio: CData) -> CData:
        """The BIO, over the present descriptor, which it never closes."""
        lib.BIO_set_fd(bio, self._fileno(), lib.BIO_NOCLOSE)
        return bio

    def begin_with(self, data: bytes) -> None:
        """Let bytes that somebody else has read from the descriptor come first. Once, before anything is read."""
        early = own(lib.BIO_new(lib.BIO_s_mem()), lib.BIO_free, self._errors, "BIO_new")
        self._errors.check(lib.BIO_write(early, data, len(data)) == len(data), "BIO_write")
        with self._receiving:
            self._early = early

    @property
    def blocked(self) -> bool:
        """Whether something waits for the descriptor to take it."""
        return bool(self._leaving.size)

    @property
    def arrivals(self) -> int:
        """How many times something has been read; other threads may be about it."""
        return self._arrivals

    def after_arrivals(self, arrivals: int, seconds: float | None, wait: Callable[[], bool]) -> bool:
        """Whether there is something to go on with: it has been read since, or is there when ``wait`` returns true.

        Of several threads one waits for the descriptor, and the others for that one: what it reads may be for them.
        """
        if not self._receiving.acquire(timeout=-1 if seconds is None else seconds):
            return False
        try:
            return self._arrivals != arrivals or wait()
        finally:
            self._receiving.release()

    # -- running an operation ---------------------------------------------------------------------------------------

    def drive(self, engine: Engine, name: str, operation: Callable[[], Any]) -> Any:
        """Run an operation whose bytes must be out before it is done; ``name`` tells when it is called again."""
        with self._sending:
            self._flush(engine)
            if name not in self._owed:
                self._owed[name] = self._until_done(engine, operation, self._flush)
                self._flush_last(engine, name)
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
            self._settle()
            if self._arrived.size or self._read(engine._datagrams):
                self._arrivals += 1
                arrived = self._arrived
                self._next_framing = self._framing.after(bytes(ffi.buffer(arrived.data, arrived.size)))
                self._move(engine, lambda ssl: lib.obio_transfer_drain(arrived, lib.SSL_get_rbio(ssl)))
                self._settle()
            else:
                engine._mark_eof()
                self._arrivals += 1

    def _settle(self) -> None:
        if self._next_framing is not None and not self._arrived.size:
            self._framing, self._next_framing = self._next_framing, None

    def _move(self, engine: Engine, move: Callable[[CData], int]) -> None:
        """Move bytes between a buffer of ours and the engine's memory, all of them."""
        with engine._guard:
            self._errors.check(move(engine.ssl), "moving bytes to or from the connection")

    def _read(self, datagrams: bool) -> bool:
        """Wait for bytes. False at the end of the stream; raises if the descriptor does not wait, or fails."""
        while True:
            bio = self._point(self._reader)
            room = LARGEST if datagrams else self._framing.wanted
            if self._early is not None:
                if lib.obio_transfer_fill(self._arrived, self._early, room):
                    return True
                self._early = None
            if lib.obio_transfer_fill(self._arrived, bio, room):
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

    def _flush_last(self, engine: Engine, name: str) -> None:
        """`_flush` behind an operation that has succeeded.

        What a TLS 1.3 server sends behind a handshake is tickets. A client that wanted none may have closed already,
        which is no failure of the handshake; libssl over a socket takes it so, too.
        """
        with self._sending:
            outcome = self._write_all(engine)
        if outcome is None:
            return
        if name.endswith("handshake") and outcome.errno in _GONE and _sends_tickets(engine.ssl):
            return
        raise self._errors.error(outcome)

    def _flush_if_free(self, engine: Engine) -> None:
        """Write what can be written, unless another thread is about it; a failure will be found by who must write."""
        while (self._leaving.size or engine._waiting_bytes()) and self._sending.acquire(blocking=False):
            try:
                if self._write_all(engine) is not None:
                    return
            finally:
                self._sending.release()

    def _write_all(self, engine: Engine) -> Outcome | None:
        leaving = self._leaving
        while leaving.size or engine._waiting_bytes():
            if not leaving.size:
                self._move(engine, lambda ssl: lib.obio_transfer_fill(leaving, lib.SSL_get_wbio(ssl), self.slice))
            bio = self._point(self._writer)
            if lib.obio_transfer_drain(leaving, bio):
                continue
            code = _last_error()
            if not lib.BIO_should_retry(bio):
                return Outcome(Kind.SYSCALL, errno=code)
            elif code != errno.EINTR:
                return Outcome(Kind.WANT_WRITE)
        return None
