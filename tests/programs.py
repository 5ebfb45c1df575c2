"""Python in a process of its own, which finds the package under test and these tests."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openssl_bio
from tests.helpers import TIMEOUT

_ROOT = Path(__file__).resolve().parents[1]
_PATHS = (str(Path(openssl_bio.__file__).resolve().parents[1]), str(_ROOT), os.environ.get("PYTHONPATH"))


def environment(**more: str) -> dict[str, str]:
    """The environment of such a process, with more variables."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, _PATHS)), "PYTHONUNBUFFERED": "1", **more}


def python(*arguments: str | Path, folder: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python to its end, in a folder, with more variables in its environment."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def printed(*arguments: str | Path, folder: Path | None = None, **more: str) -> str:
    """What `python` prints when it succeeds."""
    done = python(*arguments, folder=folder, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def process(
    command: list[str], marker: str, folder: Path | None = None, seconds: float = TIMEOUT
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A server, and the port at the end of its line with ``marker``. Killed at the end, and after so many seconds."""
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    ) as server:
        watchdog = threading.Timer(seconds, server.kill)
        watchdog.start()
        try:
            assert server.stdout is not None
            line = next(line for line in server.stdout if marker in line)
            yield server, int(line.rpartition(":")[2])
        finally:
            watchdog.cancel()
            server.kill()
