"""Early data (0-RTT, RFC 8446, section 2.3): what a resuming client sends before the handshake.

Theory of operation.  libssl has two functions of its own for it, which also go on with the handshake; they are called
here as the engine calls the others, on whichever engine, with an outcome of their own.  A client is refused what its
session does not allow before anything is sent.  A server that never reads early data rejects it: libssl skips it.

Somebody who has recorded early data can send it again.  libssl's protection, which is on without a guard (`replay`),
lets each session be resumed once on the SSL_CTX that has made it: its tickets are only names of sessions in that
context's cache.  A new generation of a context takes the cache over, and leaves none behind.
"""

from __future__ import annotations

from collections.abc import Callable

from openssl_bio._core._lib import ffi, lib
from openssl_bio._core.connection import ConnectionCore
from openssl_bio._core.errors import ABORTED, classify, first_of
from openssl_bio._core.pointers import PIECE, BytesLike, new_buffer, own, taken

__all__ = ["EarlyData"]

_DEED = "send or read early data on the connection it was called for"


class EarlyData(ConnectionCore):
    """The part of a connection that sends and receives early data."""

    _early_written = 0

    def _write_early_data(self, data: BytesLike) -> int:
        """Send early data with the first flight; ValueError if the session does not allow that much, or any."""
        with self._guard, ffi.from_buffer("unsigned char[]", data) as source:
            self._refuse_in_callback(_DEED)
            session = lib.SSL_get_session(self.ssl)
            most = 0 if session == ffi.NULL else int(lib.SSL_SESSION_get_max_early_data(session))
            if not len(source):
                return 0
            if most == 0:
                raise ValueError("early data needs a session to resume whose server takes some")
            if self._early_written + len(source) > most:
                left = most - self._early_written
                raise ValueError(f"the server takes {most} bytes of early data, and {left} are left")
            count = self._run_early(lib.obio_write_early_data, source, len(source))
            self._early_written += count
            return count

    def _read_early_data(self, size: int) -> bytes:
        """Up to ``size`` bytes (1 or more); b"" if there are no more, or none, and the handshake can go on."""
        with self._guard:
            self._refuse_in_callback(_DEED)
            room = min(size, PIECE)
            buffer = new_buffer(room)
            return taken(buffer, self._run_early(lib.obio_read_early_data, buffer, room))

    def _run_early(self, operation: Callable[..., int], *arguments: object) -> int:
        """Run an operation as the engine does; the count of its outcome."""
        if self._failure is not None:
            raise self._error(self._failure)
        outcome = own(lib.obio_outcome_new(), lib.obio_outcome_free, self._errors, "obio_outcome_new")
        self._guard.operating = True
        try:
            operation(self.ssl, *arguments, outcome)
            if outcome.broken:
                self._failure = classify(outcome)
            if self._pending and self._failure is None:
                self._failure = ABORTED
                lib.obio_abort(self.ssl)
        finally:
            self._guard.operating = False
        if self._pending:
            raise first_of(self._pending)
        if not outcome.count and outcome.ssl_error != lib.SSL_ERROR_NONE:
            raise self._error(classify(outcome))
        return int(outcome.count)

    def _early_data_status(self) -> str:
        status = self._get(lib.SSL_get_early_data_status)
        return {lib.SSL_EARLY_DATA_ACCEPTED: "accepted", lib.SSL_EARLY_DATA_REJECTED: "rejected"}.get(
            status, "not sent"
        )
