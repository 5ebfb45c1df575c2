"""Signatures of data (``OpenSSL.crypto.sign`` and ``verify``, as pyOpenSSL 24.2 had them)."""

from __future__ import annotations

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pointers import new_buffer, own, taken
from openssl_bio.pyopenssl._arguments import byte_string
from openssl_bio.pyopenssl._asn1 import digest_named
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS
from openssl_bio.pyopenssl._pkey import PKey, private_key
from openssl_bio.pyopenssl._x509 import X509

__all__ = ["sign", "verify"]


def sign(pkey: PKey, data: str | bytes, digest: str) -> bytes:
    """Sign data (``EVP_DigestSign``) with a private key and the digest of a name, such as ``"sha256"``.

    Text is taken as UTF-8, with a DeprecationWarning.  Raises ValueError for an unknown digest, `Error` for a
    key that cannot sign, or not with this digest.
    """
    message = byte_string(data, "data", "data must be a byte string")
    method, key = digest_named(digest), private_key(pkey)
    with clean_queue:
        context = _context()
        CRYPTO_ERRORS.check(lib.EVP_DigestSignInit(context, ffi.NULL, method, ffi.NULL, key) == 1, "EVP_DigestSignInit")
        size = ffi.new("size_t *")
        measured = lib.EVP_DigestSign(context, ffi.NULL, size, message, len(message))
        CRYPTO_ERRORS.check(measured == 1, "EVP_DigestSign")
        buffer = new_buffer(size[0])
        signed = lib.EVP_DigestSign(context, buffer, size, message, len(message))
        CRYPTO_ERRORS.check(signed == 1, "EVP_DigestSign")
        return taken(buffer, size[0])


def verify(cert: X509, signature: bytes, data: str | bytes, digest: str) -> None:
    """Raise `Error` unless the key of a certificate made this signature of the data (``EVP_DigestVerify``).

    The certificate itself is not verified.  Text is taken as UTF-8, with a DeprecationWarning.  Raises ValueError for
    an unknown digest.
    """
    message = byte_string(data, "data", "data must be a byte string")
    if not isinstance(cert, X509):
        raise TypeError("cert must be an X509 instance")
    if not isinstance(signature, bytes):
        raise TypeError("signature must be a byte string")
    method, key = digest_named(digest), cert.get_pubkey()._pkey
    with clean_queue:
        context = _context()
        started = lib.EVP_DigestVerifyInit(context, ffi.NULL, method, ffi.NULL, key)
        CRYPTO_ERRORS.check(started == 1, "EVP_DigestVerifyInit")
        good = lib.EVP_DigestVerify(context, signature, len(signature), message, len(message))
        CRYPTO_ERRORS.check(good == 1, "the signature is wrong")


def _context() -> CData:
    return own(lib.EVP_MD_CTX_new(), lib.EVP_MD_CTX_free, CRYPTO_ERRORS, "EVP_MD_CTX_new")
