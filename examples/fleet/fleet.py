"""Three servers behind HAProxy that share their ticket keys through Redis, and clients all the while.

Meanwhile the keys are rotated, a server is killed, Redis is killed and started again, and the server too. It needs
haproxy and redis-server (Debian's packages of these names) and redis-py (``openssl-bio[redis]``), and makes everything
in a folder that it removes. The exit status is 1 if a request failed.
"""

import argparse
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import redis
from clients import Clients, Request
from plot import draw

from openssl_bio import RedisTicketKeys

HERE = Path(__file__).resolve().parent

# The dead server is found out by its refusal of a connection, which then goes to another one, and by the checks.
HAPROXY = """
defaults
    mode tcp
    timeout connect 20s
    timeout client 60s
    timeout server 60s
    timeout check 10s
    retries 3
    option redispatch 1
    default-server check inter 200ms fall 1 rise 1
listen fleet
    bind fd@{front}
    balance roundrobin
{servers}
"""


class Fleet:
    """All the processes, which end with the ``with`` block."""

    def __init__(self, lifetime: int) -> None:
        self._lifetime = str(lifetime)
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._ports: dict[str, str] = {}
        self._url = f"unix://{Path('redis.sock').resolve()}"
        self._key = secrets.token_bytes(32)
        self._environment = {**os.environ, "KEY_ENCRYPTION_KEY": self._key.hex()}
        self._front = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._front.getsockname()
        self._exit = ExitStack()

    def __enter__(self) -> "Fleet":
        with ExitStack() as failed:
            failed.callback(self.close)
            self.start_redis()
            for number in (1, 2, 3):
                self.start_server(number)
            self._start_haproxy()
            # On a busy machine Redis may be slow, which makes nobody wait but the operator.
            self.operator = RedisTicketKeys.from_url(
                self._url, self._key, int(self._lifetime), interval=0.2, timeout=60
            )
            failed.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.operator.close()
        self.close()

    def close(self) -> None:
        for name in list(self._processes):
            self.kill(name)
        self._front.close()

    def kill(self, name: str) -> None:
        """As a loss of power would."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()

    def start_redis(self) -> None:
        """One that keeps nothing on disk, so it comes back empty."""
        options = ["--port", "0", "--unixsocket", "redis.sock", "--save", "", "--appendonly", "no"]
        self._processes["redis"] = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL, text=True)
        deadline = time.monotonic() + 60
        while True:
            try:
                if redis.Redis.from_url(self._url).ping():
                    return
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def start_server(self, number: int) -> None:
        """Each has an address of its own, and keeps its port."""
        name = f"server {number}"
        command = [sys.executable, str(HERE / "server.py"), name, f"127.0.0.{number + 1}", self._ports.get(name, "0")]
        process = subprocess.Popen(
            [*command, self._url, self._lifetime], stdout=subprocess.PIPE, text=True, env=self._environment
        )
        self._processes[name] = process
        assert process.stdout is not None
        self._ports[name] = process.stdout.readline().strip()

    def _start_haproxy(self) -> None:
        servers = "\n".join(
            f"    server s{number} 127.0.0.{number + 1}:{self._ports[f'server {number}']}" for number in (1, 2, 3)
        )
        Path("haproxy.cfg").write_text(HAPROXY.format(front=self._front.fileno(), servers=servers))
        program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
        if program is None:
            raise SystemExit("haproxy is missing: it is in Debian's package haproxy")
        self._processes["haproxy"] = subprocess.Popen(
            [program, "-db", "-f", "haproxy.cfg"],
            pass_fds=[self._front.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )


def run(fleet: Fleet, seconds: float, count: int) -> tuple[Clients, list[tuple[float, str]]]:
    """Let everything happen; what happened, and when."""
    events: list[tuple[float, str]] = []
    clients = Clients(fleet.address, count)
    deeds = [
        ("keys rotated", fleet.operator.rotate),
        ("server 2 killed", lambda: fleet.kill("server 2")),
        ("Redis killed", lambda: fleet.kill("redis")),
        ("Redis started, empty", fleet.start_redis),
        ("server 2 started", lambda: fleet.start_server(2)),
    ]
    try:
        for number, (words, deed) in enumerate(deeds, start=1):
            time.sleep(max(0.0, seconds * number / 6 - clients.seconds()))
            deed()
            events.append((clients.seconds(), words))
        time.sleep(max(0.0, seconds - clients.seconds()))
    finally:
        clients.stop()
    return clients, events


def summary(requests: Sequence[Request]) -> str:
    """What became of the requests."""
    resumed = [request for request in requests if request.resumed]
    elsewhere = [request for request in resumed if request.server != request.before]
    return (
        f"{len(requests)} requests: {sum(request.server is None for request in requests)} failed, "
        f"{sum(request.attempts > 1 for request in requests)} sent once more\n"
        f"{100 * len(resumed) / len(requests):.1f} % resumed, "
        f"{100 * len(elsewhere) / len(requests):.1f} % at another server than the one before"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--plot", type=Path, default=Path("fleet.svg"), help="where the picture goes")
    options = parser.parse_args()
    picture = options.plot.resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            subprocess.run([sys.executable, HERE.parent / "make_certificates.py"], check=True)
            with Fleet(lifetime=max(4, round(options.seconds / 4))) as fleet:
                clients, events = run(fleet, options.seconds, options.clients)
        finally:
            os.chdir(HERE)
    requests = sorted(clients.requests, key=lambda request: request.time)
    picture.write_text(draw(requests, events, max(options.seconds, requests[-1].time)), encoding="utf-8")
    print(summary(requests))
    for moment, words in events:
        print(f"{moment:5.1f} s  {words}")
    return int(any(request.server is None for request in requests))


if __name__ == "__main__":
    raise SystemExit(main())
