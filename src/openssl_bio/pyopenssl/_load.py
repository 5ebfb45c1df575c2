"""Certificates and keys from bytes and to bytes (``OpenSSL.crypto.load_*`` and ``dump_*``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.passphrase import PassphraseRequest
from openssl_bio._core.pem import load_certificate as _certificate
from openssl_bio._core.pem import load_private_key, load_public_key, written
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS
from openssl_bio.pyopenssl._pkey import TYPE_RSA, PKey, _required
from openssl_bio.pyopenssl._x509 import X509

__all__ = [
    "FILETYPE_ASN1",
    "FILETYPE_PEM",
    "FILETYPE_TEXT",
    "PassphraseCallableT",
    "dump_certificate",
    "dump_privatekey",
    "dump_publickey",
    "load_certificate",
    "load_privatekey",
    "load_publickey",
]

FILETYPE_PEM: int = lib.SSL_FILETYPE_PEM
FILETYPE_ASN1: int = lib.SSL_FILETYPE_ASN1
# OpenSSL has no number for it; this is pyOpenSSL's.
FILETYPE_TEXT = 2**16 - 1

# The passphrase, or what is called with 1 if a key is to be encrypted, else with 0.
PassphraseCallableT: TypeAlias = bytes | Callable[..., bytes]

_TWO_TYPES = "type argument must be FILETYPE_PEM or FILETYPE_ASN1"
_THREE_TYPES = "type argument must be FILETYPE_PEM, FILETYPE_ASN1, or FILETYPE_TEXT"


def load_certificate(type: int, buffer: str | bytes) -> X509:
    """Read a certificate of type FILETYPE_PEM or FILETYPE_ASN1; `Error` if it is malformed."""
    data = _bytes(buffer)
    return X509._wrap(_certificate(data, _is_pem(type), CRYPTO_ERRORS, "load_certificate"))


def load_publickey(type: int, buffer: str | bytes) -> PKey:
    """Read a public key of type FILETYPE_PEM or FILETYPE_ASN1; `Error` if it is malformed."""
    data = _bytes(buffer)
    return PKey._wrap(load_public_key(data, _is_pem(type), CRYPTO_ERRORS, "load_publickey"), only_public=True)


def load_privatekey(type: int, buffer: str | bytes, passphrase: PassphraseCallableT | None = None) -> PKey:
    """Read a private key of type FILETYPE_PEM or FILETYPE_ASN1.

    ``passphrase`` is for an encrypted PEM key: bytes, or a function that is called with 0 and returns them; what it
    raises is raised here.  Raises `Error` if the key is malformed, or encrypted with another passphrase or without one
    being given (pyOpenSSL would ask at the terminal), ValueError for a passphrase that is no bytes or too long.
    """
    data = _bytes(buffer)
    request = _request(type, passphrase)
    return PKey._wrap(load_private_key(data, _is_pem(type), request, CRYPTO_ERRORS, "load_privatekey"))


def dump_certificate(type: int, cert: X509) -> bytes:
    """Write a certificate as FILETYPE_PEM, FILETYPE_ASN1, or FILETYPE_TEXT, which is for people to read."""
    x509 = cert._x509
    writers: dict[int, Callable[[CData], int]] = {
        FILETYPE_PEM: lambda bio: lib.PEM_write_bio_X509(bio, x509),
        FILETYPE_ASN1: lambda bio: lib.i2d_X509_bio(bio, x509),
        FILETYPE_TEXT: lambda bio: lib.X509_print_ex(bio, x509, 0, 0),
    }
    if type not in writers:
        raise ValueError(_THREE_TYPES)
    return written(writers[type], CRYPTO_ERRORS, "dump_certificate")


def dump_publickey(type: int, pkey: PKey) -> bytes:
    """Write the public half of a key as FILETYPE_PEM or FILETYPE_ASN1."""
    write = lib.PEM_write_bio_PUBKEY if _is_pem(type) else lib.i2d_PUBKEY_bio
    key = _required(pkey)
    return written(lambda bio: write(bio, key), CRYPTO_ERRORS, "dump_publickey")


def dump_privatekey(
    type: int, pkey: PKey, cipher: str | None = None, passphrase: PassphraseCallableT | None = None
) -> bytes:
    """Write a private key as FILETYPE_PEM, FILETYPE_ASN1, or, if it is RSA, FILETYPE_TEXT.

    A PEM key is encrypted if ``cipher`` names how, such as ``"aes-256-cbc"``, with ``passphrase``: bytes, or a
    function that is called with 1.  Raises ValueError for an unknown type or cipher, TypeError for a cipher without a
    passphrase, `Error` if OpenSSL cannot write the key.
    """
    if type not in (FILETYPE_PEM, FILETYPE_ASN1, FILETYPE_TEXT):
        raise ValueError(_THREE_TYPES)
    if not isinstance(pkey, PKey):
        raise TypeError("pkey must be a PKey")
    method = _cipher(cipher, passphrase)
    request = _request(type, passphrase)
    key = _required(pkey)
    if pkey._only_public:
        raise ValueError("Key only has public part")
    if type == FILETYPE_ASN1:
        return written(lambda bio: lib.i2d_PrivateKey_bio(bio, key), CRYPTO_ERRORS, "dump_privatekey")
    if type == FILETYPE_TEXT:
        if pkey.type() != TYPE_RSA:
            raise TypeError("Only RSA keys are supported for FILETYPE_TEXT")
        return written(lambda bio: lib.EVP_PKEY_print_private(bio, key, 0, ffi.NULL), CRYPTO_ERRORS, "dump_privatekey")

    def write(bio: CData) -> bool:
        done = lib.PEM_write_bio_PrivateKey(bio, key, method, ffi.NULL, 0, lib.py_passphrase, request.handle)
        request.raise_problem()
        return bool(done)

    return written(write, CRYPTO_ERRORS, "dump_privatekey")


def _bytes(buffer: str | bytes) -> bytes:
    if isinstance(buffer, str):
        return buffer.encode("ascii")
    return bytes(memoryview(buffer))


def _is_pem(type: int) -> bool:
    if type not in (FILETYPE_PEM, FILETYPE_ASN1):
        raise ValueError(_TWO_TYPES)
    return type == FILETYPE_PEM


def _cipher(name: str | None, passphrase: PassphraseCallableT | None) -> CData:
    if name is None:
        return ffi.NULL
    if passphrase is None:
        raise TypeError("if a value is given for cipher one must also be given for passphrase")
    cipher = lib.EVP_get_cipherbyname(name.encode("ascii") if isinstance(name, str) else name)
    if cipher == ffi.NULL:
        raise ValueError("Invalid cipher name")
    return cipher


def _request(type: int, passphrase: PassphraseCallableT | None) -> PassphraseRequest:
    if passphrase is None:
        return PassphraseRequest()
    if type != FILETYPE_PEM:
        raise ValueError("only FILETYPE_PEM key format supports encryption")
    if isinstance(passphrase, bytes):
        return PassphraseRequest(passphrase)
    if not callable(passphrase):
        raise TypeError("Last argument must be a byte string or a callable.")
    ask = passphrase
    return PassphraseRequest(lambda _maxlen, writing: ask(int(writing)))
