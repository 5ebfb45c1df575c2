"""A connection's ciphertext, carried over a blocking socket; and what comes before TLS on it (STARTTLS)."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from openssl_bio import SSL

_T = TypeVar("_T")
_CHUNK = 1 << 16
_LONGEST_LINE = 4096
# PostgreSQL's SSLRequest message: its length, and a code in the place of a protocol version.
_SSL_REQUEST = bytes.fromhex("0000000804d2162f")


class Wire:
    """Runs a memory connection's operations over a socket, none of them longer than ``timeout`` seconds."""

    def __init__(self, connection: SSL.Connection, sock: socket.socket, timeout: float) -> None:
        self.connection = connection
        self._socket = sock
        self._timeout = timeout

    def run(self, operation: Callable[[], _T], timeout: float | None = None) -> _T:
        """Repeat ``operation`` until it wants no more ciphertext, and return its result.

        SSL.Error as the operation raises it (the peer is sent the alert first), TimeoutError when the time is up,
        OSError if the socket fails. Source: ``Connection.bio_read``, ``bio_write``, ``bio_shutdown``.
        """
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        while True:
            try:
                result = operation()
            except SSL.WantReadError:
                self._flush(deadline)
                self._receive(deadline)
            except SSL.Error:
                # The operation's error says more than that of a peer which hung up before the alert.
                with suppress(OSError):
                    self._flush(deadline)
                raise
            else:
                self._flush(deadline)
                return result

    def handshake(self) -> None:
        """Run the handshake; raises as `run`."""
        self.run(self.connection.do_handshake)

    def receive(self) -> bytes:
        """Some plaintext, or b"" if the peer closed cleanly; raises as `run`."""
        try:
            return self.run(lambda: self.connection.recv(_CHUNK))
        except SSL.ZeroReturnError:
            return b""

    def send(self, data: bytes) -> None:
        """Send plaintext; raises as `run`."""
        self.run(lambda: self.connection.sendall(data))

    def close(self, timeout: float) -> bool:
        """Send close_notify and await the peer's, dropping what else it sends; whether that came in time.

        Raises SSL.Error if the peer sent an alert instead, as TLS 1.3 servers do that refuse a client's certificate.
        """
        deadline = time.monotonic() + timeout
        try:
            # Of a peer that hung up, what it said before can still be read.
            with suppress(ConnectionError):
                self.run(self.connection.shutdown, timeout)
            while time.monotonic() < deadline:
                self.run(lambda: self.connection.recv(_CHUNK), deadline - time.monotonic())
        except SSL.ZeroReturnError:
            return True
        except (SSL.SysCallError, OSError):
            return False
        return False

    def hang_up(self, timeout: float) -> None:
        """Send no more, and drop what the peer still sends, until it hangs up too or the time is up.

        A socket that is closed with bytes unread is reset, and the peer may lose our last words: the alert.
        """
        deadline = time.monotonic() + timeout
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
            self._limit(deadline)
            while self._socket.recv(_CHUNK):
                self._limit(deadline)

    def _flush(self, deadline: float) -> None:
        with suppress(SSL.WantReadError):
            while True:
                data = self.connection.bio_read(_CHUNK)
                self._limit(deadline)
                self._socket.sendall(data)

    def _receive(self, deadline: float) -> None:
        self._limit(deadline)
        if data := self._socket.recv(_CHUNK):
            self.connection.bio_write(data)
        else:
            self.connection.bio_shutdown()

    def _limit(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)


def start_tls(sock: socket.socket, protocol: str, timeout: float) -> None:
    """Ask a server of ``smtp``, ``imap`` or ``postgres`` to go on in TLS. ConnectionError if it will not."""
    _Plaintext(sock, timeout).start(protocol)


class _Plaintext:
    """The lines before TLS. They are read byte by byte, lest a byte of TLS be taken for text."""

    def __init__(self, sock: socket.socket, timeout: float) -> None:
        self._socket = sock
        self._deadline = time.monotonic() + timeout

    def start(self, protocol: str) -> None:
        {"smtp": self._smtp, "imap": self._imap, "postgres": self._postgres}[protocol]()

    def _smtp(self) -> None:
        self._smtp_reply(b"220")
        self._socket.sendall(b"EHLO localhost\r\n")
        self._smtp_reply(b"250")
        self._socket.sendall(b"STARTTLS\r\n")
        self._smtp_reply(b"220")

    def _smtp_reply(self, code: bytes) -> None:
        line = self._line()
        while line.startswith(code + b"-"):
            line = self._line()
        self._expect(line, code)

    def _imap(self) -> None:
        self._expect(self._line(), b"* OK")
        self._socket.sendall(b"a STARTTLS\r\n")
        line = self._line()
        while line.startswith(b"* "):
            line = self._line()
        self._expect(line, b"a OK")

    def _postgres(self) -> None:
        self._socket.sendall(_SSL_REQUEST)
        self._expect(self._byte(), b"S")

    def _expect(self, answer: bytes, start: bytes) -> None:
        if not answer.startswith(start):
            raise ConnectionError(f"the server did not start TLS: it answered {answer!r}")

    def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            line += self._byte()
            if len(line) > _LONGEST_LINE:
                raise ConnectionError("the server did not start TLS: its answer has no end")
        return line.rstrip()

    def _byte(self) -> bytes:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._socket.settimeout(left)
        if not (byte := self._socket.recv(1)):
            raise ConnectionError("the server hung up before TLS")
        return byte
