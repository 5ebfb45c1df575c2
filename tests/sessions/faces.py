"""Both faces in one shape, for sessions."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from typing import Any

from openssl_bio import SSL, stdlib
from tests import helpers
from tests.helpers import Identity
from tests.stdlib import helpers as stdlib_helpers

VERSIONS = {"1.2": (SSL.TLS1_2_VERSION, ssl.TLSVersion.TLSv1_2), "1.3": (SSL.TLS1_3_VERSION, ssl.TLSVersion.TLSv1_3)}
HOST = "localhost"


class Face(ABC):
    """What tests ask of a face."""

    error: type[Exception]
    session_type: Any

    @abstractmethod
    def server(self, version: str, identity: Identity) -> Any:
        """A server's context."""

    @abstractmethod
    def client(self, version: str, ca: Identity | None, identity: Identity | None = None) -> Any:
        """A client's context that verifies its server and the server's name; without ``ca``, one that trusts nobody."""

    @abstractmethod
    def verify_nothing(self, client: Any) -> None:
        """Let a client's context verify nothing."""

    @abstractmethod
    def pair(self, client: Any, server: Any, session: Any = None, host: str | None = HOST) -> Any:
        """A pair before its handshake, whose client verifies ``host`` and offers a session."""

    @abstractmethod
    def session(self, connection: Any) -> Any:
        """A client's session."""

    @abstractmethod
    def reused(self, connection: Any) -> bool:
        """The connection has resumed a session."""

    @abstractmethod
    def use_cache(self, context: Any, cache: Any) -> None:
        """Keep the client's sessions there."""

    @abstractmethod
    def read(self, connection: Any) -> None:
        """Read what there is: tickets."""

    def connect(self, client: Any, server: Any, session: Any = None, host: str | None = HOST) -> Any:
        """A pair after its handshake."""
        return self.pair(client, server, session, host).handshake()


class PyOpenSSL(Face):
    error, session_type = SSL.Error, SSL.Session

    def __init__(self) -> None:
        self.verifies = True

    def server(self, version: str, identity: Identity) -> Any:
        return helpers.server_context(VERSIONS[version][0], identity)

    def client(self, version: str, ca: Identity | None, identity: Identity | None = None) -> Any:
        context = helpers.context_of(VERSIONS[version][0], identity)
        context.set_verify(SSL.VERIFY_PEER)
        if ca is not None:
            context.get_cert_store().add_cert(ca.certificate)
        return context

    def verify_nothing(self, client: Any) -> None:
        client.set_verify(SSL.VERIFY_NONE)

    def pair(self, client: Any, server: Any, session: Any = None, host: str | None = HOST) -> Any:
        pair = helpers.Pair(client, server)
        if host is not None:
            pair.client.set_tlsext_host_name(host.encode())
            pair.client.set_verify_host(host)
        if session is not None:
            pair.client.set_session(session)
        else:
            pair.client.resume()
        return pair

    def session(self, connection: Any) -> Any:
        return connection.get_session()

    def reused(self, connection: Any) -> bool:
        return bool(connection.session_reused())

    def use_cache(self, context: Any, cache: Any) -> None:
        context.set_session_cache(cache)

    def read(self, connection: Any) -> None:
        assert helpers.received(connection) == b""


class Stdlib(Face):
    error, session_type = ssl.SSLError, stdlib.SSLSession

    def server(self, version: str, identity: Identity) -> Any:
        return stdlib_helpers.server_context(identity, version=VERSIONS[version][1])

    def client(self, version: str, ca: Identity | None, identity: Identity | None = None) -> Any:
        context: Any = stdlib_helpers.of_version(stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT), VERSIONS[version][1])
        if ca is not None:
            context.load_verify_locations(ca.certificate_file)
        if identity is not None:
            context.load_cert_chain(identity.certificate_file, identity.key_file)
        return context

    def verify_nothing(self, client: Any) -> None:
        client.check_hostname = False
        client.verify_mode = ssl.CERT_NONE

    def pair(self, client: Any, server: Any, session: Any = None, host: str | None = HOST) -> Any:
        return stdlib_helpers.Pair(client, server, session=session, server_hostname=host)

    def session(self, connection: Any) -> Any:
        return connection.session

    def reused(self, connection: Any) -> bool:
        return bool(connection.session_reused)

    def use_cache(self, context: Any, cache: Any) -> None:
        context.session_cache = cache

    def read(self, connection: Any) -> None:
        assert stdlib_helpers.wants_read(lambda: connection.read(1))


FACES: dict[str, Face] = {"pyOpenSSL": PyOpenSSL(), "ssl": Stdlib()}
