"""Certificates, keys and trust stores: the face of ``OpenSSL.crypto``.

It has what ``openssl_bio.SSL`` takes and gives.  For more than that, ``to_cryptography`` and ``from_cryptography``.
"""

from __future__ import annotations

from openssl_bio.pyopenssl._crypto_errors import Error
from openssl_bio.pyopenssl._extension import X509Extension
from openssl_bio.pyopenssl._load import (
    FILETYPE_ASN1,
    FILETYPE_PEM,
    FILETYPE_TEXT,
    PassphraseCallableT,
    dump_certificate,
    dump_privatekey,
    dump_publickey,
    load_certificate,
    load_privatekey,
    load_publickey,
)
from openssl_bio.pyopenssl._name import X509Name
from openssl_bio.pyopenssl._pkey import (
    TYPE_DH,
    TYPE_DSA,
    TYPE_EC,
    TYPE_RSA,
    PKey,
    get_elliptic_curve,
    get_elliptic_curves,
)
from openssl_bio.pyopenssl._store import X509Store, X509StoreContext, X509StoreContextError, X509StoreFlags
from openssl_bio.pyopenssl._x509 import X509

__all__ = [
    "FILETYPE_ASN1",
    "FILETYPE_PEM",
    "FILETYPE_TEXT",
    "TYPE_DH",
    "TYPE_DSA",
    "TYPE_EC",
    "TYPE_RSA",
    "X509",
    "Error",
    "PKey",
    "PassphraseCallableT",
    "X509Extension",
    "X509Name",
    "X509Store",
    "X509StoreContext",
    "X509StoreContextError",
    "X509StoreFlags",
    "dump_certificate",
    "dump_privatekey",
    "dump_publickey",
    "get_elliptic_curve",
    "get_elliptic_curves",
    "load_certificate",
    "load_privatekey",
    "load_publickey",
]
