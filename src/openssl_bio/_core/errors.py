"""What went wrong: the one way from OpenSSL's codes to Python's exceptions.

Theory of operation.  OpenSSL keeps a queue of errors for each thread, which we may share with Python's own ``ssl``.  So
the queue is empty before we call and empty after (`clean_queue`, `Guard`), and what a failing call left there is taken
out at once.  Whatever fails becomes an `Outcome`: a `Kind`, and the error records.  A face owns one `ErrorTable`, from
kind to exception; nothing but the table makes an exception, and the core knows no face's classes.

Invariants: an outcome that reaches a table has at least one record, or a kind that says all; the unexpected-EOF reason
of OpenSSL 3 is `Kind.EOF` here and nowhere else.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Final

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.records import Record


class Kind:
    """How an operation ended: one of these, which are compared by identity. An `enum.Enum` is slow to import."""

    __slots__ = ("name",)

    OK: ClassVar[Kind]
    WANT_READ: ClassVar[Kind]  # it needs bytes from the peer
    WANT_WRITE: ClassVar[Kind]  # the outgoing buffer is full
    WANT_X509_LOOKUP: ClassVar[Kind]  # a certificate callback asked to be called again
    WANT_CLIENT_HELLO: ClassVar[Kind]  # a ClientHello callback asked to be called again
    WANT_RETRY_VERIFY: ClassVar[Kind]  # verification was suspended
    WANT_ASYNC: ClassVar[Kind]  # an asynchronous key operation has not finished
    ZERO_RETURN: ClassVar[Kind]  # the peer closed with close_notify
    EOF: ClassVar[Kind]  # the bytes ended without close_notify: truncation
    SYSCALL: ClassVar[Kind]  # the transport failed; errno says how
    SSL: ClassVar[Kind]  # a protocol or configuration error; the records say which
    MISUSE: ClassVar[Kind]  # the call is not allowed now, and libssl was not entered

    def __init__(self, name: str) -> None:
        self.name: Final = name

    def __repr__(self) -> str:
        return f"Kind.{self.name}"


KINDS: Final = tuple(map(Kind, Kind.__annotations__))
for _kind in KINDS:
    setattr(Kind, _kind.name, _kind)


_KINDS = {
    lib.SSL_ERROR_NONE: Kind.OK,
    lib.SSL_ERROR_WANT_READ: Kind.WANT_READ,
    lib.SSL_ERROR_WANT_WRITE: Kind.WANT_WRITE,
    lib.SSL_ERROR_WANT_X509_LOOKUP: Kind.WANT_X509_LOOKUP,
    lib.SSL_ERROR_WANT_CLIENT_HELLO_CB: Kind.WANT_CLIENT_HELLO,
    lib.SSL_ERROR_WANT_RETRY_VERIFY: Kind.WANT_RETRY_VERIFY,
    lib.SSL_ERROR_WANT_ASYNC: Kind.WANT_ASYNC,
    lib.SSL_ERROR_ZERO_RETURN: Kind.ZERO_RETURN,
    lib.SSL_ERROR_SYSCALL: Kind.SYSCALL,
    lib.SSL_ERROR_SSL: Kind.SSL,
}


class ErrorRecord(Record):
    """One entry of OpenSSL's queue: its code, and the texts that belong to it ("" where there is none)."""

    __slots__ = ("code", "data", "library", "reason")

    def __init__(self, code: int, library: str, reason: str, data: str = "") -> None:
        self.code: Final = code
        self.library: Final = library
        self.reason: Final = reason
        self.data: Final = data

    def says(self, library: int, *reasons: int) -> bool:
        """Whether it is one of these reasons (``XXX_R_*``, ``ERR_R_*``) of a library (``ERR_LIB_*``)."""
        return lib.ERR_GET_LIB(self.code) == library and lib.ERR_GET_REASON(self.code) in reasons


class Outcome(Record):
    """How one call ended. ``detail`` is our own sentence, for the message: a path, the name of what was wrong."""

    __slots__ = ("detail", "errno", "kind", "records")

    def __init__(self, kind: Kind, records: tuple[ErrorRecord, ...] = (), errno: int = 0, detail: str = "") -> None:
        self.kind: Final = kind
        self.records: Final = records
        self.errno: Final = errno
        self.detail: Final = detail


def _text(string: CData) -> str:
    return "" if string == ffi.NULL else ffi.string(string).decode("utf-8", "replace")


def _record(code: int, data: CData) -> ErrorRecord:
    reason = (
        os.strerror(lib.ERR_GET_REASON(code))
        if lib.ERR_SYSTEM_ERROR(code)
        else _text(lib.ERR_reason_error_string(code))
    )
    return ErrorRecord(code, _text(lib.ERR_lib_error_string(code)), reason, _text(data))


