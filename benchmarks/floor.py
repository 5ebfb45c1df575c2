"""The program in C that does the same with libssl alone: ``floor.c``, built and asked."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

__all__ = ["FLOORS", "Floor", "build", "instructions"]

FLOORS = {"C": 0, "C rb": 1}  # C, and C with SSL_MODE_RELEASE_BUFFERS


def build(folder: Path) -> Path:
    """The program, compiled for the OpenSSL that the extension was built for."""
    program, prefix = folder / "floor", os.environ.get("OPENSSL_BIO_PREFIX")
    where = [f"-I{prefix}/include", f"-L{prefix}/lib", f"-Wl,-rpath,{prefix}/lib"] if prefix else []
    source = Path(__file__).with_name("floor.c")
    command = [os.environ.get("CC", "cc"), "-O2", str(source), "-o", str(program), *where]
    subprocess.run([*command, "-lssl", "-lcrypto", "-lpthread"], check=True)
    return program


class Floor:
    """The program, which answers one sample at a time."""

    def __init__(self, folder: Path, certificate: Path) -> None:
        self._process = subprocess.Popen(
            [build(folder), certificate], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def sample(self, name: str, count: int, release: int) -> tuple[float, float]:
        """Seconds of the processor, and of the clock."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{name} {count} {release}\n")
        cpu, wall = self._process.stdout.readline().split()
        return float(cpu), float(wall)

    def close(self) -> None:
        self._process.communicate()


def instructions(folder: Path, certificate: Path, counts: dict[str, int]) -> dict[str, dict[str, int]]:
    """By workload, instructions for so many operations of each in `FLOORS`: callgrind counts the second time."""
    samples = [(name, floor) for name in counts for floor in FLOORS]
    out = folder / "floor.out"
    command = ["valgrind", "-q", "--tool=callgrind", "--toggle-collect=run", "--dump-after=run"]
    command += [f"--callgrind-out-file={out}", str(build(folder)), str(certificate)]
    asked = [f"{name} {counts[name]} {FLOORS[floor]}\n" * 2 for name, floor in samples]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, input="".join(asked), text=True)
    results: dict[str, dict[str, int]] = {}
    for number, (name, floor) in enumerate(samples):
        totals = re.search(r"^totals: (\d+)", Path(f"{out}.{2 * number + 2}").read_text(), re.MULTILINE)
        assert totals is not None
        results.setdefault(name, {})[floor] = int(totals[1])
    return results
