"""``OpenSSL._util``: cffi's ``ffi`` and ``lib``, and helpers, which programs use though the module is private."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from types import ModuleType
from typing import Any, NoReturn

from openssl_bio._core._lib import CData, ffi
from openssl_bio._core._lib import lib as _lib

__all__ = [
    "UNSPECIFIED",
    "StrOrBytesPath",
    "byte_string",
    "exception_from_error_queue",
    "ffi",
    "lib",
    "make_assert",
    "no_zero_allocator",
    "path_bytes",
    "text",
    "text_to_bytes_and_warn",
]

StrOrBytesPath = str | bytes | os.PathLike[str] | os.PathLike[bytes]
# What programs ask before they use something, and the function that stands for the answer.
_FLAGS = {
    "CUSTOM_EXT": "SSL_CTX_add_client_custom_ext",
    "DTLS_GET_DATA_MTU": "DTLS_get_data_mtu",
    "GET_EXTMS_SUPPORT": "SSL_get_extms_support",
    "KEYLOG": "SSL_CTX_set_keylog_callback",
    "NEXTPROTONEG": "SSL_get0_next_proto_negotiated",
    "PSK": "SSL_CTX_set_psk_client_callback",
    "PSK_TLSv1_3": "SSL_CTX_set_psk_use_session_callback",
    "SET_CERT_CB": "SSL_CTX_set_cert_cb",
    "SIGALGS": "SSL_CTX_set1_sigalgs_list",
    "SRTP": "SSL_CTX_set_tlsext_use_srtp",
    "SSL_COOKIE": "SSL_CTX_set_cookie_generate_cb",
    "SSL_GET0_GROUP_NAME": "SSL_group_to_name",
    "SSL_OP_IGNORE_UNEXPECTED_EOF": "SSL_OP_IGNORE_UNEXPECTED_EOF",
    "SSL_VERIFY_CLIENT_POST_HANDSHAKE": "SSL_verify_client_post_handshake",
    "TLSv1_3_FUNCTIONS": "SSL_CTX_set_ciphersuites",
    "VERIFIED_CHAIN": "SSL_get0_verified_chain",
}


def _put_error(library: int, function: int, reason: int, file: bytes, line: int) -> None:
    """``ERR_put_error``, which OpenSSL 3 has as a macro only: add an error to the queue."""
    lib.ERR_new()
    lib.ERR_set_error(library, reason, ffi.NULL)


# As in the original, a namespace that may be written to; what is written there changes nothing in this package.
lib = ModuleType("lib")
vars(lib).update({name: getattr(_lib, name) for name in dir(_lib)})
vars(lib).update({f"Cryptography_HAS_{flag}": int(hasattr(_lib, name)) for flag, name in _FLAGS.items()})
vars(lib)["ERR_put_error"] = _put_error

UNSPECIFIED = object()  # for arguments that may be anything, even None

no_zero_allocator = ffi.new_allocator(should_clear_after_alloc=False)


def text(charp: CData) -> str:
    """The str of a ``char *`` in UTF-8; "" for NULL."""
    return ffi.string(charp).decode("utf-8") if charp else ""


def exception_from_error_queue(exception_type: type[Exception]) -> NoReturn:
    """Empty OpenSSL's error queue, and raise this exception with a list of (library, function, reason)."""
    errors = []
    while code := lib.ERR_get_error():
        # OpenSSL 3 names no functions any more.
        errors.append((text(lib.ERR_lib_error_string(code)), "", text(lib.ERR_reason_error_string(code))))
    raise exception_type(errors)


def make_assert(error: type[Exception]) -> Callable[[bool], None]:
    """A function that raises ``error`` from the error queue unless it is given True."""

    def openssl_assert(ok: bool) -> None:
        if ok is not True:
            exception_from_error_queue(error)

    return openssl_assert


def path_bytes(s: StrOrBytesPath) -> bytes:
    """A path as the bytes that OpenSSL takes."""
    path = os.fspath(s)
    return path.encode(sys.getfilesystemencoding()) if isinstance(path, str) else path


def byte_string(s: str) -> bytes:
    """The bytes of a str, a byte a character."""
    return s.encode("charmap")


def text_to_bytes_and_warn(label: str, obj: Any) -> Any:
    """``obj``, or its UTF-8 and a DeprecationWarning that names the argument ``label`` if it is a str."""
    if not isinstance(obj, str):
        return obj
    warnings.warn(f"str for {label} is no longer accepted, use bytes", DeprecationWarning, stacklevel=3)
    return obj.encode("utf-8")