def records_of(outcome: CData) -> tuple[ErrorRecord, ...]:
    """The error records of an ``obio_outcome``, oldest first."""
    return tuple(_record(outcome.record[i].code, outcome.record[i].data) for i in range(outcome.records))


def classify(outcome: CData) -> Outcome:
    """What an ``obio_outcome`` of `_native/operations.c` means."""
    records = records_of(outcome)
    kind = _KINDS.get(outcome.ssl_error, Kind.SSL)
    if any(record.says(lib.ERR_LIB_SSL, lib.SSL_R_UNEXPECTED_EOF_WHILE_READING) for record in records):
        return Outcome(Kind.EOF, records)
    if kind is Kind.SYSCALL and records:
        kind = Kind.SSL
    elif kind is Kind.SYSCALL and outcome.sys_errno == 0:
        kind = Kind.EOF
    if kind is Kind.SSL and not records:
        return Outcome(kind, detail="the TLS connection has failed")
    return Outcome(kind, records, outcome.sys_errno)


# What has ended a connection whose callback raised an exception during the handshake.
ABORTED = Outcome(Kind.SSL, detail="a callback raised an exception during the handshake")

# What has ended one, or its writing, with bytes that are nowhere: what follows must not be taken for them.
LOST = Outcome(Kind.SSL, detail="bytes that were on their way are lost")

# What libssl says when it refuses the peer's certificate.
VERIFY_FAILED = ErrorRecord(
    lib.ERR_LIB_SSL << 23 | lib.SSL_R_CERTIFICATE_VERIFY_FAILED, "SSL routines", "certificate verify failed"
)


def is_verify_failure(record: ErrorRecord) -> bool:
    """libssl refused the peer's certificate."""
    return record.says(lib.ERR_LIB_SSL, lib.SSL_R_CERTIFICATE_VERIFY_FAILED)


def clear_queue() -> None:
    """Forget what is in this thread's error queue."""
    if lib.ERR_peek_error():
        lib.ERR_clear_error()


def take_queue() -> tuple[ErrorRecord, ...]:
    """Move this thread's error queue into records, oldest first."""
    outcome = lib.obio_outcome_new()
    if outcome == ffi.NULL:
        raise MemoryError
    try:
        lib.obio_save_errors(outcome)
        return records_of(outcome)
    finally:
        lib.obio_outcome_free(outcome)


def first_of(problems: list[BaseException]) -> BaseException:
    """What the callbacks of an operation raised first; what followed from it is dropped."""
    first = problems[0]
    problems.clear()
    return first


class CleanQueue:
    """``with clean_queue:`` gives a block of libcrypto calls an empty error queue, and leaves it empty."""

    def __enter__(self) -> None:
        clear_queue()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        clear_queue()


clean_queue = CleanQueue()


class ErrorsAside:
    """Put libssl's queued errors aside while Python runs, and back afterwards."""

    __slots__ = ("_saved",)

    def __enter__(self) -> None:
        self._saved: CData = None
        if lib.ERR_peek_error():
            saved = lib.obio_outcome_new()
            if saved == ffi.NULL:  # then what libssl had queued is lost
                return
            lib.obio_save_errors(saved)
            self._saved = saved

    def __exit__(self, *_exception: object) -> None:
        if self._saved is None:
            clean_queue.__exit__(None, None, None)
            return
        lib.obio_restore_errors(self._saved)
        lib.obio_outcome_free(self._saved)


class ErrorTable:
    """A face's exceptions: from `Kind` to what makes the exception, with one for all that are not named.

    What a face does not name of ``Kind.MISUSE`` is a RuntimeError with the outcome's detail.
    """

    def __init__(
        self,
        otherwise: Callable[[Outcome], BaseException],
        named: Mapping[Kind, Callable[[Outcome], BaseException]] | None = None,
    ) -> None:
        self._otherwise = otherwise
        self._named = {Kind.MISUSE: lambda outcome: RuntimeError(outcome.detail), **(named or {})}

    def error(self, outcome: Outcome) -> BaseException:
        """The exception for an outcome, not raised yet."""
        return self._named.get(outcome.kind, self._otherwise)(outcome)

    @functools.cached_property
    def want_read(self) -> tuple[type[BaseException], tuple[Any, ...], dict[str, Any]]:
        """What the exception for `Kind.WANT_READ` is made of, for C: its class, arguments and attributes.

        The class has no initialiser of its own, since C calls none.
        """
        error = self.error(Outcome(Kind.WANT_READ))
        return type(error), error.args, dict(vars(error))

    def failure(self, detail: str, kind: Kind = Kind.SSL) -> BaseException:
        """The exception for what this thread's error queue holds; ``detail`` says what was tried, and on what."""
        return self.error(Outcome(kind, take_queue(), detail=detail))

    def check(self, ok: object, detail: str) -> None:
        """Raise `failure` unless the result of a libcrypto or libssl call is true."""
        if not ok:
            raise self.failure(detail)
