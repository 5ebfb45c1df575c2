"""Certificate revocation lists (``OpenSSL.crypto.CRL`` and ``Revoked``, as pyOpenSSL 24.2 had them)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pem import written
from openssl_bio._core.pointers import own
from openssl_bio.pyopenssl._asn1 import (
    digest_named,
    hex_text,
    hex_value,
    integer_value,
    new_integer,
    new_time,
    time_from_now,
    time_text,
)
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS
from openssl_bio.pyopenssl._cryptography import require_cryptography
from openssl_bio.pyopenssl._encoding import FILETYPE_ASN1, FILETYPE_PEM, dumped, loaded, of_three
from openssl_bio.pyopenssl._name import X509Name
from openssl_bio.pyopenssl._pkey import PKey, private_key
from openssl_bio.pyopenssl._x509 import X509

if TYPE_CHECKING:
    from cryptography.x509 import CertificateRevocationList

__all__ = ["CRL", "Revoked", "dump_crl", "load_crl"]

_SECONDS_A_DAY = 24 * 60 * 60
_VERSION_2 = 1  # versions are counted from zero

# RFC 5280, 5.3.1: the index is the number of the reason.
_REASONS = (
    b"unspecified",
    b"keyCompromise",
    b"CACompromise",
    b"affiliationChanged",
    b"superseded",
    b"cessationOfOperation",
    b"certificateHold",
)


class Revoked:
    """An entry of a CRL: the serial number of a certificate, since when, and why; without content when new."""

    __module__ = "openssl_bio.crypto"

    _revoked: CData

    def __init__(self) -> None:
        """Make an entry to be filled in (``X509_REVOKED_new``)."""
        with clean_queue:
            self._revoked = own(lib.X509_REVOKED_new(), lib.X509_REVOKED_free, CRYPTO_ERRORS, "X509_REVOKED_new")

    @classmethod
    def _wrap(cls, revoked: CData) -> Self:
        """A Revoked for an owned pointer."""
        wrapped = cls.__new__(cls)
        wrapped._revoked = revoked
        return wrapped

    def set_serial(self, hex_str: bytes) -> None:
        """Set the serial number, in hexadecimal digits; ValueError if there is anything else."""
        serial = new_integer(hex_value(hex_str))
        with clean_queue:
            done = lib.X509_REVOKED_set_serialNumber(self._revoked, serial)
            CRYPTO_ERRORS.check(done, "X509_REVOKED_set_serialNumber")

    def get_serial(self) -> bytes:
        """The serial number in hexadecimal digits, an even count of them."""
        return hex_text(integer_value(lib.X509_REVOKED_get0_serialNumber(self._revoked)))

    def set_reason(self, reason: bytes | None) -> None:
        """Set the reason, one of `all_reasons`, in any case and with or without spaces; None takes it away.

        Raises ValueError for an unknown reason, TypeError for what is no bytes.
        """
        if reason is None:
            self._delete_reason()
            return
        if not isinstance(reason, bytes):
            raise TypeError("reason must be None or a byte string")
        number = [r.lower() for r in _REASONS].index(reason.lower().replace(b" ", b""))
        with clean_queue:
            code = own(lib.ASN1_ENUMERATED_new(), lib.ASN1_ENUMERATED_free, CRYPTO_ERRORS, "ASN1_ENUMERATED_new")
            CRYPTO_ERRORS.check(lib.ASN1_ENUMERATED_set(code, number), "ASN1_ENUMERATED_set")
            added = lib.X509_REVOKED_add1_ext_i2d(self._revoked, lib.NID_crl_reason, code, 0, lib.X509V3_ADD_REPLACE)
            CRYPTO_ERRORS.check(added == 1, "X509_REVOKED_add1_ext_i2d")

    def _reason_index(self) -> int:
        return int(lib.X509_REVOKED_get_ext_by_NID(self._revoked, lib.NID_crl_reason, -1))

    def _delete_reason(self) -> None:
        while (index := self._reason_index()) >= 0:
            lib.X509_EXTENSION_free(lib.X509_REVOKED_delete_ext(self._revoked, index))

    def get_reason(self) -> bytes | None:
        """The reason in words, such as ``b"Key Compromise"`` (``X509V3_EXT_print``); None if none is given."""
        index = self._reason_index()
        if index < 0:
            return None
        extension = ffi.cast("X509_EXTENSION *", lib.X509_REVOKED_get_ext(self._revoked, index))
        return written(lambda bio: lib.X509V3_EXT_print(bio, extension, 0, 0), CRYPTO_ERRORS, "the reason")

    def all_reasons(self) -> list[bytes]:
        """The reasons that `set_reason` takes."""
        return list(_REASONS)

    def set_rev_date(self, when: bytes) -> None:
        """Set when the certificate was revoked, ``b"YYYYMMDDhhmmssZ"``; ValueError if ``when`` is malformed."""
        time = new_time(when)
        with clean_queue:
            done = lib.X509_REVOKED_set_revocationDate(self._revoked, time)
            CRYPTO_ERRORS.check(done, "X509_REVOKED_set_revocationDate")

    def get_rev_date(self) -> bytes | None:
        """When the certificate was revoked, as ``b"YYYYMMDDhhmmssZ"``; None if that is not set."""
        return time_text(lib.X509_REVOKED_get0_revocationDate(self._revoked))


class CRL:
    """A list of revoked certificates, to be signed by who issued them; without content when new."""

    __module__ = "openssl_bio.crypto"

    _crl: CData

    def __init__(self) -> None:
        """Make a list to be filled in (``X509_CRL_new``)."""
        with clean_queue:
            self._crl = own(lib.X509_CRL_new(), lib.X509_CRL_free, CRYPTO_ERRORS, "X509_CRL_new")

    @classmethod
    def _wrap(cls, crl: CData) -> Self:
        """A CRL for an owned pointer."""
        wrapped = cls.__new__(cls)
        wrapped._crl = crl
        return wrapped

    @classmethod
    def from_cryptography(cls, crypto_crl: CertificateRevocationList) -> Self:
        """The CRL of a CRL of ``cryptography``; TypeError if it is none."""
        require_cryptography("CRL.from_cryptography")
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        if not isinstance(crypto_crl, x509.CertificateRevocationList):
            raise TypeError("Must be a certificate revocation list")
        return cls._wrap(load_crl(FILETYPE_ASN1, crypto_crl.public_bytes(Encoding.DER))._crl)

    def to_cryptography(self) -> CertificateRevocationList:
        """This list as a ``cryptography.x509.CertificateRevocationList``; `Error` if it is not signed yet."""
        require_cryptography("CRL.to_cryptography")
        from cryptography import x509

        return x509.load_der_x509_crl(dump_crl(FILETYPE_ASN1, self))

    def _entries(self) -> list[CData]:
        """The X509_REVOKEDs, which belong to the list."""
        stack = lib.X509_CRL_get_REVOKED(self._crl)
        return [lib.sk_X509_REVOKED_value(stack, i) for i in range(lib.sk_X509_REVOKED_num(stack))]

    def get_revoked(self) -> tuple[Revoked, ...] | None:
        """Copies of the entries; None if there is none."""
        with clean_queue:
            owned = [
                own(lib.X509_REVOKED_dup(entry), lib.X509_REVOKED_free, CRYPTO_ERRORS, "X509_REVOKED_dup")
                for entry in self._entries()
            ]
        return tuple(map(Revoked._wrap, owned)) or None

    def add_revoked(self, revoked: Revoked) -> None:
        """Append a copy of an entry (``X509_CRL_add0_revoked``); `Error` if it is not complete."""
        if not isinstance(revoked, Revoked):
            raise TypeError("revoked must be a Revoked instance")
        with clean_queue:
            copy = lib.X509_REVOKED_dup(revoked._revoked)
            CRYPTO_ERRORS.check(copy != ffi.NULL, "X509_REVOKED_dup")
            added = lib.X509_CRL_add0_revoked(self._crl, copy)
            if not added:  # else the list owns it
                lib.X509_REVOKED_free(copy)
            CRYPTO_ERRORS.check(added, "X509_CRL_add0_revoked")

    def get_issuer(self) -> X509Name:
        """A copy of the issuer's name."""
        with clean_queue:
            name = lib.X509_NAME_dup(lib.X509_CRL_get_issuer(self._crl))
            return X509Name._wrap(own(name, lib.X509_NAME_free, CRYPTO_ERRORS, "X509_NAME_dup"))

    def _set(self, setter: Callable[[CData, CData], int], value: CData, what: str) -> None:
        with clean_queue:
            CRYPTO_ERRORS.check(setter(self._crl, value), what)

    def set_version(self, version: int) -> None:
        """Set the version, counted from zero: 1 is CRL v2 (``X509_CRL_set_version``)."""
        if not isinstance(version, int):
            raise TypeError("version must be an integer")
        self._set(lib.X509_CRL_set_version, version, "X509_CRL_set_version")

    def set_lastUpdate(self, when: bytes) -> None:
        """Set when this list was made, ``b"YYYYMMDDhhmmssZ"``; ValueError if ``when`` is malformed."""
        self._set(lib.X509_CRL_set1_lastUpdate, new_time(when), "X509_CRL_set1_lastUpdate")

    def set_nextUpdate(self, when: bytes) -> None:
        """Set when the next list is due, ``b"YYYYMMDDhhmmssZ"``; ValueError if ``when`` is malformed."""
        self._set(lib.X509_CRL_set1_nextUpdate, new_time(when), "X509_CRL_set1_nextUpdate")

    def sign(self, issuer_cert: X509, issuer_key: PKey, digest: bytes) -> None:
        """Set the issuer to a certificate's subject, sort the entries, and sign (``X509_CRL_sign``).

        Raises ValueError for an unknown digest, `Error` for a key that cannot sign.
        """
        self._sign(issuer_cert, private_key(issuer_key), digest_named(digest))

    def _sign(self, issuer: X509, key: CData, method: CData) -> None:
        if not isinstance(issuer, X509):
            raise TypeError("issuer_cert must be an X509 instance")
        if any(lib.X509_REVOKED_get_ext_count(entry) for entry in self._entries()):
            # RFC 5280, 5.1.2.1: a list with extensions is of version 2.
            self.set_version(max(_VERSION_2, lib.X509_CRL_get_version(self._crl)))
        subject = ffi.cast("X509_NAME *", lib.X509_get_subject_name(issuer._x509))
        self._set(lib.X509_CRL_set_issuer_name, subject, "X509_CRL_set_issuer_name")
        with clean_queue:
            CRYPTO_ERRORS.check(lib.X509_CRL_sort(self._crl), "X509_CRL_sort")
            CRYPTO_ERRORS.check(lib.X509_CRL_sign(self._crl, key, method) > 0, "X509_CRL_sign")

    def export(
        self, cert: X509, key: PKey, type: int = FILETYPE_PEM, days: int = 100, digest: bytes | None = None
    ) -> bytes:
        """Sign a list that is good from now on and for some days, and write it as `dump_crl` does.

        ``digest`` is the name of one, such as ``b"sha256"``; TypeError if it is not given, or for a certificate, key,
        type or number of days that is none; ValueError for another type or an unknown digest, `Error` for a
        key that cannot sign.
        """
        _check_export(cert, key, type, days)
        if digest is None:
            raise TypeError("digest must be provided")
        method, pointer = digest_named(digest), private_key(key)
        now, then = time_from_now(0), time_from_now(days * _SECONDS_A_DAY)
        self._set(lib.X509_CRL_set1_lastUpdate, now, "X509_CRL_set1_lastUpdate")
        self._set(lib.X509_CRL_set1_nextUpdate, then, "X509_CRL_set1_nextUpdate")
        self._sign(cert, pointer, method)
        return dump_crl(type, self)


