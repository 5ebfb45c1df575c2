"""Python's ``ssl`` on this package's libssl: ``from openssl_bio import stdlib as ssl``.

The names, exceptions and constants are those of the newest Python's ``ssl``; exceptions and constants *are* the running
Python's objects, so that code which imports both sees one.  Connections are driven through memory
(`SSLContext.wrap_bio`).  What differs on purpose is listed in ``docs/differences-stdlib.md``.
"""

from openssl_bio.stdlib._bio import MemoryBIO
from openssl_bio.stdlib._callbacks import InfoEvent
from openssl_bio.stdlib._constants import *  # noqa: F403
from openssl_bio.stdlib._constants import (
    _DEFAULT_CIPHERS as _DEFAULT_CIPHERS,
)
from openssl_bio.stdlib._constants import (
    _OPENSSL_API_VERSION as _OPENSSL_API_VERSION,
)
from openssl_bio.stdlib._constants import __all__ as _all_constants
from openssl_bio.stdlib._context import SSLContext
from openssl_bio.stdlib._helpers import *  # noqa: F403
from openssl_bio.stdlib._helpers import __all__ as _all_helpers
from openssl_bio.stdlib._helpers import (
    _create_default_https_context as _create_default_https_context,
)
from openssl_bio.stdlib._helpers import (
    _create_stdlib_context as _create_stdlib_context,
)
from openssl_bio.stdlib._helpers import (
    _create_unverified_context as _create_unverified_context,
)
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
from openssl_bio.stdlib._session import SSLSession
from openssl_bio.stdlib._socket import SSLSocket

__all__ = [  # noqa: PLE0604
    "InfoEvent",
    "MemoryBIO",
    "SSLContext",
    "SSLObject",
    "SSLSession",
    "SSLSocket",
    *_all_constants,
    *_all_helpers,
]

for _class in (InfoEvent, MemoryBIO, SSLContext, SSLObject, SSLSession, SSLSocket):
    _class.__module__ = __name__
