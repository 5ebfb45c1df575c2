"""Python in a process of its own, which finds the package under test and these tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openssl_bio

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
        timeout=100,
        check=False,
    )


def printed(*arguments: str | Path, folder: Path | None = None, **more: str) -> str:
    """What `python` prints when it succeeds."""
    done = python(*arguments, folder=folder, **more)
    assert done.returncode == 0, done.stderr
    return done.stdout
