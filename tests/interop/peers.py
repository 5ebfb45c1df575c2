"""What the tests with other programs share: programs that are found, started, awaited and ended; and a connection's
ciphertext over a socket.

Every wait ends by `TIMEOUT`, and no process outlives its ``with`` block.
"""

from __future__ import annotations

import asyncio
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from openssl_bio import SSL
from tests.helpers import TIMEOUT

_T = TypeVar("_T")
_ATTEMPTS = 5


def program(name: str, package: str) -> str:
    """The path of a program; the test is skipped if there is none."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is missing: it is in Debian's package {package}")
    return path


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


# -- processes ---------------------------------------------------------------------------------------------------------


class Peer:
    """A running program that writes all its output into one file."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def output(self) -> str:
        """What it has written so far."""
        return self._log.read_text("utf-8", "replace")

    def line(self, marker: str) -> str | None:
        """Wait for a whole line that contains ``marker``; None if the program ends without it."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            running = self._process.poll() is None
            for line in self.output.splitlines(keepends=True):
                if marker in line and line.endswith("\n"):
                    return line.rstrip()
            if not running:
                return None
            time.sleep(0.01)
        raise AssertionError(f"no {marker!r} in time: {self.output}")

    def write(self, text: bytes) -> None:
        """Write to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it as the machine's loss of power would."""
        self._process.kill()
        self._process.wait(TIMEOUT)

    def stop(self) -> str:
        """End it in its own way, which lets it write what it holds back; returns its output."""
        self._process.terminate()
        try:
            self._process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            self.kill()
        return self.output


@contextmanager
def started(command: Sequence[str], log: Path, folder: Path | None = None) -> Iterator[Peer]:
    """Run a program while the block runs, in ``folder``."""
    with (
        log.open("wb") as file,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.STDOUT, cwd=folder) as process,
    ):
        try:
            yield Peer(process, log)
        finally:
            process.kill()


Command = tuple[list[str], str]  # of a server, and what tells the line that it writes when it listens


def openssl_server(*options: str) -> Command:
    """``openssl s_server``, which finds itself a port; not with ``-quiet``."""
    return [program("openssl", "openssl"), "s_server", "-accept", "127.0.0.1:0", *options], "ACCEPT"


def gnutls_server(*options: str) -> Command:
    """``gnutls-serv``, which has to be given a port."""
    port = free_port()
    command = [program("gnutls-serv", "gnutls-bin"), "--port", str(port), *options]
    return command, f"IPv4 0.0.0.0 port {port}...done"


@contextmanager
def listening(command: Callable[[], Command], log: Path, folder: Path | None = None) -> Iterator[tuple[Peer, int]]:
    """A server that listens, and its port, with which that line ends.

    Another process may take a free port first: then try again with another.
    """
    for _ in range(_ATTEMPTS):
        arguments, marker = command()
        with started(arguments, log, folder) as peer:
            line = peer.line(marker)
            if line is not None:
                yield peer, int(line.removesuffix("...done").replace(":", " ").split()[-1])
                return
    raise AssertionError(f"the server does not start: {peer.output}")


@dataclass(frozen=True)
class Finished:
    """How a program ended, and what it wrote."""

    status: int
    output: bytes
    log: str


def finished(command: Sequence[str], text: bytes, folder: Path) -> Finished:
    """Run a program that reads ``text``, and then waits: its input stays open until it ends."""
    with (
        (folder / "output").open("wb") as output,
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=output, stderr=log) as process,
    ):
        watchdog = threading.Timer(TIMEOUT, process.kill)
        watchdog.start()
        try:
            assert process.stdin is not None
            # One that refuses the server does not read.
            with suppress(BrokenPipeError):
                process.stdin.write(text)
                process.stdin.flush()
            status = process.wait()
        finally:
            watchdog.cancel()
            process.kill()
            with suppress(BrokenPipeError):
                process.stdin.close()
    assert status != -signal.SIGKILL, (folder / "log").read_text("utf-8", "replace")
    return Finished(status, (folder / "output").read_bytes(), (folder / "log").read_text("utf-8", "replace"))