def _check_export(cert: object, key: object, type: object, days: object) -> None:
    if not isinstance(cert, X509):
        raise TypeError("cert must be an X509 instance")
    if not isinstance(key, PKey):
        raise TypeError("key must be a PKey instance")
    if not isinstance(type, int):
        raise TypeError("type must be an integer")
    if not isinstance(days, int):
        raise TypeError("days must be an integer")
    of_three(type)


def load_crl(type: int, buffer: str | bytes) -> CRL:
    """Read a CRL of type FILETYPE_PEM or FILETYPE_ASN1; `Error` if it is malformed."""
    functions = lib.PEM_read_bio_X509_CRL, lib.d2i_X509_CRL_bio, lib.X509_CRL_free
    return CRL._wrap(loaded(type, buffer, functions, "load_crl"))


def dump_crl(type: int, crl: CRL) -> bytes:
    """Write a CRL as FILETYPE_PEM, FILETYPE_ASN1, or FILETYPE_TEXT; `Error` if it is not complete."""
    if not isinstance(crl, CRL):
        raise TypeError("crl must be a CRL instance")
    writers = lib.PEM_write_bio_X509_CRL, lib.i2d_X509_CRL_bio, lib.X509_CRL_print
    return dumped(type, crl._crl, writers, "dump_crl")
