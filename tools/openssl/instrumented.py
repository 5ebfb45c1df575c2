"""Build the OpenSSL that wheels carry for fuzzing: ``python tools/openssl/instrumented.py PREFIX``, with clang.

Into ``PREFIX/include`` and ``PREFIX/lib``, static, with AddressSanitizer and with the coverage that guides libFuzzer.
What is there already is left. Such a library takes wrong MACs and Finished messages for right ones, so that a
fuzzer gets behind them: it is for nothing else.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path

from build import NOWHERE, OPTIONS, VERSION, fetch, run

# What the engine does not reach takes half of the time to compile.
LESS = ("no-asm", "no-quic", "no-cmp", "no-cms", "no-ts", "no-legacy", "no-ct")
FLAGS = ("-O1", "-g1", "-fno-omit-frame-pointer", "-fsanitize=fuzzer-no-link,address")


def main() -> None:
    """Build unless it is there."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: instrumented.py PREFIX")
    prefix = Path(sys.argv[1]).resolve()
    marker = prefix / "version"
    if marker.exists() and marker.read_text() == VERSION:
        return
    shutil.rmtree(prefix, ignore_errors=True)
    os.environ["CC"] = os.environ.get("CLANG", "clang")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(fetch())) as tar:
            tar.extractall(folder, filter="data")
        source = Path(folder, f"openssl-{VERSION}")
        places = [f"--prefix={prefix}", "--libdir=lib", f"--openssldir={NOWHERE}"]
        run(
            ["perl", "Configure", *places, *OPTIONS, *LESS, *FLAGS, "-DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"],
            source,
        )
        jobs = os.environ.get("JOBS") or str(os.cpu_count() or 1)
        run(["make", f"-j{jobs}", "build_libs"], source)
        run(["make", "install_dev"], source)
    marker.write_text(VERSION)


if __name__ == "__main__":
    main()
