"""Handshakes of each kind by the hundred thousand, with the cyclic collector off: memory stays what it was.

``HANDSHAKES=n make leaks`` makes n of each; the suite makes few (`test_leaks`) and leaves this file out: its name does
not begin with "test".  Each kind has a process of its own (`counted_handshakes`).
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from openssl_bio._core.engines import ENGINE
from tests.core.counted_handshakes import TENTHS
from tests.core.test_leaks import KINDS
from tests.programs import environment

HANDSHAKES = int(os.environ.get("HANDSHAKES", "100000"))
# Bytes a handshake that memory may seem to grow by: the heap's own drift is some hundred KiB, however many there are.
NOISE = 8 + 512 * 1024 / HANDSHAKES
HERE = Path(__file__).parent
REPORT = HERE.parents[1] / ".peers" / "leaks.jsonl"
pytestmark = pytest.mark.timeout(0)  # the suite's limit is for tests of seconds; each of these takes minutes


@pytest.fixture(scope="session")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that counts."""
    made = tmp_path_factory.mktemp("counter") / "allocations.so"
    source = HERE / "allocations.c"
    subprocess.run([os.environ.get("CC", "cc"), "-O2", "-shared", "-fPIC", source, "-o", made], check=True)
    return made


@pytest.mark.parametrize("version", [0x303, 0x304], ids=["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("kind", KINDS)
def test_handshakes_leave_nothing(kind: str, version: int, counter: Path) -> None:
    """What libcrypto has allocated returns to what it was, and the line through the resident memory is level."""
    libraries = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "libcrypto" in line}
    assert libraries, "the extension module has libcrypto inside, and nothing can be set before it is loaded"
    arguments = [kind, str(version), str(HANDSHAKES), str(counter), *sorted(libraries)]
    command = [sys.executable, str(HERE / "counted_handshakes.py"), *arguments]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    live, resident = told["live"], told["resident"]
    slope = statistics.linear_regression(range(len(resident)), resident).slope * TENTHS / HANDSHAKES
    REPORT.parent.mkdir(exist_ok=True)
    with REPORT.open("a") as file:
        figures = {
            "engine": ENGINE,
            "kind": kind,
            "version": version,
            "handshakes": HANDSHAKES,
            "slope": round(slope, 2),
        }
        print(json.dumps({**figures, **told}), file=file)
    # What is kept for one connection in a thousand is too much.
    assert live[-1] - live[0] <= HANDSHAKES / 1000, live
    assert slope < NOISE, resident
