"""Certificate extensions (``OpenSSL.crypto.X509Extension``, as pyOpenSSL 24.0 had it)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pem import written
from openssl_bio._core.pointers import own, string_bytes
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS

if TYPE_CHECKING:
    from openssl_bio.pyopenssl._x509 import X509

__all__ = ["X509Extension", "checked_extensions"]

_LABELS = {lib.GEN_EMAIL: "email", lib.GEN_DNS: "DNS", lib.GEN_URI: "URI"}


class X509Extension:
    """One extension of a certificate."""

    __module__ = "openssl_bio.crypto"

    _extension: CData

    def __init__(
        self,
        type_name: bytes,
        critical: bool,
        value: bytes,
        subject: X509 | None = None,
        issuer: X509 | None = None,
    ) -> None:
        """Make an extension from its name and value in OpenSSL's configuration language (``X509V3_EXT_nconf``).

        ``subject`` and ``issuer`` are the certificates that a value such as ``b"keyid"`` refers to.  Raises `Error`
        for an unknown name or a wrong value, TypeError for what is no bytes or no X509.
        """
        text = b"critical," + value if critical else value
        if b"\0" in type_name or b"\0" in text:
            raise ValueError("embedded null byte")
        with clean_queue:
            context = ffi.new("X509V3_CTX *")
            lib.X509V3_set_ctx(context, _x509(issuer), _x509(subject), ffi.NULL, ffi.NULL, 0)
            # There is no configuration file that a value could refer to.
            lib.X509V3_set_ctx_nodb(context)
            extension = lib.X509V3_EXT_nconf(ffi.NULL, context, type_name, text)
            self._extension = own(extension, lib.X509_EXTENSION_free, CRYPTO_ERRORS, f"the extension {type_name!r}")

    @classmethod
    def _wrap(cls, extension: CData) -> Self:
        """An X509Extension for an owned X509_EXTENSION."""
        wrapped = cls.__new__(cls)
        wrapped._extension = extension
        return wrapped

    def __str__(self) -> str:
        """The value in words (``X509V3_EXT_print``); of subjectAltName the names, each with its kind, as they are.

        A name may contain anything, also commas: who decides by names takes them from ``to_cryptography``.
        """
        with clean_queue:
            if self._nid == lib.NID_subject_alt_name:
                return ", ".join(self._alternatives())
            text = written(
                lambda bio: lib.X509V3_EXT_print(bio, self._extension, 0, 0), CRYPTO_ERRORS, "X509V3_EXT_print"
            )
        return text.decode("utf-8", "replace")

    @property
    def _nid(self) -> int:
        return int(lib.OBJ_obj2nid(lib.X509_EXTENSION_get_object(self._extension)))

    def _alternatives(self) -> list[str]:
        # libcrypto's own text leaves out a name with a NUL in it.
        names = ffi.cast("GENERAL_NAMES *", lib.X509V3_EXT_d2i(self._extension))
        names = own(names, lib.GENERAL_NAMES_free, CRYPTO_ERRORS, "subjectAltName")
        return [_name_text(lib.sk_GENERAL_NAME_value(names, i)) for i in range(lib.sk_GENERAL_NAME_num(names))]

    def get_critical(self) -> bool:
        """Whether a verifier that does not know the extension must refuse (``X509_EXTENSION_get_critical``)."""
        return bool(lib.X509_EXTENSION_get_critical(self._extension))

    def get_short_name(self) -> bytes:
        """The short name of the type, such as ``b"basicConstraints"``; ``b"UNDEF"`` if OpenSSL has none."""
        with clean_queue:
            name: bytes = ffi.string(lib.OBJ_nid2sn(self._nid))
            return name

    def get_data(self) -> bytes:
        """The DER encoding of the value (``X509_EXTENSION_get_data``)."""
        return string_bytes(lib.X509_EXTENSION_get_data(self._extension))


def checked_extensions(extensions: Iterable[X509Extension]) -> list[X509Extension]:
    """The extensions as a list; ValueError if one is none."""
    checked = list(extensions)
    if not all(isinstance(extension, X509Extension) for extension in checked):
        raise ValueError("One of the elements is not an X509Extension")
    return checked


def _name_text(name: CData) -> str:
    kind = ffi.new("int *")
    value = lib.GENERAL_NAME_get0_value(name, kind)
    label = _LABELS.get(kind[0])
    if label is not None:
        return f"{label}:{string_bytes(value).decode('utf-8', 'replace')}"
    return written(lambda bio: lib.GENERAL_NAME_print(bio, name), CRYPTO_ERRORS, "GENERAL_NAME_print").decode()


def _x509(certificate: X509 | None) -> CData:
    if certificate is None:
        return ffi.NULL
    try:
        return certificate._x509
    except AttributeError:
        raise TypeError("issuer and subject must be X509 instances") from None
