"""Who frees what, and what goes into C buffers.

Theory of operation.  A Python object owns exactly one reference to each C object it holds, and `own` is how it gets it:
the only place that checks for NULL and attaches a destructor.  Results of ``new``, ``dup``, ``get1`` and ``d2i`` are
owned; a ``get0`` result is used inside the method, or shared first.  Where OpenSSL takes a reference away, one is added
before (``X509_up_ref`` ...).  cffi runs destructors in any order, so none depends on another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import ErrorTable

BytesLike: TypeAlias = bytes | bytearray | memoryview

# Answers are made in pieces: what a read allocates grows with what arrives, not with what was asked for.
PIECE = 64 * 1024
RECORD = 16 * 1024
INT_MAX = 2**31 - 1

# ``ffi.new`` for what C will fill in: it holds what was in memory before.
new_uncleared = ffi.new_allocator(should_clear_after_alloc=False)


def own(pointer: CData, free: Callable[[CData], object], errors: ErrorTable, what: str) -> CData:
    """Take over a reference: the pointer with its destructor attached.

    Raises the table's exception, saying ``what`` was wanted, if the pointer is NULL.
    """
    if pointer == ffi.NULL:
        raise errors.failure(what)
    return ffi.gc(pointer, free)


def new_buffer(size: int) -> CData:
    """``size`` bytes for C to write into, not cleared."""
    return new_uncleared("unsigned char[]", size)


def taken(buffer: CData, size: int) -> bytes:
    """The first ``size`` bytes of a C buffer."""
    return bytes(ffi.buffer(buffer, size))


def string_bytes(string: CData) -> bytes:
    """The content of what is an ASN1_STRING under any of its names."""
    text = ffi.cast("ASN1_STRING *", string)
    return taken(lib.ASN1_STRING_get0_data(text), lib.ASN1_STRING_length(text))


def string_text(string: CData, errors: ErrorTable, what: str) -> str:
    """The text of an ASN1_STRING of any type (``ASN1_STRING_to_UTF8``)."""
    out = ffi.new("unsigned char **")
    size = lib.ASN1_STRING_to_UTF8(out, ffi.cast("ASN1_STRING *", string))
    errors.check(size >= 0, what)
    return taken(own(out[0], lib.OPENSSL_free, errors, what), size).decode("utf-8")


def fill(buffer: CData, room: int, data: bytes, what: str) -> int:
    """Copy ``data`` into a C buffer that has ``room`` bytes, and return its length; ValueError if it does not fit."""
    if len(data) > room:
        raise ValueError(f"{what} is {len(data)} bytes long, and may be {room} at most")
    ffi.memmove(buffer, data, len(data))
    return len(data)


def certificates_in(stack: CData, errors: ErrorTable) -> list[CData]:
    """Owned references to the certificates of a stack that somebody else owns; none for NULL."""
    if stack == ffi.NULL:
        return []
    return [shared_certificate(lib.sk_X509_value(stack, i), errors) for i in range(lib.sk_X509_num(stack))]


def taken_certificates(stack: CData, errors: ErrorTable, what: str) -> list[CData]:
    """Take over a stack of certificates: all of them, each owned."""
    owned = own(stack, lib.sk_X509_free, errors, what)
    pointers = [lib.sk_X509_value(owned, i) for i in range(lib.sk_X509_num(owned))]
    return [own(pointer, lib.X509_free, errors, what) for pointer in pointers]


def shared_certificate(certificate: CData, errors: ErrorTable) -> CData:
    """An owned reference to an X509 that somebody else owns too."""
    lib.X509_up_ref(certificate)
    return own(certificate, lib.X509_free, errors, "X509_up_ref")
