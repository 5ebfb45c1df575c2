"""What all ``load_*`` and ``dump_*`` functions of ``OpenSSL.crypto`` share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from openssl_bio._core._lib import CData, lib
from openssl_bio._core.pem import load_object, written
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS

__all__ = ["FILETYPE_ASN1", "FILETYPE_PEM", "FILETYPE_TEXT", "as_bytes", "dumped", "is_pem", "loaded", "of_three"]

FILETYPE_PEM: int = lib.SSL_FILETYPE_PEM
FILETYPE_ASN1: int = lib.SSL_FILETYPE_ASN1
# OpenSSL has no number for it; this is pyOpenSSL's.
FILETYPE_TEXT = 2**16 - 1


def as_bytes(buffer: str | bytes) -> bytes:
    """What a ``load_*`` function was given: anything like bytes, or text in ASCII."""
    if isinstance(buffer, str):
        return buffer.encode("ascii")
    return bytes(memoryview(buffer))


def is_pem(type: int) -> bool:
    """Whether the type is FILETYPE_PEM; ValueError if it is not FILETYPE_ASN1 either."""
    if type not in (FILETYPE_PEM, FILETYPE_ASN1):
        raise ValueError("type argument must be FILETYPE_PEM or FILETYPE_ASN1")
    return type == FILETYPE_PEM


def of_three(type: int) -> int:
    """The type, if it is one to dump as; else ValueError."""
    if type not in (FILETYPE_PEM, FILETYPE_ASN1, FILETYPE_TEXT):
        raise ValueError("type argument must be FILETYPE_PEM, FILETYPE_ASN1, or FILETYPE_TEXT")
    return type


def loaded(
    type: int,
    buffer: str | bytes,
    functions: tuple[Callable[..., CData], Callable[..., CData], Callable[[CData], object]],
    what: str,
) -> CData:
    """An owned object of libcrypto by the reader of PEM or that of DER, which with the destructor are ``functions``.

    Raises `Error` if it is malformed, ValueError for another type.
    """
    data = as_bytes(buffer)
    return load_object(data, is_pem(type), functions, CRYPTO_ERRORS, what)


def dumped(type: int, pointer: CData, writers: Sequence[Callable[..., int]], what: str) -> bytes:
    """An object of libcrypto as PEM, DER, or text, by the first, second, or third writer; `Error` if it cannot be."""
    of_three(type)
    if type == FILETYPE_TEXT:
        return written(lambda bio: writers[2](bio, pointer), CRYPTO_ERRORS, what)
    write = writers[0] if type == FILETYPE_PEM else writers[1]
    return written(lambda bio: write(bio, pointer), CRYPTO_ERRORS, what)
