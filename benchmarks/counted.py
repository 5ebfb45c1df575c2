"""What callgrind counts for `benchmarks.instructions`, which runs this under valgrind.

Arguments: the library made of ``marks.c``, which layout of memory, how often each workload runs (JSON), and whose
subjects run (JSON). Nothing of ours is imported before memory is laid out.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import platform
import random
import sys
import tempfile
from pathlib import Path

CPU_SETTINGS = 1008  # OPENSSL_INFO_CPU_SETTINGS


def lay_out(layout: int) -> list[str]:
    """What to keep so that names imported from now on lie elsewhere than in other layouts; for 0, nothing.

    Names of attributes are small strings, so these leave holes among small strings.
    """
    choice = random.Random(layout)
    names = [f"_{choice.getrandbits(40):x}" for _ in range(layout and 20_000)]
    return [name for name in names if choice.random() < 0.5]


def libraries() -> dict[str, str]:
    """What the counts depend on, beside our code: asked under valgrind, which has a processor of its own."""
    libcrypto = ctypes.CDLL(importlib.import_module("_ssl").__file__)
    libcrypto.OPENSSL_info.restype = libcrypto.OpenSSL_version.restype = ctypes.c_char_p
    processor = libcrypto.OPENSSL_info(CPU_SETTINGS) or b""
    return {
        "python": " ".join(sys.version.split()),
        "libssl": libcrypto.OpenSSL_version(0).decode(),
        "libc": "-".join(platform.libc_ver()),
        "processor": f"{platform.machine()} {processor.decode()}",
    }


def run(marks: Path, counts: dict[str, int], who: list[str]) -> None:
    """Each workload by each subject, counted after as many operations that warm up."""
    from benchmarks.subjects import new_certificate, subjects
    from benchmarks.workloads import WORKLOADS

    tell = ctypes.CDLL(str(marks))
    gc.disable()
    with tempfile.TemporaryDirectory() as folder:
        everybody = subjects(new_certificate(Path(folder)))
        for name, count in counts.items():
            workload = WORKLOADS[name]
            for subject in who:
                work = workload.of(everybody[subject])
                if work is None:
                    continue
                state = workload.ready(everybody[subject], workload.ciphers)
                work(state, count)
                tell.begin()
                work(state, count)
                tell.end(f"{name}/{subject}".encode())


if __name__ == "__main__":
    kept = lay_out(int(sys.argv[2]))
    print(json.dumps(libraries()))
    run(Path(sys.argv[1]), json.loads(sys.argv[3]), json.loads(sys.argv[4]))
