"""Sessions as bytes, for other processes.

Theory of operation.  What was verified means nothing in another process, where other authorities may be trusted.  So a
session that travels (`encode`, `decode`) has no context, and takes the certificates along that its server had shown:
the connection that is to resume it verifies them once more, as if the server had shown them again.  It also remembers
the server name it was made with and which certificate of its own the client had; a connection with others is another
client, or talks to another server.  Whoever can change the bytes can replace all of that, hence the key.
"""

from __future__ import annotations

import hashlib
import struct
from typing import Any

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.engines import session_handle
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.load_errors import LOAD_ERRORS, LoadError
from openssl_bio._core.pem import certificate_der, load_certificate
from openssl_bio._core.pointers import certificates_in, new_buffer, own, taken
from openssl_bio._core.sealing import checked_key, seal, unseal
from openssl_bio._core.session import SessionCore

__all__ = ["decode", "encode", "from_der", "to_der"]

_OPEN = b"openssl_bio session 1 open\n"
_SEALED = b"openssl_bio session 1 sealed\n"
_SHA256 = 32  # bytes


def to_der(session: CData) -> bytes:
    """An ``SSL_SESSION`` in DER, secrets included."""
    with clean_queue:
        size = lib.i2d_SSL_SESSION(session, ffi.NULL)
        LOAD_ERRORS.check(size > 0, "the session cannot be encoded: it was not made by a handshake")
        buffer = new_buffer(size)
        written = lib.i2d_SSL_SESSION(session, ffi.new("unsigned char **", buffer))
        LOAD_ERRORS.check(written == size, "the session cannot be encoded")
        return taken(buffer, size)


def from_der(data: bytes) -> CData:
    """An owned ``SSL_SESSION``; `LoadError` if these bytes are none, or one of a cipher that is not there."""
    with clean_queue:
        memory = ffi.from_buffer("unsigned char[]", data)
        cursor = ffi.new("unsigned char **", memory)
        session = lib.d2i_SSL_SESSION(ffi.NULL, cursor, len(data))
        owned = own(session, lib.SSL_SESSION_free, LOAD_ERRORS, "the bytes are no session that this OpenSSL can read")
        if cursor[0] != memory + len(data):
            raise LoadError("there is something behind the session")
        return owned


def encode(core: SessionCore, key: bytes | None) -> bytes:
    """A session for another process; encrypted and authenticated if there is a key."""
    name = [] if core.server_name is None else [core.server_name]
    fields = [
        to_der(core.session),
        core.identity,
        *(certificate_der(certificate, LOAD_ERRORS) for certificate in certificates_in(core.chain, LOAD_ERRORS)),
    ]
    body = bytes([len(name)]) + b"".join(struct.pack(">I", len(field)) + field for field in [*name, *fields])
    if key is not None:
        return _SEALED + seal(checked_key(key), body, _SEALED)
    return _OPEN + body + hashlib.sha256(_OPEN + body).digest()


def decode(data: bytes, key: bytes | None) -> SessionCore:
    """What `encode` was given, without a context; `LoadError` for anything else."""
    try:
        has_name, *fields = _fields(_opened(data, key))
        name = fields.pop(0) if has_name else None
        der, identity = fields.pop(0), fields.pop(0)
        if len(identity) not in {0, lib.OBIO_IDENTITY} or b"\0" in (name or b""):
            raise LoadError("there is something else in the session's bytes")
    except (struct.error, IndexError):
        raise LoadError("the session's bytes are cut") from None
    chain = [load_certificate(one, False, LOAD_ERRORS, "a certificate of the session") for one in fields]
    kept = lib.obio_kept_session_of(
        from_der(der), chain, len(chain), ffi.NULL if name is None else name, identity or ffi.NULL
    )
    return SessionCore(session_handle(kept, LOAD_ERRORS), None, 0, None)


def _opened(data: bytes, key: bytes | None) -> bytes:
    if data.startswith(_SEALED):
        if key is None:
            raise LoadError("the session is encrypted: its key is needed")
        body = unseal(checked_key(key), data[len(_SEALED) :], _SEALED)
        if body is None:
            raise LoadError("the session was changed, or encrypted with another key")
        return body
    if not data.startswith(_OPEN):
        raise LoadError("these are not the bytes of a session")
    if key is not None:
        raise LoadError("the session is not encrypted, though there is a key: anybody could have made it")
    body, checksum = data[len(_OPEN) : -_SHA256], data[-_SHA256:]
    if hashlib.sha256(_OPEN + body).digest() != checksum:
        raise LoadError("the session's bytes were changed or cut")
    return body


def _fields(body: bytes) -> list[Any]:
    """Whether there is a name, and the fields."""
    found: list[Any] = [bool(body[0])]
    at = 1
    while at < len(body):
        (size,) = struct.unpack_from(">I", body, at)
        field = body[at + 4 : at + 4 + size]
        if len(field) < size:
            raise LoadError("the session's bytes are cut")
        found.append(field)
        at += 4 + size
    return found
