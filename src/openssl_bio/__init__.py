"""TLS through memory on OpenSSL's libssl.

``from openssl_bio import SSL, crypto`` gives pyOpenSSL's API; after `install_as_pyopenssl()`, so does
``import OpenSSL``.  ``from openssl_bio import stdlib as ssl`` gives that of Python's ``ssl``.

What both have beyond the originals is here: a `Credential` is a certificate with its chain and key, a
`SessionCache` keeps clients' sessions, `TicketKeys` seal those of servers, a `TrustStore` is what is trusted, and
`SUSPEND` what a callback returns that will answer later.
"""

from openssl_bio import SSL, crypto
from openssl_bio._as_pyopenssl import install_as_pyopenssl
from openssl_bio._core.client_hello import ClientHello, ClientHelloError, parse_client_hello
from openssl_bio._core.credential import Credential
from openssl_bio._core.session_cache import SessionCache
from openssl_bio._core.sources import LoadError
from openssl_bio._core.suspension import SUSPEND, Suspended
from openssl_bio._core.ticket_keys import TicketKey, TicketKeys
from openssl_bio._core.trust_store import TrustStore
from openssl_bio._version import __version__

__all__ = [
    "SSL",
    "SUSPEND",
    "ClientHello",
    "ClientHelloError",
    "Credential",
    "LoadError",
    "SessionCache",
    "Suspended",
    "TicketKey",
    "TicketKeys",
    "TrustStore",
    "__version__",
    "crypto",
    "install_as_pyopenssl",
    "parse_client_hello",
]
