"""Bytes that somebody else carries, who may neither read nor change them.

Theory of operation.  AES-256-GCM with a key for each message, derived from the caller's (`_native/sealing.c`).  The
``purpose`` says what the bytes are; bytes that were sealed for another purpose do not open.
"""

from __future__ import annotations

from openssl_bio._core._lib import ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.load_errors import LOAD_ERRORS
from openssl_bio._core.pointers import new_buffer, taken

__all__ = ["checked_key", "seal", "unseal"]


def checked_key(key: object) -> bytes:
    """The 32 bytes of a key; TypeError or ValueError for anything else."""
    if not isinstance(key, bytes | bytearray | memoryview):
        raise TypeError(f"a key is bytes, not {type(key).__name__}")
    octets = bytes(key)
    if len(octets) != lib.OBIO_SEAL_KEY:
        raise ValueError(f"a key has {lib.OBIO_SEAL_KEY} bytes, not {len(octets)}; secrets.token_bytes() makes one")
    return octets


def seal(key: bytes, data: bytes, purpose: bytes) -> bytes:
    """Encrypt data; what comes out is 48 bytes longer."""
    size = len(data) + lib.OBIO_SEAL_EXTRA
    with clean_queue:
        sealed = new_buffer(size)
        done = lib.obio_seal(checked_key(key), purpose, len(purpose), data, len(data), sealed)
        LOAD_ERRORS.check(done, "encryption with AES-256-GCM")
        return taken(sealed, size)


def unseal(key: bytes, sealed: bytes, purpose: bytes) -> bytes | None:
    """What `seal` was given; None if these are not its bytes, or another key or purpose was given with them."""
    size = len(sealed) - lib.OBIO_SEAL_EXTRA
    if size < 0:
        return None
    with clean_queue:
        data = ffi.new("unsigned char[]", size + 1)
        done = lib.obio_unseal(checked_key(key), purpose, len(purpose), sealed, len(sealed), data)
        return taken(data, size) if done else None
