"""Certificates and keys named by URIs: ``file:``, and what providers add, such as ``pkcs11:`` for hardware.

Theory of operation.  libcrypto's OSSL_STORE opens a URI and gives one object after another.  Which schemes there are
depends on the providers that the configuration of OpenSSL activates.  A private key of hardware never leaves it: the
EVP_PKEY refers to it, and libssl signs with it as with any other.
"""

from __future__ import annotations

import os

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import ErrorTable, Kind, Outcome, clean_queue, take_queue
from openssl_bio._core.passphrase import NO_PASSPHRASE, PassphraseRequest
from openssl_bio._core.pointers import own

__all__ = ["is_known_uri", "is_uri", "load_uri"]

# RFC 3986, 3.1; one letter is a drive of Windows.
_SCHEME = r"[a-zA-Z][a-zA-Z0-9+.-]+:"
_MOST = 1000  # objects; a token may have many


def is_uri(source: object) -> bool:
    """Whether a str is a URI and not the path of a file that is there."""
    import re

    return isinstance(source, str) and re.match(_SCHEME, source) is not None and not os.path.exists(source)


def is_known_uri(source: object) -> bool:
    """Whether it `is_uri`, of a scheme that some provider has."""
    if not isinstance(source, str) or not is_uri(source):
        return False
    with clean_queue:
        scheme = source.partition(":")[0].encode("ascii")
        loader = lib.OSSL_STORE_LOADER_fetch(ffi.NULL, scheme, ffi.NULL)
        if loader == ffi.NULL:
            return False
        lib.OSSL_STORE_LOADER_free(loader)
        return True


def load_uri(uri: str, request: PassphraseRequest, errors: ErrorTable, name: str) -> tuple[list[CData], list[CData]]:
    """The certificates (X509) and private keys (EVP_PKEY) of a URI, all owned.

    The request is asked for a passphrase or PIN.  Raises what it raised, and the table's exception, with ``name``, for
    a scheme that no provider has, for what cannot be opened, and for a wrong passphrase.
    """
    if "\0" in uri:
        raise ValueError("a URI has no NUL in it")
    certificates: list[CData] = []
    keys: list[CData] = []
    with clean_queue:
        method = lib.UI_UTIL_wrap_read_pem_callback(lib.py_passphrase, 0)
        method = own(method, lib.UI_destroy_method, errors, "UI_UTIL_wrap_read_pem_callback")
        store = lib.OSSL_STORE_open(os.fsencode(uri), method, request.handle, ffi.NULL, ffi.NULL)
        request.raise_problem()
        if store == ffi.NULL:
            raise _failure(uri, request, errors, name)
        store = own(store, lib.OSSL_STORE_close, errors, name)
        while not lib.OSSL_STORE_eof(store) and len(certificates) + len(keys) < _MOST:
            info = lib.OSSL_STORE_load(store)
            request.raise_problem()
            if info == ffi.NULL:
                if lib.OSSL_STORE_eof(store):
                    break
                raise _failure(uri, request, errors, name)
            _sort(own(info, lib.OSSL_STORE_INFO_free, errors, name), certificates, keys, errors)
        ffi.release(store)
    return certificates, keys


def _sort(info: CData, certificates: list[CData], keys: list[CData], errors: ErrorTable) -> None:
    """Put an object where it belongs; others, such as parameters and public keys, are left out."""
    kind = lib.OSSL_STORE_INFO_get_type(info)
    if kind == lib.OSSL_STORE_INFO_PKEY:
        keys.append(own(lib.OSSL_STORE_INFO_get1_PKEY(info), lib.EVP_PKEY_free, errors, "OSSL_STORE_INFO_get1_PKEY"))
    elif kind == lib.OSSL_STORE_INFO_CERT:
        pointer = lib.OSSL_STORE_INFO_get1_CERT(info)
        certificates.append(own(pointer, lib.X509_free, errors, "OSSL_STORE_INFO_get1_CERT"))


def _failure(uri: str, request: PassphraseRequest, errors: ErrorTable, name: str) -> BaseException:
    records = take_queue()
    scheme = uri.partition(":")[0]
    # OpenSSL says the first up to 3.4, and the second since.
    reasons = (lib.OSSL_STORE_R_UNREGISTERED_SCHEME, lib.ERR_R_UNSUPPORTED)
    unknown = any(record.says(lib.ERR_LIB_OSSL_STORE, *reasons) for record in records)
    if unknown and scheme.lower() != "file":  # which is looked for in two ways, and one complains
        why = f"no provider that OpenSSL has activated knows URIs of {scheme}: (see openssl.cnf)"
    elif request.missing:
        why = NO_PASSPHRASE
    elif request.asked:
        why = "the passphrase or PIN is wrong"
    else:
        why = "it cannot be loaded"
    return errors.error(Outcome(Kind.SSL, records, detail=f"{name}: {why}"))
