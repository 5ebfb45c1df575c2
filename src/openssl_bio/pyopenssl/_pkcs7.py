"""What kind of PKCS#7 message some bytes are (``OpenSSL.crypto.PKCS7``, as pyOpenSSL 23.2 had it)."""

from __future__ import annotations

from typing import Self

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pointers import own
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS
from openssl_bio.pyopenssl._encoding import loaded

__all__ = ["PKCS7", "load_pkcs7_data"]


class PKCS7:
    """A PKCS#7 message, of which only the type can be seen; `load_pkcs7_data` makes one."""

    __module__ = "openssl_bio.crypto"

    _pkcs7: CData

    def __init__(self) -> None:
        """Make a message of no type (``PKCS7_new``)."""
        with clean_queue:
            self._pkcs7 = own(lib.PKCS7_new(), lib.PKCS7_free, CRYPTO_ERRORS, "PKCS7_new")

    @classmethod
    def _wrap(cls, pkcs7: CData) -> Self:
        """A PKCS7 for an owned pointer."""
        wrapped = cls.__new__(cls)
        wrapped._pkcs7 = pkcs7
        return wrapped

    def type_is_signed(self) -> bool:
        """Whether this is signedData (``PKCS7_type_is_signed``)."""
        return bool(lib.PKCS7_type_is_signed(self._pkcs7))

    def type_is_enveloped(self) -> bool:
        """Whether this is envelopedData (``PKCS7_type_is_enveloped``)."""
        return bool(lib.PKCS7_type_is_enveloped(self._pkcs7))

    def type_is_signedAndEnveloped(self) -> bool:
        """Whether this is signedAndEnvelopedData (``PKCS7_type_is_signedAndEnveloped``)."""
        return bool(lib.PKCS7_type_is_signedAndEnveloped(self._pkcs7))

    def type_is_data(self) -> bool:
        """Whether this is data (``PKCS7_type_is_data``)."""
        return bool(lib.PKCS7_type_is_data(self._pkcs7))

    def get_type_name(self) -> bytes:
        """The short name of the type, such as ``b"pkcs7-signedData"``; ``b"UNDEF"`` if OpenSSL has none."""
        name: bytes = ffi.string(lib.OBJ_nid2sn(lib.OBJ_obj2nid(self._pkcs7.type)))
        return name


def load_pkcs7_data(type: int, buffer: str | bytes) -> PKCS7:
    """Read a message of type FILETYPE_PEM or FILETYPE_ASN1; `Error` if it is malformed."""
    functions = lib.PEM_read_bio_PKCS7, lib.d2i_PKCS7_bio, lib.PKCS7_free
    return PKCS7._wrap(loaded(type, buffer, functions, "load_pkcs7_data"))
