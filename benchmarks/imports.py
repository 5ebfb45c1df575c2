"""What importing a face takes: ``python -m benchmarks.imports``.

pyOpenSSL is among the subjects where it is installed.  Each import runs in a process of its own, and the subjects take
turns in every round; what is shown are medians of milliseconds of CPU, from the first line of the process to the end of
the import.  "Of its own" is what is left where everything that the subject is built on was imported before: of the
standard library what any program with sockets has, and cffi's module; Python's ``ssl``, for the face that extends its
classes.  All of it is compiled already, in a round that does not count.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from statistics import median

ROUNDS = 21
USUAL = "contextlib, socket, threading, typing, warnings, weakref"
CFFI = f"{USUAL}, _cffi_backend"

# What is imported, and what it is built on.
SUBJECTS = {
    "ssl": USUAL,
    "openssl_bio.SSL": CFFI,
    "openssl_bio.crypto": CFFI,
    "openssl_bio.stdlib": f"{CFFI}, ssl",
    **({"OpenSSL.SSL": CFFI} if find_spec("OpenSSL") else {}),
}
SCRIPT = "import time{before}; began = time.process_time(); import {module}; print(time.process_time() - began)"


def _took(module: str, before: str) -> float:
    """Milliseconds for one import, in a process that has imported ``before``."""
    script = SCRIPT.format(module=module, before=before and f", {before}")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return float(done.stdout) * 1000


def main() -> None:
    """Measure every subject, in turns."""
    cases = [(module, before) for module, needed in SUBJECTS.items() for before in ("", needed)]
    rounds = [[_took(*case) for case in cases] for _ in range(ROUNDS + 1)][1:]
    found = {case: median(times) for case, times in zip(cases, zip(*rounds, strict=True), strict=True)}
    print(f"{'importing':24} {'ms':>8} {'of its own':>12}")
    for module, needed in SUBJECTS.items():
        print(f"{module:24} {found[module, '']:8.1f} {found[module, needed]:12.1f}")


if __name__ == "__main__":
    main()
