"""What one more context costs that trusts the system's authorities: ``python -m benchmarks.contexts``.

pyOpenSSL is among the subjects where it is installed.  Each makes its first such context, then ``COUNT`` more, in a
process of its own; what is shown is milliseconds and KiB for each of the latter.  The bundle is ``SSL_CERT_FILE``, or
that of ``certifi`` where it is not set.
"""

from __future__ import annotations

import gc
import os
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from openssl_bio import SSL, TrustStore, stdlib

COUNT = 300
SLOW = {"ssl", "pyOpenSSL"}
COUNT_OF_SLOW = 20  # at about 30 ms each


def _default(module: Any) -> Callable[[], object]:
    make: Callable[[], object] = module.create_default_context
    return make


def _with_default_paths(module: Any) -> Callable[[], object]:
    def make() -> object:
        context = module.Context(module.TLS_CLIENT_METHOD)
        context.set_default_verify_paths()
        context.set_verify(module.VERIFY_PEER)
        return context

    return make


def _pyopenssl() -> Callable[[], object]:
    return _with_default_paths(import_module("OpenSSL.SSL"))


def _with_store() -> Callable[[], object]:
    store = TrustStore.default()

    def make() -> object:
        context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
        context.use_trust_store(store)
        return context

    return make


SUBJECTS: dict[str, Callable[[], Callable[[], object]]] = {
    "ssl": lambda: _default(ssl),
    "openssl_bio.stdlib": lambda: _default(stdlib),
    "openssl_bio.stdlib, a TrustStore": _with_store,
    **({"pyOpenSSL": _pyopenssl} if find_spec("OpenSSL") else {}),
    "openssl_bio.SSL": lambda: _with_default_paths(SSL),
    "ssl, nothing trusted": lambda: lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
}


def _resident() -> float:
    """KiB of memory in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1024


def measure(name: str) -> tuple[float, float]:
    """Milliseconds of CPU and KiB for one more context."""
    make = SUBJECTS[name]()
    make()
    count = COUNT_OF_SLOW if name in SLOW else COUNT
    gc.collect()
    memory, began = _resident(), time.process_time()
    kept = [make() for _ in range(count)]
    took = time.process_time() - began
    return took / len(kept) * 1000, (_resident() - memory) / len(kept)


def main() -> None:
    """Measure every subject, or the one that is named."""
    if len(sys.argv) > 1:
        print("{:.3f} {:.1f}".format(*measure(sys.argv[1])))
        return
    if "SSL_CERT_FILE" not in os.environ:
        import certifi

        os.environ["SSL_CERT_FILE"] = certifi.where()
    print(f"{'one more default context':34} {'ms':>8} {'KiB':>8}")
    for name in SUBJECTS:
        command = [sys.executable, "-m", "benchmarks.contexts", name]
        milliseconds, kib = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        print(f"{name:34} {milliseconds:>8} {kib:>8}")


if __name__ == "__main__":
    main()
