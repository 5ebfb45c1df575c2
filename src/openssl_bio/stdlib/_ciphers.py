"""Ciphers as Python's ``ssl`` shows them."""

from __future__ import annotations

from typing import Any, TypeAlias

from openssl_bio._core._lib import CData, ffi, lib

__all__ = ["Cipher", "cipher_dict", "cipher_tuple", "ciphers"]

# Its name, the protocol version that it belongs to, how many secret bits it has.
Cipher: TypeAlias = tuple[str, str, int]


def cipher_tuple(cipher: CData) -> Cipher:
    """What `SSLObject.cipher` tells of a cipher."""
    name, version = lib.SSL_CIPHER_get_name(cipher), lib.SSL_CIPHER_get_version(cipher)
    return ffi.string(name).decode(), ffi.string(version).decode(), int(lib.SSL_CIPHER_get_bits(cipher, ffi.NULL))


def ciphers(stack: CData) -> list[CData]:
    """The ciphers of a stack."""
    return [lib.sk_SSL_CIPHER_value(stack, i) for i in range(lib.sk_SSL_CIPHER_num(stack))]


def cipher_dict(cipher: CData) -> dict[str, Any]:
    """What `SSLContext.get_ciphers` tells of one cipher."""
    buffer = ffi.new("char[]", 512)
    algorithm_bits = ffi.new("int *")
    bits = lib.SSL_CIPHER_get_bits(cipher, algorithm_bits)
    return {
        "id": lib.SSL_CIPHER_get_id(cipher),
        "name": ffi.string(lib.SSL_CIPHER_get_name(cipher)).decode(),
        "protocol": ffi.string(lib.SSL_CIPHER_get_version(cipher)).decode(),
        "description": ffi.string(lib.SSL_CIPHER_description(cipher, buffer, 512)).decode().strip(),
        "strength_bits": bits,
        "alg_bits": algorithm_bits[0],
        "aead": bool(lib.SSL_CIPHER_is_aead(cipher)),
        "symmetric": _long_name(lib.SSL_CIPHER_get_cipher_nid(cipher)),
        "digest": _long_name(lib.SSL_CIPHER_get_digest_nid(cipher)),
        "kea": _long_name(lib.SSL_CIPHER_get_kx_nid(cipher)),
        "auth": _long_name(lib.SSL_CIPHER_get_auth_nid(cipher)),
    }


def _long_name(nid: int) -> str | None:
    return None if nid == lib.NID_undef else ffi.string(lib.OBJ_nid2ln(nid)).decode()
