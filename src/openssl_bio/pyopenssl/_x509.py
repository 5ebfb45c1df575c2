"""Certificates (``OpenSSL.crypto.X509``)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Self

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pem import certificate_der, load_certificate
from openssl_bio._core.pointers import new_buffer, own, taken
from openssl_bio.pyopenssl._asn1 import (
    digest_named,
    integer_value,
    new_integer,
    new_time,
    time_from_now,
    time_text,
    utc_text,
)
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS
from openssl_bio.pyopenssl._cryptography import require_cryptography
from openssl_bio.pyopenssl._name import X509Name, name_hash
from openssl_bio.pyopenssl._pkey import PKey, signing_key

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from openssl_bio.pyopenssl._extension import X509Extension

__all__ = ["X509"]


class X509:
    """An X.509 certificate; without content when new."""

    __module__ = "openssl_bio.crypto"

    _x509: CData

    def __init__(self) -> None:
        """Make a certificate to be filled in (``X509_new``)."""
        with clean_queue:
            self._x509 = own(lib.X509_new(), lib.X509_free, CRYPTO_ERRORS, "X509_new")

    @classmethod
    def _wrap(cls, x509: CData) -> Self:
        """An X509 for an owned pointer."""
        certificate = cls.__new__(cls)
        certificate._x509 = x509
        return certificate

    @classmethod
    def from_cryptography(cls, crypto_cert: Certificate) -> Self:
        """The X509 of a certificate of ``cryptography``; TypeError if it is none."""
        require_cryptography("X509.from_cryptography")
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        if not isinstance(crypto_cert, x509.Certificate):
            raise TypeError("Must be a certificate")
        return cls._wrap(load_certificate(crypto_cert.public_bytes(Encoding.DER), False, CRYPTO_ERRORS, "d2i_X509_bio"))

    def to_cryptography(self) -> Certificate:
        """This certificate as a ``cryptography.x509.Certificate``."""
        require_cryptography("X509.to_cryptography")
        from cryptography import x509

        return x509.load_der_x509_certificate(certificate_der(self._x509, CRYPTO_ERRORS))

    def _set(self, setter: Callable[[CData, CData], int], value: CData, what: str) -> None:
        with clean_queue:
            CRYPTO_ERRORS.check(setter(self._x509, value), what)

    def set_version(self, version: int) -> None:
        """Set the version, counted from zero: 2 is X.509 v3 (``X509_set_version``)."""
        if not isinstance(version, int):
            raise TypeError("version must be an integer")
        self._set(lib.X509_set_version, version, "X509_set_version")

    def get_version(self) -> int:
        """The version, counted from zero (``X509_get_version``)."""
        return int(lib.X509_get_version(self._x509))

    def get_pubkey(self) -> PKey:
        """The public key (``X509_get_pubkey``); `Error` if there is none, or of a type that OpenSSL does not know."""
        with clean_queue:
            pkey = own(lib.X509_get_pubkey(self._x509), lib.EVP_PKEY_free, CRYPTO_ERRORS, "X509_get_pubkey")
        return PKey._wrap(pkey, only_public=True)

    def set_pubkey(self, pkey: PKey) -> None:
        """Set the public key (``X509_set_pubkey``)."""
        if not isinstance(pkey, PKey):
            raise TypeError("pkey must be a PKey instance")
        self._set(lib.X509_set_pubkey, pkey._pkey, "X509_set_pubkey")

    def sign(self, pkey: PKey, digest: str) -> None:
        """Sign the certificate (``X509_sign``) with a private key and the digest of a name, such as ``"sha256"``."""
        key, method = signing_key(pkey), digest_named(digest)
        with clean_queue:
            CRYPTO_ERRORS.check(lib.X509_sign(self._x509, key, method), "X509_sign")

    def get_signature_algorithm(self) -> bytes:
        """The long name of the signature algorithm; ValueError if it has none."""
        algorithm = ffi.new("ASN1_OBJECT **")
        lib.X509_ALGOR_get0(algorithm, ffi.NULL, ffi.NULL, lib.X509_get0_tbs_sigalg(self._x509))
        nid = lib.OBJ_obj2nid(algorithm[0])
        if nid == lib.NID_undef:
            raise ValueError("Undefined signature algorithm")
        name: bytes = ffi.string(lib.OBJ_nid2ln(nid))
        return name

    def digest(self, digest_name: str) -> bytes:
        """The fingerprint as ``b"AA:BB:..."`` (``X509_digest``); ValueError for an unknown digest."""
        with clean_queue:
            buffer, size = new_buffer(lib.EVP_MAX_MD_SIZE), ffi.new("unsigned int *")
            CRYPTO_ERRORS.check(lib.X509_digest(self._x509, digest_named(digest_name), buffer, size), "X509_digest")
            return taken(buffer, size[0]).hex(":").upper().encode("ascii")

    def subject_name_hash(self) -> int:
        """The hash of the subject by which OpenSSL names files in a directory (``X509_subject_name_hash``)."""
        return name_hash(lib.X509_get_subject_name(self._x509))

    def set_serial_number(self, serial: int) -> None:
        """Set the serial number (``X509_set_serialNumber``)."""
        if not isinstance(serial, int):
            raise TypeError("serial must be an integer")
        self._set(lib.X509_set_serialNumber, new_integer(serial), "X509_set_serialNumber")

    def get_serial_number(self) -> int:
        """The serial number (``X509_get_serialNumber``)."""
        return integer_value(lib.X509_get_serialNumber(self._x509))

    def get_notBefore(self) -> bytes | None:
        """When the certificate becomes valid, as ``b"YYYYMMDDhhmmssZ"``; None if that is not set.

        A GeneralizedTime is returned as it is, which may be with an offset such as +0100 for the Z.
        """
        return time_text(lib.X509_get0_notBefore(self._x509))

    def get_notAfter(self) -> bytes | None:
        """When the certificate expires, as ``b"YYYYMMDDhhmmssZ"``; None if that is not set.

        A GeneralizedTime is returned as it is, which may be with an offset such as +0100 for the Z.
        """
        return time_text(lib.X509_get0_notAfter(self._x509))

    def set_notBefore(self, when: bytes) -> None:
        """Set when the certificate becomes valid, ``b"YYYYMMDDhhmmssZ"``; ValueError if ``when`` is malformed."""
        self._set(lib.X509_set1_notBefore, new_time(when), "X509_set1_notBefore")

    def set_notAfter(self, when: bytes) -> None:
        """Set when the certificate expires, ``b"YYYYMMDDhhmmssZ"``; ValueError if ``when`` is malformed."""
        self._set(lib.X509_set1_notAfter, new_time(when), "X509_set1_notAfter")

    def gmtime_adj_notBefore(self, amount: int) -> None:
        """Become valid ``amount`` seconds from now (``X509_gmtime_adj``)."""
        self._set(lib.X509_set1_notBefore, time_from_now(amount), "X509_set1_notBefore")

    def gmtime_adj_notAfter(self, amount: int) -> None:
        """Expire ``amount`` seconds from now (``X509_gmtime_adj``)."""
        self._set(lib.X509_set1_notAfter, time_from_now(amount), "X509_set1_notAfter")

    def has_expired(self) -> bool:
        """Whether notAfter has passed; ValueError if it is not set."""
        when = utc_text(lib.X509_get0_notAfter(self._x509))
        if when is None:
            raise ValueError("Unable to determine notAfter")
        import datetime

        expires = datetime.datetime.strptime(when.decode("ascii"), "%Y%m%d%H%M%SZ").replace(tzinfo=datetime.UTC)
        return expires < datetime.datetime.now(datetime.UTC)

    def get_subject(self) -> X509Name:
        """The subject, a view: what is changed there is changed here."""
        return X509Name._view(
            lambda: lib.X509_get_subject_name(self._x509),
            lambda name: self._set(lib.X509_set_subject_name, name, "X509_set_subject_name"),
        )

    def get_issuer(self) -> X509Name:
        """The issuer, a view: what is changed there is changed here."""
        return X509Name._view(
            lambda: lib.X509_get_issuer_name(self._x509),
            lambda name: self._set(lib.X509_set_issuer_name, name, "X509_set_issuer_name"),
        )

    def set_subject(self, subject: X509Name) -> None:
        """Set the subject to a copy of a name (``X509_set_subject_name``)."""
        if not isinstance(subject, X509Name):
            raise TypeError("name must be an X509Name")
        self._set(lib.X509_set_subject_name, subject._name, "X509_set_subject_name")

    def set_issuer(self, issuer: X509Name) -> None:
        """Set the issuer to a copy of a name (``X509_set_issuer_name``)."""
        if not isinstance(issuer, X509Name):
            raise TypeError("name must be an X509Name")
        self._set(lib.X509_set_issuer_name, issuer._name, "X509_set_issuer_name")

    def get_extension_count(self) -> int:
        """How many extensions there are (``X509_get_ext_count``)."""
        return int(lib.X509_get_ext_count(self._x509))

    def get_extension(self, index: int) -> X509Extension:
        """A copy of an extension (``X509_get_ext``); IndexError if there is none at this index."""
        from openssl_bio.pyopenssl._extension import X509Extension

        with clean_queue:
            extension = lib.X509_get_ext(self._x509, index) if index >= 0 else ffi.NULL
            if extension == ffi.NULL:
                raise IndexError("extension index out of bounds")
            copy = lib.X509_EXTENSION_dup(extension)
            return X509Extension._wrap(own(copy, lib.X509_EXTENSION_free, CRYPTO_ERRORS, "X509_EXTENSION_dup"))

    def add_extensions(self, extensions: Iterable[X509Extension]) -> None:
        """Append copies of extensions (``X509_add_ext``); ValueError if one is no X509Extension."""
        from openssl_bio.pyopenssl._extension import checked_extensions

        added = checked_extensions(extensions)
        with clean_queue:
            before = lib.X509_get_ext_count(self._x509)
            try:
                for extension in added:
                    CRYPTO_ERRORS.check(lib.X509_add_ext(self._x509, extension._extension, -1), "X509_add_ext")
            except BaseException:
                while lib.X509_get_ext_count(self._x509) > before:
                    lib.X509_EXTENSION_free(lib.X509_delete_ext(self._x509, before))
                raise
