"""The programs in examples/ run, and do what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def output(name: str) -> list[str]:
    """What an example prints."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / name)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_ocsp_asyncio() -> None:
    assert output("ocsp_asyncio.py") == [
        "good: accepted, it says 'hello'",
        "revoked: refused, application verification failure",
        "nobody responds: refused, application verification failure",
    ]
