"""Sessions of connections: what is remembered of the connection, and verifying once more what comes from elsewhere.

Theory of operation.  A session of the connection's own context stands for what its connection verified (the module
``verification``).  One that has travelled stands for nothing: `bound` verifies its certificates with the connection's
own settings (`_native/reverify.c`), and makes a session of it that belongs to this connection's context and has been
verified as this connection demands.  From then on it is like any other.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from openssl_bio._core._lib import ffi, lib
from openssl_bio._core.errors import first_of
from openssl_bio._core.pointers import shared_certificate
from openssl_bio._core.session import SessionCore, digest_of, ticket_of

if TYPE_CHECKING:
    from openssl_bio._core.connection import ConnectionCore

__all__ = ["bound", "remembered", "renewed", "resume_from_cache", "server_key"]


def remembered(connection: ConnectionCore, address: int = 0) -> SessionCore | None:
    """What becomes of a connection's ``SSL_SESSION`` there, or of the one that it has; None if it has none."""
    resumed = connection._resumes
    handle = connection._keep_session(address, None if resumed is None else resumed.handle)
    if handle is None:
        return None
    verified = None if connection._demand_is_mixed else connection._demand
    return SessionCore(handle, connection._context, connection._generation.trust_epoch, verified)


def renewed(connection: ConnectionCore) -> SessionCore | None:
    """What becomes of the session that a handshake has resumed; None if its ticket is the one that was offered."""
    ssl, offered = connection.ssl, connection._resumes
    if offered is None or not lib.SSL_session_reused(ssl) or lib.SSL_version(ssl) == lib.TLS1_3_VERSION:
        return None
    session = remembered(connection)
    return None if session is None or ticket_of(session.session) == ticket_of(offered.session) else session


def bound(connection: ConnectionCore, session: SessionCore) -> SessionCore:
    """A session that has travelled, verified as this connection demands; ValueError if that fails."""
    ssl = connection.ssl
    _refuse_name(session.server_name, connection._get_server_name())
    if session.identity != digest_of(lib.SSL_get_certificate(ssl), connection._errors):
        raise ValueError("the session was made with another client certificate than this connection has")
    _verify(connection, session)
    return SessionCore(session.handle, connection._context, connection._generation.trust_epoch, connection._demand)


def _refuse_name(made_with: bytes | None, wanted: bytes | None) -> None:
    """RFC 8446, section 4.6.1: a session is for the server name that it was made with."""
    if made_with != wanted:
        raise ValueError(f"the session was made with the server name {made_with!r}, and not {wanted!r}")


def _verify(connection: ConnectionCore, session: SessionCore) -> None:
    demand = connection._demand
    if demand.staple is not None:
        raise ValueError("an OCSP response is judged during a handshake, and this session would show none")
    if not demand.verifies:
        return
    if demand.verifier is not None:
        raise ValueError("a verifier judges a chain during a handshake, and this session would show it none")
    peer = lib.SSL_SESSION_get0_peer(session.session)
    if peer == ffi.NULL:
        raise ValueError("the server of the session has shown no certificate, and this connection demands one")
    leaf = shared_certificate(peer, connection._errors)
    code = lib.obio_verify_again(connection.ssl, leaf, session.chain)
    if connection._pending:
        raise first_of(connection._pending)
    connection._errors.check(code >= 0, "verifying the session's certificates")
    if code != lib.X509_V_OK and demand.mode & lib.SSL_VERIFY_PEER:
        reason = ffi.string(lib.X509_verify_cert_error_string(code)).decode()
        raise ValueError(f"the certificate of the session's server is not accepted here: {reason}")


def server_key(connection: ConnectionCore) -> Hashable | None:
    """What a session's connection and the one that resumes it have in common; None if the server has no name."""
    with connection._guard:
        ssl, demand = connection.ssl, connection._demand
        sent = lib.SSL_get_servername(ssl, lib.TLSEXT_NAMETYPE_host_name)
        names = (ffi.string(sent) if sent else None, demand.host, connection._peer_name())
        if not any(names):
            return None
        identity = digest_of(lib.SSL_get_certificate(ssl), connection._errors)
        trust = demand.trust
        return id(connection._context), *names, identity, None if trust is None else id(trust)


def resume_from_cache(connection: ConnectionCore) -> bool:
    """Take a session for this server from the context's cache; whether there was one that may be resumed."""
    connection._refuse_late_session()
    cache = connection._context._session_cache
    key = None if cache is None else server_key(connection)
    session = None if cache is None or key is None else cache._take(key)
    if session is None:
        return False
    try:
        connection._set_session(session)
    except ValueError:  # it was verified with less than this connection demands
        return False
    return True
