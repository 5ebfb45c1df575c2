"""Signed public keys as HTML's ``keygen`` made them (``OpenSSL.crypto.NetscapeSPKI``, as pyOpenSSL 24.0 had it)."""

from __future__ import annotations

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pointers import own
from openssl_bio.pyopenssl._asn1 import digest_named
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS
from openssl_bio.pyopenssl._pkey import PKey, signing_key, some_key

__all__ = ["NetscapeSPKI"]


class NetscapeSPKI:
    """A public key, signed with its private key; without content when new."""

    __module__ = "openssl_bio.crypto"

    _spki: CData

    def __init__(self) -> None:
        """Make one to be filled in and signed (``NETSCAPE_SPKI_new``)."""
        with clean_queue:
            self._spki = own(lib.NETSCAPE_SPKI_new(), lib.NETSCAPE_SPKI_free, CRYPTO_ERRORS, "NETSCAPE_SPKI_new")

    def get_pubkey(self) -> PKey:
        """The public key (``NETSCAPE_SPKI_get_pubkey``); `Error` if there is none."""
        with clean_queue:
            key = lib.NETSCAPE_SPKI_get_pubkey(self._spki)
            key = own(key, lib.EVP_PKEY_free, CRYPTO_ERRORS, "NETSCAPE_SPKI_get_pubkey")
        return PKey._wrap(key, only_public=True)

    def set_pubkey(self, pkey: PKey) -> None:
        """Set the public key (``NETSCAPE_SPKI_set_pubkey``); `Error` for an empty key."""
        key = some_key(pkey)
        with clean_queue:
            CRYPTO_ERRORS.check(lib.NETSCAPE_SPKI_set_pubkey(self._spki, key), "NETSCAPE_SPKI_set_pubkey")

    def sign(self, pkey: PKey, digest: str) -> None:
        """Sign (``NETSCAPE_SPKI_sign``) with a private key and the digest of a name, such as ``"sha256"``."""
        key, method = signing_key(pkey), digest_named(digest)
        with clean_queue:
            CRYPTO_ERRORS.check(lib.NETSCAPE_SPKI_sign(self._spki, key, method) > 0, "NETSCAPE_SPKI_sign")

    def verify(self, key: PKey) -> bool:
        """True if this key made the signature (``NETSCAPE_SPKI_verify``), else `Error` is raised."""
        pointer = some_key(key)
        with clean_queue:
            CRYPTO_ERRORS.check(lib.NETSCAPE_SPKI_verify(self._spki, pointer) > 0, "the signature of the SPKI is wrong")
        return True

    def b64_encode(self) -> bytes:
        """The DER encoding in base64; `Error` if the object is not complete."""
        import base64

        with clean_queue:
            out = ffi.new("unsigned char **")
            size = lib.i2d_NETSCAPE_SPKI(self._spki, out)
            CRYPTO_ERRORS.check(size > 0, "i2d_NETSCAPE_SPKI")
            encoded = own(out[0], lib.OPENSSL_free, CRYPTO_ERRORS, "i2d_NETSCAPE_SPKI")
            return base64.b64encode(ffi.buffer(encoded, size))
