"""TLS through memory on OpenSSL's libssl.

``from openssl_bio import SSL, crypto`` gives pyOpenSSL's API; after `install_as_pyopenssl()`, so does
``import OpenSSL``.  ``from openssl_bio import stdlib as ssl`` gives that of Python's ``ssl``.

What both have beyond the originals is here: a `Credential` is a certificate with its chain and key, a
`SessionCache` keeps clients' sessions, `TicketKeys` seal those of servers, and `RedisTicketKeys` those of a fleet, a
`TrustStore` is what is trusted, and `SUSPEND` what a callback returns that will answer later.
"""

from typing import TYPE_CHECKING

from openssl_bio._core.late import late

if TYPE_CHECKING:
    from openssl_bio import SSL, crypto, stdlib
    from openssl_bio._as_pyopenssl import install_as_pyopenssl
    from openssl_bio._core.client_hello import ClientHello, ClientHelloError, parse_client_hello
    from openssl_bio._core.credential import Credential
    from openssl_bio._core.load_errors import LoadError
    from openssl_bio._core.providers import fips_enabled, load_provider
    from openssl_bio._core.replay import RedisReplayGuard, ReplayGuard
    from openssl_bio._core.session_cache import SessionCache
    from openssl_bio._core.session_store import MemorySessionStore, RedisSessionStore, SessionStore
    from openssl_bio._core.shared_keys import RedisTicketKeys
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
    "MemorySessionStore",
    "RedisReplayGuard",
    "RedisSessionStore",
    "RedisTicketKeys",
    "ReplayGuard",
    "SessionCache",
    "SessionStore",
    "Suspended",
    "TicketKey",
    "TicketKeys",
    "TrustStore",
    "__version__",
    "crypto",
    "fips_enabled",
    "install_as_pyopenssl",
    "load_provider",
    "parse_client_hello",
    "stdlib",
]

# Where each name comes from.  A program that uses one face does not wait for the other to be imported.
_HOMES = {
    "SSL": "openssl_bio.SSL:",
    "crypto": "openssl_bio.crypto:",
    "stdlib": "openssl_bio.stdlib:",
    "ClientHello": "openssl_bio._core.client_hello",
    "ClientHelloError": "openssl_bio._core.client_hello",
    "Credential": "openssl_bio._core.credential",
    "LoadError": "openssl_bio._core.load_errors",
    "SessionCache": "openssl_bio._core.session_cache",
    "SessionStore": "openssl_bio._core.session_store",
    "MemorySessionStore": "openssl_bio._core.session_store",
    "RedisSessionStore": "openssl_bio._core.session_store",
    "RedisTicketKeys": "openssl_bio._core.shared_keys",
    "RedisReplayGuard": "openssl_bio._core.replay",
    "ReplayGuard": "openssl_bio._core.replay",
    "SUSPEND": "openssl_bio._core.suspension",
    "Suspended": "openssl_bio._core.suspension",
    "TicketKey": "openssl_bio._core.ticket_keys",
    "TicketKeys": "openssl_bio._core.ticket_keys",
    "TrustStore": "openssl_bio._core.trust_store",
    "fips_enabled": "openssl_bio._core.providers",
    "load_provider": "openssl_bio._core.providers",
    "parse_client_hello": "openssl_bio._core.client_hello",
    "install_as_pyopenssl": "openssl_bio._as_pyopenssl",
    "__version__": "openssl_bio._version",
}


if not TYPE_CHECKING:
    __getattr__, __dir__ = late(globals(), _HOMES)
