"""Clients that come back again and again, each request in a connection of its own, and note how it went."""

import socket
import threading
import time
from dataclasses import dataclass

from openssl_bio import SessionCache
from openssl_bio import stdlib as ssl

PAUSE = 0.05  # seconds between two requests of a client


@dataclass
class Request:
    """How one request went; ``server`` is None if it failed."""

    time: float
    server: str | None = None
    before: str | None = None  # the server of the client's request before this one
    resumed: bool = False
    attempts: int = 0


class Clients:
    """Some threads with a client each; half of them speak TLS 1.2."""

    def __init__(self, address: tuple[str, int], count: int) -> None:
        self.requests: list[Request] = []
        self._address = address
        self._end = threading.Event()
        self._start = time.monotonic()
        self._threads = [threading.Thread(target=self._run, args=[i % 2 == 0]) for i in range(count)]
        for thread in self._threads:
            thread.start()

    def seconds(self) -> float:
        """Since they were started."""
        return time.monotonic() - self._start

    def stop(self) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def _run(self, older: bool) -> None:
        context = ssl.create_default_context(cafile="ca.pem")
        context.maximum_version = ssl.TLSVersion.TLSv1_2 if older else ssl.TLSVersion.TLSv1_3
        context.session_cache = SessionCache()
        before = None
        while not self._end.wait(PAUSE):
            request = Request(self.seconds(), before=before)
            # A server that dies takes its connections along. A request that may happen twice is sent once more then.
            while request.server is None and request.attempts < 2:
                request.attempts += 1
                self._ask(context, request)
            before = request.server
            self.requests.append(request)

    def _ask(self, context: ssl.SSLContext, request: Request) -> None:
        try:
            with (
                socket.create_connection(self._address, timeout=60) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as connection,
            ):
                connection.sendall(b"who are you?")
                request.server = connection.recv(100).decode() or None
                request.resumed = bool(connection.session_reused)
        except OSError:
            pass
