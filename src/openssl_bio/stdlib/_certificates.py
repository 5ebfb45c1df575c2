"""Certificates as Python's ``ssl`` shows them: the dict of ``getpeercert()``, and DER."""

from __future__ import annotations

import ssl
from typing import Any

from openssl_bio._core._lib import CData, ffi, lib, load_engine
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pem import certificate_der, name_der
from openssl_bio._core.pointers import own
from openssl_bio.stdlib._errors import SETUP_ERRORS

__all__ = ["certificate_dict", "der", "name_of"]

# Of both engines; see `_native/certificate_dict.c`.
_dict_at = load_engine().certificate_dict


def der(certificate: CData) -> bytes:
    """The DER encoding of an X509."""
    return certificate_der(certificate, SETUP_ERRORS)


def certificate_dict(certificate: CData) -> dict[str, Any]:
    """What ``getpeercert()`` returns for an X509."""
    with clean_queue:
        told: dict[str, Any] | None = _dict_at(int(ffi.cast("uintptr_t", certificate)))
        if told is None:
            raise SETUP_ERRORS.failure("a field of the certificate")
        return told


def name_of(data: object) -> CData:
    """The X509_NAME of DER bytes; TypeError for what is no bytes, ValueError for what is no name."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"a name is bytes in DER, not {type(data).__name__}")
    with clean_queue:
        try:
            name = _parsed_name(bytes(data))
        except ssl.SSLError as error:
            raise ValueError("the bytes are no name in DER") from error
        if name_der(name, SETUP_ERRORS) != bytes(data):  # there is more, or it is no DER
            raise ValueError("the bytes are no name in DER")
        return name


def _parsed_name(data: bytes) -> CData:
    memory = ffi.from_buffer("unsigned char[]", data)
    cursor = ffi.new("unsigned char **", memory)
    return own(lib.d2i_X509_NAME(ffi.NULL, cursor, len(data)), lib.X509_NAME_free, SETUP_ERRORS, "d2i_X509_NAME")
