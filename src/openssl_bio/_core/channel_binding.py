"""Channel bindings: bytes that tie what is said inside a connection to that very connection.

Theory of operation.  Each type is what its RFC says, for both roles.  One that has no meaning on a connection is a
ValueError that says why, since a peer that takes meaningless bytes for a binding is not protected by it.

``tls-unique`` (RFC 5929, section 3) is the first Finished message of the last handshake: the client's, or if a session
was resumed the server's.  ``tls-exporter`` (RFC 9266) is keying material.  ``tls-server-end-point`` (RFC 5929, section
4) is a digest of the server's certificate, by the hash function of that certificate's signature.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import ErrorTable
from openssl_bio._core.pointers import new_buffer, taken

if TYPE_CHECKING:
    from openssl_bio._core.connection import ConnectionCore

__all__ = ["BINDINGS", "refuse_other_bindings"]

_EXPORTER_LABEL = b"EXPORTER-Channel-Binding"
# RFC 5929, section 4.1: what takes the place of hash functions that are too weak.
_TOO_WEAK = {b"MD5", b"SHA1"}


def _is_tls13(connection: ConnectionCore) -> bool:
    return bool(connection._get(lib.SSL_version) >= lib.TLS1_3_VERSION)


def _unique(connection: ConnectionCore) -> bytes:
    if _is_tls13(connection):
        raise ValueError("tls-unique is not defined for TLS 1.3 (RFC 9266): use tls-exporter")
    resumed, server = connection._get(lib.SSL_session_reused), connection._get(lib.SSL_is_server)
    return connection._get_bytes(lib.SSL_get_finished if resumed == server else lib.SSL_get_peer_finished)


def _exporter(connection: ConnectionCore) -> bytes:
    if not _is_tls13(connection):
        raise ValueError("tls-exporter is for TLS 1.3: use tls-unique")
    return connection._export(_EXPORTER_LABEL, 32, b"")


def _server_end_point(connection: ConnectionCore) -> bytes:
    if not connection._get(lib.SSL_is_server):
        certificate = connection._peer_certificate()
    elif connection._get(lib.SSL_session_reused) and len(connection._identities()) > 1:
        raise ValueError("tls-server-end-point: libssl forgets which certificate a resumed session was made with")
    else:
        certificate = connection._own_certificate()
    if certificate is None:
        raise ValueError("tls-server-end-point needs a certificate, and the server has shown none")
    with connection._guard:
        return _digest(certificate, connection._errors)


def _digest(certificate: CData, errors: ErrorTable) -> bytes:
    nid = ffi.new("int *")
    done = lib.X509_get_signature_info(certificate, nid, ffi.NULL, ffi.NULL, ffi.NULL)
    errors.check(done, "the algorithm of the certificate's signature is unknown")
    if nid[0] == lib.NID_undef:
        raise ValueError("tls-server-end-point is not defined for a signature without a hash function (RFC 5929, 4.1)")
    name = bytes(ffi.string(lib.OBJ_nid2sn(nid[0])))
    digest = lib.EVP_get_digestbyname(b"SHA256" if name in _TOO_WEAK else name)
    errors.check(digest != ffi.NULL, "the hash function of the certificate's signature is unknown")
    buffer, size = new_buffer(lib.EVP_MAX_MD_SIZE), ffi.new("unsigned int *")
    errors.check(lib.X509_digest(certificate, digest, buffer, size), "X509_digest")
    return taken(buffer, size[0])


# By name: what gives the bytes after a handshake, or raises ValueError.
BINDINGS: dict[str, Callable[[ConnectionCore], bytes]] = {
    "tls-unique": _unique,
    "tls-exporter": _exporter,
    "tls-server-end-point": _server_end_point,
}


def refuse_other_bindings(kind: str) -> None:
    """ValueError for a type that is none of these."""
    if kind not in BINDINGS:
        raise ValueError(f"{kind!r} channel binding type not implemented")
