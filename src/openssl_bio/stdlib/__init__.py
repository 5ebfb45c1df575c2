"""Python's ``ssl`` on this package's libssl: ``from openssl_bio import stdlib as ssl``.

The names, exceptions and constants are those of the newest Python's ``ssl``; exceptions and constants *are* the running
Python's objects, so that code which imports both sees one.  Connections are driven through memory
(`SSLContext.wrap_bio`).  What differs on purpose is listed in ``docs/differences-stdlib.md``.
"""

from typing import TYPE_CHECKING as _TYPE_CHECKING

from openssl_bio._core.late import late as _late
from openssl_bio.stdlib._bio import MemoryBIO
from openssl_bio.stdlib._constants import *  # noqa: F403
from openssl_bio.stdlib._constants import (
    _DEFAULT_CIPHERS as _DEFAULT_CIPHERS,
)
from openssl_bio.stdlib._constants import (
    _OPENSSL_API_VERSION as _OPENSSL_API_VERSION,
)
from openssl_bio.stdlib._constants import __all__ as _all_constants
from openssl_bio.stdlib._context import SSLContext
from openssl_bio.stdlib._object import SSLObject
from openssl_bio.stdlib._private import (
    _ASN1Object as _ASN1Object,
)
from openssl_bio.stdlib._private import (
    _SSLMethod as _SSLMethod,
)
from openssl_bio.stdlib._private import (
    _TLSAlertType as _TLSAlertType,
)
from openssl_bio.stdlib._private import (
    _TLSContentType as _TLSContentType,
)
from openssl_bio.stdlib._private import (
    _TLSMessageType as _TLSMessageType,
)
from openssl_bio.stdlib._socket import SSLSocket

if _TYPE_CHECKING:
    from openssl_bio.stdlib._helpers import (
        DER_cert_to_PEM_cert,
        PEM_cert_to_DER_cert,
        RAND_add,
        RAND_bytes,
        RAND_status,
        cert_time_to_seconds,
        create_default_context,
        get_default_verify_paths,
        get_protocol_name,
        get_server_certificate,
        get_sigalgs,
    )
    from openssl_bio.stdlib._helpers import _create_default_https_context as _create_default_https_context
    from openssl_bio.stdlib._helpers import _create_stdlib_context as _create_stdlib_context
    from openssl_bio.stdlib._helpers import _create_unverified_context as _create_unverified_context
    from openssl_bio.stdlib._info_event import InfoEvent
    from openssl_bio.stdlib._session import SSLSession
else:
    __getattr__, __dir__ = _late(
        globals(),
        {
            "DER_cert_to_PEM_cert": "openssl_bio.stdlib._helpers",
            "InfoEvent": "openssl_bio.stdlib._info_event",
            "PEM_cert_to_DER_cert": "openssl_bio.stdlib._helpers",
            "RAND_add": "openssl_bio.stdlib._helpers",
            "RAND_bytes": "openssl_bio.stdlib._helpers",
            "RAND_status": "openssl_bio.stdlib._helpers",
            "SSLSession": "openssl_bio.stdlib._session",
            "_create_default_https_context": "openssl_bio.stdlib._helpers",
            "_create_stdlib_context": "openssl_bio.stdlib._helpers",
            "_create_unverified_context": "openssl_bio.stdlib._helpers",
            "cert_time_to_seconds": "openssl_bio.stdlib._helpers",
            "create_default_context": "openssl_bio.stdlib._helpers",
            "get_default_verify_paths": "openssl_bio.stdlib._helpers",
            "get_protocol_name": "openssl_bio.stdlib._helpers",
            "get_server_certificate": "openssl_bio.stdlib._helpers",
            "get_sigalgs": "openssl_bio.stdlib._helpers",
        },
    )

__all__ = [  # noqa: PLE0604
    "DER_cert_to_PEM_cert",
    "InfoEvent",
    "MemoryBIO",
    "PEM_cert_to_DER_cert",
    "RAND_add",
    "RAND_bytes",
    "RAND_status",
    "SSLContext",
    "SSLObject",
    "SSLSession",
    "SSLSocket",
    *_all_constants,
    "cert_time_to_seconds",
    "create_default_context",
    "get_default_verify_paths",
    "get_protocol_name",
    "get_server_certificate",
    "get_sigalgs",
]

for _class in (MemoryBIO, SSLContext, SSLObject, SSLSocket):
    _class.__module__ = __name__