# -- asyncio -----------------------------------------------------------------------------------------------------------


async def turns() -> None:
    """Let transports close, which takes turns of the loop; on a busy machine a sleep is only one."""
    for _ in range(50):
        await asyncio.sleep(0.001)


# -- connections over sockets ------------------------------------------------------------------------------------------


class Link:
    """A memory connection whose ciphertext travels over a socket."""

    def __init__(self, connection: SSL.Connection, sock: socket.socket) -> None:
        sock.settimeout(TIMEOUT)
        self.connection = connection
        self._socket = sock

    def run(self, operation: Callable[[], _T]) -> _T:
        """Repeat an operation until it needs nothing more from the peer."""
        while True:
            try:
                return operation()
            except SSL.WantReadError:
                self._flush()
                self._fill()
            finally:
                self._flush()

    def _flush(self) -> None:
        with suppress(SSL.WantReadError, ConnectionError):
            while True:
                self._socket.sendall(self.connection.bio_read(1 << 16))

    def _fill(self) -> None:
        try:
            data = self._socket.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if data:
            self.connection.bio_write(data)
        else:
            self.connection.bio_shutdown()

    def handshake(self) -> None:
        self.run(self.connection.do_handshake)

    def send(self, data: bytes) -> None:
        self.run(lambda: self.connection.sendall(data))

    def receive(self) -> bytes:
        """Some plaintext."""
        return self.run(lambda: self.connection.recv(1 << 16))

    def receive_until(self, enough: Callable[[bytes], bool]) -> bytes:
        """Plaintext up to where there is enough of it."""
        data = bytearray()
        while not enough(data):
            data += self.receive()
        return bytes(data)

    def receive_all(self) -> bytes:
        """Plaintext up to the peer's close_notify. SysCallError if the connection is cut instead."""
        data = bytearray()
        with suppress(SSL.ZeroReturnError):
            while True:
                data += self.receive()
        return bytes(data)

    def close(self) -> bool:
        """Close, dropping what still comes; whether the peer closed as well, rather than being cut off."""
        self.run(self.connection.shutdown)
        with suppress(SSL.SysCallError):
            self.receive_all()
            return self.connection.shutdown()
        return False


@contextmanager
def connected(
    context: SSL.Context, port: int, prepare: Callable[[SSL.Connection], object] | None = None
) -> Iterator[Link]:
    """A client's link to a server on this machine, before its handshake. It verifies example.test."""
    connection = SSL.Connection(context)
    connection.set_connect_state()
    connection.set_tlsext_host_name(b"example.test")
    connection.set_verify_host("example.test")
    if prepare is not None:
        prepare(connection)
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as sock:
        yield Link(connection, sock)


@dataclass
class Visit:
    """How one client's connection went on our server."""

    connection: SSL.Connection
    request: bytes = b""
    body: bytes = b""
    closed: bool = False
    error: Exception | None = None


class Service:
    """Our server: it takes one HTTP request a connection, sends its body back, and closes first."""

    def __init__(self, context: SSL.Context) -> None:
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._visits: queue.Queue[Visit] = queue.Queue()
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Service:
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # Closing alone would leave the thread in accept().
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def visit(self) -> Visit:
        """Wait for the end of the next connection."""
        return self._visits.get(timeout=TIMEOUT)

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = self._listener.accept()
                with accepted:
                    self._visits.put(self._serve(accepted))

    def _serve(self, accepted: socket.socket) -> Visit:
        connection = SSL.Connection(self._context)
        connection.set_accept_state()
        link, visit = Link(connection, accepted), Visit(connection)
        try:
            link.handshake()
            received = link.receive_until(lambda data: b"\r\n\r\n" in data)
            visit.request, _, body = received.partition(b"\r\n\r\n")
            size = length(visit.request)
            visit.body = body + link.receive_until(lambda data: len(body) + len(data) >= size)
            link.send(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % size + visit.body)
            visit.closed = link.close()
        except (SSL.Error, OSError) as error:
            visit.error = error
        return visit


def length(head: bytes) -> int:
    """The Content-Length of an HTTP message, 0 if it has none."""
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    return int(fields.get(b"content-length", b"0"))
