"""Both faces in one shape, for what they have in common."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from openssl_bio import SSL, Credential, crypto, stdlib
from tests import helpers
from tests.contexts.pki import Issued
from tests.stdlib import helpers as stdlib_helpers

VERSIONS = {"1.2": (SSL.TLS1_2_VERSION, ssl.TLSVersion.TLSv1_2), "1.3": (SSL.TLS1_3_VERSION, ssl.TLSVersion.TLSv1_3)}


def credential(issued: Issued) -> Credential:
    """The certificate with its intermediates and key."""
    return Credential.load(issued.certificate, issued.key, issued.chain or None)


class Face(ABC):
    """What tests ask of a face."""

    error: type[Exception]
    want_read: type[Exception]

    @abstractmethod
    def server(self, version: str, *credentials: Credential) -> Any:
        """A server's context."""

    @abstractmethod
    def client(self, version: str, *trusted: Issued) -> Any:
        """A client's context that verifies, but no host name."""

    @abstractmethod
    def pair(self, client: Any, server: Any) -> Any:
        """A pair, with ``client``, ``server`` and ``handshake()``."""

    @abstractmethod
    def pair_for(self, client: Any, server: Any, host: str) -> Any:
        """A pair whose client verifies this host."""

    @abstractmethod
    def trust(self, context: Any, *trusted: Issued) -> None:
        """Trust more."""

    @abstractmethod
    def sent(self, connection: Any) -> list[bytes]:
        """What the server has sent to this client, in DER."""

    @abstractmethod
    def reused(self, pair: Any) -> bool:
        """The server has resumed the pair's session in a second pair from the same contexts."""


class PyOpenSSL(Face):
    error, want_read = SSL.Error, SSL.WantReadError

    def _context(self, version: str) -> SSL.Context:
        return helpers.context_of(VERSIONS[version][0])

    def server(self, version: str, *credentials: Credential) -> Any:
        context = self._context(version)
        if credentials:
            context.use_credentials(*credentials)
        return context

    def client(self, version: str, *trusted: Issued) -> Any:
        context = self._context(version)
        self.trust(context, *trusted)
        context.set_verify(SSL.VERIFY_PEER)
        return context

    def trust(self, context: Any, *trusted: Issued) -> None:
        for one in trusted:
            context.get_cert_store().add_cert(crypto.X509.from_cryptography(one.certificate))

    def pair(self, client: Any, server: Any) -> Any:
        return helpers.Pair(client, server)

    def pair_for(self, client: Any, server: Any, host: str) -> Any:
        pair = helpers.Pair(client, server)
        pair.client.set_verify_host(host)
        return pair

    def sent(self, connection: Any) -> list[bytes]:
        return [x.to_cryptography().public_bytes(Encoding.DER) for x in connection.get_peer_cert_chain() or []]

    def reused(self, pair: Any) -> bool:
        again = helpers.Pair(pair.client.get_context(), pair.server.get_context())
        again.client.set_session(pair.client.get_session())
        return bool(again.handshake().client.session_reused())


class Stdlib(Face):
    error, want_read = ssl.SSLError, ssl.SSLWantReadError

    def server(self, version: str, *credentials: Credential) -> Any:
        context = stdlib_helpers.of_version(stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER), VERSIONS[version][1])
        if credentials:
            context.use_credentials(*credentials)
        return context

    def client(self, version: str, *trusted: Issued) -> Any:
        context = stdlib_helpers.of_version(stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT), VERSIONS[version][1])
        context.check_hostname = False
        self.trust(context, *trusted)
        return context

    def trust(self, context: Any, *trusted: Issued) -> None:
        for one in trusted:
            context.load_verify_locations(cadata=one.der)

    def pair(self, client: Any, server: Any) -> Any:
        return stdlib_helpers.Pair(client, server)

    def pair_for(self, client: Any, server: Any, host: str) -> Any:
        client.check_hostname = True
        return stdlib_helpers.Pair(client, server, server_hostname=host)

    def sent(self, connection: Any) -> list[bytes]:
        chain: list[bytes] = connection.get_unverified_chain()
        return chain

    def reused(self, pair: Any) -> bool:
        again = stdlib_helpers.Pair(pair.client.context, pair.server.context, session=pair.client.session)
        return bool(again.handshake().client.session_reused)


FACES = {"pyOpenSSL": PyOpenSSL(), "ssl": Stdlib()}
