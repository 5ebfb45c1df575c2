"""Certificates, keys and trust stores: the face of ``OpenSSL.crypto``.

It has all of pyOpenSSL 26.4, and what it had before and no longer has: requests, CRLs, PKCS#12, PKCS#7, extensions and
signatures.  Here all of it is supported, so nothing warns that it is deprecated.  ``to_cryptography`` and
``from_cryptography`` need the package ``cryptography``; nothing else does.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from openssl_bio._core.late import late as _late
from openssl_bio.pyopenssl._crypto_errors import Error
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

if _TYPE_CHECKING:
    from openssl_bio.pyopenssl._crl import CRL, Revoked, dump_crl, load_crl
    from openssl_bio.pyopenssl._extension import X509Extension
    from openssl_bio.pyopenssl._pkcs7 import PKCS7, load_pkcs7_data
    from openssl_bio.pyopenssl._pkcs12 import PKCS12, load_pkcs12
    from openssl_bio.pyopenssl._request import X509Req, dump_certificate_request, load_certificate_request
    from openssl_bio.pyopenssl._signing import sign, verify
    from openssl_bio.pyopenssl._spki import NetscapeSPKI

    # Names of before pyOpenSSL 19.1, from when the types were written in C; there are more below.
    CRLType = CRL
    NetscapeSPKIType = NetscapeSPKI
    PKCS12Type = PKCS12
    PKCS7Type = PKCS7
    X509ExtensionType = X509Extension
    X509ReqType = X509Req
else:
    __getattr__, __dir__ = _late(
        globals(),
        {
            "CRL": "openssl_bio.pyopenssl._crl",
            "CRLType": "openssl_bio.pyopenssl._crl:CRL",
            "NetscapeSPKI": "openssl_bio.pyopenssl._spki",
            "NetscapeSPKIType": "openssl_bio.pyopenssl._spki:NetscapeSPKI",
            "PKCS12": "openssl_bio.pyopenssl._pkcs12",
            "PKCS12Type": "openssl_bio.pyopenssl._pkcs12:PKCS12",
            "PKCS7": "openssl_bio.pyopenssl._pkcs7",
            "PKCS7Type": "openssl_bio.pyopenssl._pkcs7:PKCS7",
            "Revoked": "openssl_bio.pyopenssl._crl",
            "X509Extension": "openssl_bio.pyopenssl._extension",
            "X509ExtensionType": "openssl_bio.pyopenssl._extension:X509Extension",
            "X509Req": "openssl_bio.pyopenssl._request",
            "X509ReqType": "openssl_bio.pyopenssl._request:X509Req",
            "dump_certificate_request": "openssl_bio.pyopenssl._request",
            "dump_crl": "openssl_bio.pyopenssl._crl",
            "load_certificate_request": "openssl_bio.pyopenssl._request",
            "load_crl": "openssl_bio.pyopenssl._crl",
            "load_pkcs12": "openssl_bio.pyopenssl._pkcs12",
            "load_pkcs7_data": "openssl_bio.pyopenssl._pkcs7",
            "sign": "openssl_bio.pyopenssl._signing",
            "verify": "openssl_bio.pyopenssl._signing",
        },
    )

__all__ = [
    "CRL",
    "FILETYPE_ASN1",
    "FILETYPE_PEM",
    "FILETYPE_TEXT",
    "PKCS7",
    "PKCS12",
    "TYPE_DH",
    "TYPE_DSA",
    "TYPE_EC",
    "TYPE_RSA",
    "X509",
    "CRLType",
    "Error",
    "NetscapeSPKI",
    "NetscapeSPKIType",
    "PKCS7Type",
    "PKCS12Type",
    "PKey",
    "PKeyType",
    "PassphraseCallableT",
    "Revoked",
    "X509Extension",
    "X509ExtensionType",
    "X509Name",
    "X509NameType",
    "X509Req",
    "X509ReqType",
    "X509Store",
    "X509StoreContext",
    "X509StoreContextError",
    "X509StoreFlags",
    "X509StoreType",
    "X509Type",
    "dump_certificate",
    "dump_certificate_request",
    "dump_crl",
    "dump_privatekey",
    "dump_publickey",
    "get_elliptic_curve",
    "get_elliptic_curves",
    "load_certificate",
    "load_certificate_request",
    "load_crl",
    "load_pkcs7_data",
    "load_pkcs12",
    "load_privatekey",
    "load_publickey",
    "sign",
    "verify",
]

# Names of before pyOpenSSL 19.1, from when the types were written in C.
PKeyType = PKey
X509NameType = X509Name
X509StoreType = X509Store
X509Type = X509
