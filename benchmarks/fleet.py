"""What resumption is worth to a fleet, and what its store costs: ``python -m benchmarks.fleet``.

A server shakes hands over memory with clients of its own process: alone, and as one of three processes at once, which
share a redis-server that is started here (Debian's package ``redis-server``, and redis-py).  Handshakes are those of a
second of one processor's time, with both ends; the server's own time for one, with what it waits for Redis, is by the
clock, without the slowest tenth, in which the machine does something else.  The kinds take turns; the best round of
each is shown.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from benchmarks.subjects import new_certificate
from openssl_bio import SSL, RedisReplayGuard, RedisSessionStore, RedisTicketKeys

ROUNDS, SECONDS = 10, 0.3
KINDS = {
    "full": "full",
    "tickets": "resumed, by a ticket",
    "store": "resumed, by the store on Redis",
    "early": "resumed with early data, guarded on Redis",
}
KEY = b"k" * 32


def server_of(kind: str, path: str, url: str) -> SSL.Context:
    """A server's context."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.use_certificate_file(path)
    context.use_privatekey_file(path)
    if kind == "store":
        context.set_options(SSL.OP_NO_TICKET)
        context.set_session_store(RedisSessionStore.from_url(url, KEY, timeout=5))
    elif kind != "full":
        context.set_ticket_keys(RedisTicketKeys.from_url(url, KEY))
    if kind == "early":
        context.set_max_early_data(1000)
        context.set_replay_guard(RedisReplayGuard.from_url(url, skew=0, timeout=5))
    return context


class Service:
    """One process's server and clients, of one kind."""

    def __init__(self, kind: str, path: str, url: str) -> None:
        self._kind = kind
        self._server, self._client = server_of(kind, path, url), SSL.Context(SSL.TLS_METHOD)
        self._session: SSL.Session | None = None
        self._taken: list[float] = []
        self._is_early = False

    def _timed(self, operation: Callable[[], Any]) -> None:
        start = time.perf_counter()
        with suppress(SSL.WantReadError):
            operation()
        self._taken[-1] += time.perf_counter() - start

    def _serve(self, server: SSL.Connection) -> None:
        while self._is_early and server.read_early_data(100):
            pass
        self._is_early = False
        server.do_handshake()

    def shake_hands(self) -> SSL.Connection:
        """One handshake, with the session of the last one unless all are full; the server's end."""
        self._taken.append(0.0)
        client, server = SSL.Connection(self._client), SSL.Connection(self._server)
        client.set_connect_state()
        server.set_accept_state()
        if self._session is not None and self._kind != "full":
            client.set_session(self._session)
            if self._kind == "early" and self._session.max_early_data:
                client.write_early_data(b"x")
        self._is_early = self._kind == "early"
        for _ in range(4):
            with suppress(SSL.WantReadError):
                client.do_handshake()
            with suppress(SSL.WantReadError):
                server.bio_write(client.bio_read(1 << 16))
            self._timed(lambda: self._serve(server))
            with suppress(SSL.WantReadError):
                client.bio_write(server.bio_read(1 << 16))
        with suppress(SSL.WantReadError):
            client.recv(1)
        self._session = client.get_session()
        return server

    def measure(self, seconds: float) -> tuple[float, float]:
        """Handshakes a second of the processor's time, and seconds of the server's for one."""
        self._taken = []
        start, end = time.process_time(), time.perf_counter() + seconds
        while time.perf_counter() < end:
            server = self.shake_hands()
        rate = len(self._taken) / (time.process_time() - start)
        assert server.session_reused() == (self._kind != "full")
        assert server.early_data_status() == ("accepted" if self._kind == "early" else "not sent")
        usual = sorted(self._taken)[: max(1, len(self._taken) * 9 // 10)]
        return rate, sum(usual) / len(usual)


def work(path: str, url: str) -> None:
    """A process: for each line of input, the name of a kind, a line with what `Service.measure` gives."""
    services = {kind: Service(kind, path, url) for kind in KINDS}
    for service in services.values():
        deadline = time.monotonic() + 10
        while service.shake_hands().early_data_status() != "accepted" and time.monotonic() < deadline:
            if service is not services["early"]:
                break
            time.sleep(0.1)
    print("ready", flush=True)
    for line in sys.stdin:
        print(*services[line.strip()].measure(SECONDS), flush=True)


class Workers:
    """Processes that measure at the same time."""

    def __init__(self, count: int, path: Path, url: str) -> None:
        command = [sys.executable, "-m", "benchmarks.fleet", str(path), url]
        pipe = subprocess.PIPE
        self._all = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, bufsize=1) for _ in range(count)]
        for process in self._all:
            assert self._line(process) == "ready"

    def _line(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    def measure(self, kind: str) -> tuple[float, float]:
        """What each measures, the mean of it."""
        for process in self._all:
            assert process.stdin is not None
            process.stdin.write(f"{kind}\n")
        found = [[float(word) for word in self._line(process).split()] for process in self._all]
        rates, seconds = zip(*found, strict=True)
        return sum(rates) / len(rates), sum(seconds) / len(seconds)

    def close(self) -> None:
        for process in self._all:
            process.communicate()


def table(rates: dict[tuple[int, str], float], times: dict[tuple[int, str], float]) -> str:
    """What was measured, by the number of processes and the kind."""
    lines = [f"{'':44}{'one process':>24}{'each of three at once':>26}{'Redis adds':>14}"]
    for kind, words in KINDS.items():
        extra = "" if kind in {"full", "tickets"} else f"{(times[1, kind] - times[1, 'tickets']) * 1e6:.0f} µs"
        one, three = (f"{rates[n, kind]:.0f}/s, {times[n, kind] * 1e6:.0f} µs" for n in (1, 3))
        lines.append(f"{words:44}{one:>24}{three:>26}{extra:>14}")
    return "\n".join(lines)


def measured(groups: dict[int, Workers]) -> tuple[dict[tuple[int, str], float], dict[tuple[int, str], float]]:
    """The best rates and times, by the number of processes and the kind."""
    rates: dict[tuple[int, str], float] = {}
    times: dict[tuple[int, str], float] = {}
    for _ in range(ROUNDS):
        for count, group in groups.items():
            for kind in KINDS:
                rate, seconds = group.measure(kind)
                rates[count, kind] = max(rate, rates.get((count, kind), rate))
                times[count, kind] = min(seconds, times.get((count, kind), seconds))
    return rates, times


def main() -> None:
    """Start Redis and the processes, and show the table."""
    with tempfile.TemporaryDirectory() as folder:
        path, socket = new_certificate(Path(folder)), Path(folder) / "redis.sock"
        options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", folder]
        with ExitStack() as ends:
            redis = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
            ends.callback(redis.wait)
            ends.callback(redis.kill)
            while not socket.exists():
                time.sleep(0.02)
            groups = {count: Workers(count, path, f"unix://{socket}") for count in (1, 3)}
            for group in groups.values():
                ends.callback(group.close)
            rates, times = measured(groups)
    print(f"{os.cpu_count()} processors")
    print(table(rates, times))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        work(*sys.argv[1:])
    else:
        main()
