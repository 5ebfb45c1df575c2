"""Integers, times and names of digests, from Python to libcrypto and back."""

from __future__ import annotations

from collections.abc import Callable

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pointers import new_buffer, own, string_bytes, taken
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS

__all__ = [
    "algorithm_named",
    "digest_named",
    "hex_text",
    "hex_value",
    "integer_value",
    "new_integer",
    "new_time",
    "time_from_now",
    "time_text",
    "utc_text",
]

_DIGITS = rb"-?[0-9A-Fa-f]+"


def digest_named(name: str | bytes) -> CData:
    """The EVP_MD of a name, such as ``"sha256"``; ValueError if there is none, TypeError if it is no text."""
    if not isinstance(name, str | bytes):
        raise TypeError("digest must be a string")
    return algorithm_named(lib.EVP_get_digestbyname, name, "No such digest method")


def algorithm_named(look_up: Callable[[bytes], CData], name: str | bytes, otherwise: str) -> CData:
    """What libcrypto has by a name; ValueError with this text if there is nothing."""
    text = name.encode() if isinstance(name, str) else name
    with clean_queue:
        found = ffi.NULL if b"\0" in text else look_up(text)
    if found == ffi.NULL:
        raise ValueError(otherwise)
    return found


def new_integer(number: int) -> CData:
    """An owned ASN1_INTEGER."""
    magnitude = abs(number).to_bytes((number.bit_length() + 7) // 8, "big")
    with clean_queue:
        big = own(lib.BN_bin2bn(magnitude, len(magnitude), ffi.NULL), lib.BN_free, CRYPTO_ERRORS, "BN_bin2bn")
        lib.BN_set_negative(big, number < 0)
        integer = lib.BN_to_ASN1_INTEGER(big, ffi.NULL)
        return own(integer, lib.ASN1_INTEGER_free, CRYPTO_ERRORS, "BN_to_ASN1_INTEGER")


def integer_value(integer: CData) -> int:
    """The value of an ASN1_INTEGER."""
    with clean_queue:
        big = own(lib.ASN1_INTEGER_to_BN(integer, ffi.NULL), lib.BN_free, CRYPTO_ERRORS, "ASN1_INTEGER_to_BN")
        buffer = new_buffer(lib.BN_num_bytes(big) or 1)
        magnitude = int.from_bytes(taken(buffer, lib.BN_bn2bin(big, buffer)), "big")
        return -magnitude if lib.BN_is_negative(big) else magnitude


def hex_value(text: bytes) -> int:
    """The number that hexadecimal digits stand for; ValueError if anything else is among them."""
    if not isinstance(text, bytes):
        raise TypeError("hex_str must be a byte string")
    import re

    if not re.fullmatch(_DIGITS, text):
        raise ValueError("bad hex string")
    return int(text, 16)


def hex_text(number: int) -> bytes:
    """A number in hexadecimal digits, an even count of them."""
    digits = f"{abs(number):X}"
    return f"{'-' if number < 0 else ''}{'0' * (len(digits) % 2)}{digits}".encode("ascii")


def time_text(time: CData) -> bytes | None:
    """What an ASN1_TIME says: `utc_text` of a UTCTime, a GeneralizedTime as it is; None if it is not set."""
    if time != ffi.NULL and lib.ASN1_STRING_type(ffi.cast("ASN1_STRING *", time)) == lib.V_ASN1_GENERALIZEDTIME:
        return string_bytes(time) or None
    return utc_text(time)


def utc_text(time: CData) -> bytes | None:
    """An ASN1_TIME as ``b"YYYYMMDDhhmmssZ"``; None if it is not set, `Error` if it is malformed."""
    if time == ffi.NULL or lib.ASN1_STRING_length(ffi.cast("ASN1_STRING *", time)) == 0:
        return None
    with clean_queue:
        general = lib.ASN1_TIME_to_generalizedtime(time, ffi.NULL)
        general = own(general, lib.ASN1_GENERALIZEDTIME_free, CRYPTO_ERRORS, "ASN1_TIME_to_generalizedtime")
        return string_bytes(general)


def new_time(when: bytes) -> CData:
    """An owned ASN1_TIME of ``b"YYYYMMDDhhmmssZ"``, or with an offset such as +0100 for the Z.

    Raises TypeError for what is no bytes, ValueError for what is malformed.  As RFC 5280 (4.1.2.5) wants it, a year
    before 2050 is encoded as UTCTime.
    """
    if not isinstance(when, bytes):
        raise TypeError("when must be a byte string")
    with clean_queue:
        time = own(lib.ASN1_TIME_new(), lib.ASN1_TIME_free, CRYPTO_ERRORS, "ASN1_TIME_new")
        known = b"\0" not in when and (
            lib.ASN1_TIME_set_string_X509(time, when) or lib.ASN1_TIME_set_string(time, when)
        )
        if not known:
            raise ValueError("Invalid string")
        return time


def time_from_now(amount: int) -> CData:
    """An owned ASN1_TIME that many seconds from now (``X509_gmtime_adj``)."""
    if not isinstance(amount, int):
        raise TypeError("amount must be an integer")
    with clean_queue:
        return own(lib.X509_gmtime_adj(ffi.NULL, amount), lib.ASN1_TIME_free, CRYPTO_ERRORS, "X509_gmtime_adj")
