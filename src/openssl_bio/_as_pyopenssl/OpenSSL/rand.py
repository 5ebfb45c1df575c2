"""``OpenSSL.rand``: libcrypto's random number generator. Deprecated, as in pyOpenSSL: ``os.urandom`` is better."""

from __future__ import annotations

import warnings

from openssl_bio._core._lib import lib

warnings.warn("OpenSSL.rand is deprecated - you should use os.urandom instead", DeprecationWarning, stacklevel=3)


def add(buffer: bytes, entropy: int) -> None:
    """Mix bytes into the generator, of which ``entropy`` are thought to be unpredictable (``RAND_add``).

    TypeError unless they are bytes and an int.
    """
    if not isinstance(buffer, bytes):
        raise TypeError("buffer must be a byte string")
    if not isinstance(entropy, int):
        raise TypeError("entropy must be an integer")
    lib.RAND_add(buffer, len(buffer), entropy)


def status() -> int:
    """1 if the generator has been seeded enough, else 0 (``RAND_status``)."""
    return int(lib.RAND_status())
