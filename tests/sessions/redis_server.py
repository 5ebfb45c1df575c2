"""A redis-server of a test's own, on a socket in its folder."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import TIMEOUT
from tests.interop.peers import program, started


class RedisServer:
    """It can be killed and started again; it keeps nothing."""

    def __init__(self, folder: Path) -> None:
        pytest.importorskip("redis", reason="the package redis is not installed")
        path = folder / "redis.sock"
        nothing = ["--save", "", "--appendonly", "no"]
        self._path, self._log = path, folder / "redis.log"
        self._command = [program("redis-server", "redis-server"), "--port", "0", "--unixsocket", str(path), *nothing]
        self._command += ["--dir", str(folder)]
        self._running = ExitStack()
        self.url = f"unix://{path}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        import redis

        self._running.enter_context(started(self._command, self._log))
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                if self.client().ping():
                    return
            except redis.RedisError:
                assert time.monotonic() < deadline, self._log.read_text()
                time.sleep(0.01)

    def kill(self) -> None:
        """End it as the machine's loss of power would."""
        self._running.close()
        self._path.unlink(missing_ok=True)

    def client(self, **options: Any) -> Any:
        """A client of its own."""
        import redis

        return redis.Redis.from_url(self.url, **options)
