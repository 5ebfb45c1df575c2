"""A key, its certificate and others in one file (``OpenSSL.crypto.PKCS12``, as pyOpenSSL 24.0 had it)."""

from __future__ import annotations

from collections.abc import Iterable

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import Kind, Outcome, clean_queue, take_queue
from openssl_bio._core.pem import input_bio, written
from openssl_bio._core.pointers import own, taken_certificates
from openssl_bio.pyopenssl._arguments import byte_string, c_string, integer
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS
from openssl_bio.pyopenssl._encoding import as_bytes
from openssl_bio.pyopenssl._pkey import PKey, signing_key
from openssl_bio.pyopenssl._x509 import X509

__all__ = ["PKCS12", "load_pkcs12"]

_LEGACY = (
    "it is encrypted with an old algorithm such as RC2-40: OpenSSL 3 has those in its legacy provider, which is not "
    "loaded (openssl_bio.load_provider('legacy') activates it)"
)


class PKCS12:
    """What a PKCS#12 file holds; empty when new."""

    __module__ = "openssl_bio.crypto"

    def __init__(self) -> None:
        """Make an empty one."""
        self._pkey: PKey | None = None
        self._cert: X509 | None = None
        self._cacerts: tuple[X509, ...] | None = None
        self._friendlyname: bytes | None = None

    def get_certificate(self) -> X509 | None:
        """The certificate of the private key."""
        return self._cert

    def set_certificate(self, cert: X509) -> None:
        """Set the certificate of the private key."""
        if not isinstance(cert, X509):
            raise TypeError("cert must be an X509 instance")
        self._cert = cert

    def get_privatekey(self) -> PKey | None:
        """The private key."""
        return self._pkey

    def set_privatekey(self, pkey: PKey) -> None:
        """Set the private key."""
        if not isinstance(pkey, PKey):
            raise TypeError("pkey must be a PKey instance")
        self._pkey = pkey

    def get_ca_certificates(self) -> tuple[X509, ...] | None:
        """The other certificates; None if there are none."""
        return self._cacerts

    def set_ca_certificates(self, cacerts: Iterable[X509] | None) -> None:
        """Set the other certificates, or take them away with None; TypeError if one is no X509."""
        certificates = None if cacerts is None else tuple(cacerts)
        if not all(isinstance(certificate, X509) for certificate in certificates or ()):
            raise TypeError("iterable must only contain X509 instances")
        self._cacerts = certificates

    def get_friendlyname(self) -> bytes | None:
        """The name that is shown to people, in UTF-8."""
        return self._friendlyname

    def set_friendlyname(self, name: bytes | None) -> None:
        """Set the name that is shown to people, in UTF-8 and without NUL, or take it away with None."""
        if name is not None and not isinstance(name, bytes):
            raise TypeError(f"name must be a byte string or None (not {name!r})")
        self._friendlyname = None if name is None else c_string(name, "name")

    def export(self, passphrase: bytes | None = None, iter: int = 2048, maciter: int = 2048) -> bytes:
        """Write a PKCS#12 file (``PKCS12_create``), encrypted with AES-256-CBC by a key from the passphrase.

        ``iter`` and ``maciter`` say how often the passphrase is hashed, for the encryption and for the checksum; 0 is
        OpenSSL's choice, and a ``maciter`` of -1 leaves the checksum out.  Text as passphrase is taken as UTF-8, with a
        DeprecationWarning.  Raises `Error` if nothing is set, or the key does not belong to the certificate, ValueError
        for a NUL in the passphrase or a key without private part.
        """
        secret = _secret(passphrase)
        integer(iter, "iter", 0)
        integer(maciter, "maciter", -1)
        key = ffi.NULL if self._pkey is None else signing_key(self._pkey)
        with clean_queue:
            others = own(lib.sk_X509_new_null(), lib.sk_X509_free, CRYPTO_ERRORS, "sk_X509_new_null")
            for certificate in self._cacerts or ():  # the stack owns nothing: the tuple does
                CRYPTO_ERRORS.check(lib.sk_X509_push(others, certificate._x509), "sk_X509_push")
            created = lib.PKCS12_create(
                _or_null(secret),
                _or_null(self._friendlyname),
                key,
                ffi.NULL if self._cert is None else self._cert._x509,
                ffi.NULL if self._cacerts is None else others,
                *(0, 0, iter, maciter, 0),
            )
            pkcs12 = own(created, lib.PKCS12_free, CRYPTO_ERRORS, "PKCS12_create")
        return written(lambda bio: lib.i2d_PKCS12_bio(bio, pkcs12), CRYPTO_ERRORS, "i2d_PKCS12_bio")


def load_pkcs12(buffer: str | bytes, passphrase: bytes | None = None) -> PKCS12:
    """Read a PKCS#12 file (``d2i_PKCS12_bio``, ``PKCS12_parse``).

    No passphrase and an empty one are the same.  Text as passphrase is taken as UTF-8, with a DeprecationWarning.
    Raises `Error` if the file is malformed, has another passphrase or no checksum, or needs OpenSSL's legacy provider;
    ValueError for a NUL in the passphrase.
    """
    secret = _secret(passphrase)
    with input_bio(as_bytes(buffer), CRYPTO_ERRORS) as bio:
        pkcs12 = own(lib.d2i_PKCS12_bio(bio, ffi.NULL), lib.PKCS12_free, CRYPTO_ERRORS, "load_pkcs12")
        # Newer OpenSSLs (3.5 does) read a file that has none, which anybody may have changed.
        CRYPTO_ERRORS.check(lib.PKCS12_mac_present(pkcs12), "load_pkcs12: the file has no checksum")
        key, certificate, others = ffi.new("EVP_PKEY **"), ffi.new("X509 **"), ffi.new("struct stack_st_X509 **")
        if not lib.PKCS12_parse(pkcs12, _or_null(secret or None), key, certificate, others):
            raise _failure()
        return _contents(key[0], certificate[0], others[0])


def _contents(key: CData, certificate: CData, others: CData) -> PKCS12:
    """A PKCS12 of what PKCS12_parse found, which is owned from here on."""
    found = PKCS12()
    if others != ffi.NULL:
        owned = taken_certificates(others, CRYPTO_ERRORS, "PKCS12_parse")
        found._cacerts = tuple(map(X509._wrap, owned)) or None
    if key != ffi.NULL:
        found._pkey = PKey._wrap(own(key, lib.EVP_PKEY_free, CRYPTO_ERRORS, "PKCS12_parse"))
    if certificate != ffi.NULL:
        found._cert = X509._wrap(own(certificate, lib.X509_free, CRYPTO_ERRORS, "PKCS12_parse"))
        size = ffi.new("int *")
        name = lib.X509_alias_get0(certificate, size)
        found._friendlyname = None if name == ffi.NULL else bytes(ffi.buffer(name, size[0]))
    return found


def _failure() -> BaseException:
    records = take_queue()
    legacy = any(lib.ERR_GET_REASON(record.code) == lib.ERR_R_UNSUPPORTED for record in records)
    return CRYPTO_ERRORS.error(
        Outcome(Kind.SSL, records, detail=f"load_pkcs12: {_LEGACY}" if legacy else "load_pkcs12")
    )


def _secret(passphrase: bytes | None) -> bytes | None:
    if passphrase is None:
        return None
    octets = byte_string(passphrase, "passphrase", "passphrase must be a byte string or None", stacklevel=5)
    return c_string(octets, "passphrase")


def _or_null(text: bytes | None) -> bytes | CData:
    return ffi.NULL if text is None else text
