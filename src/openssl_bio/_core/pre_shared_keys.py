"""Pre-shared keys, with which both ends know each other without certificates.

Theory of operation.  libssl asks for them in two ways: on TLS 1.2 and DTLS with buffers for a name and a key, and on
TLS 1.3 for a session, which says by its cipher which hash the key is for (`_native/psk.c`).  Both ask one callback of
the user.  Where that has nothing to give, libssl would ask on TLS 1.3 in the old way too; there the answer is nothing.

On TLS 1.3 a server is also asked for keys by what are tickets, if those are short enough; no name says what it is.  And
libssl forgets the name of the key that was taken: a mark in its session tells whether it was the one that was given
last.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.callbacks import entry_point
from openssl_bio._core.pointers import fill, taken

if TYPE_CHECKING:
    from openssl_bio._core.connection import ConnectionCore

__all__ = ["ASKS_CLIENTS", "ASKS_SERVERS", "HASHES", "checked_hash", "key_and_hash", "psk_identity"]

# The hashes that a key may be for on TLS 1.3; the first is meant where none is told (RFC 8446, section 4.2.11).
HASHES = ("sha256", "sha384")
# What libssl calls up to TLS 1.2, and on TLS 1.3: below.
ASKS_CLIENTS = lib.py_psk_client, lib.py_psk_use_session
ASKS_SERVERS = lib.py_psk_server, lib.py_psk_find_session
_NOBODY = (b"", b"", HASHES[0])
_marks = itertools.count(1)


def checked_hash(name: object) -> str:
    """A hash that a key may be for; ValueError for anything else."""
    if not isinstance(name, str) or name not in HASHES:
        raise ValueError(f"a pre-shared key is for sha256 or sha384, not {name!r}")
    return name


def key_and_hash(answer: object) -> tuple[bytes, str]:
    """What a server's callback has answered, a key or a key and its hash; TypeError or ValueError for anything else."""
    key, hash_name = answer if isinstance(answer, tuple) and len(answer) == 2 else (answer, HASHES[0])
    if not isinstance(key, bytes | bytearray | memoryview):
        raise TypeError(f"a PSK server callback returns the key as bytes, not {type(key).__name__}")
    return bytes(key), checked_hash(hash_name)


def _clients_key(connection: ConnectionCore, hint: bytes | None) -> tuple[bytes, bytes, str]:
    """A name, a key and its hash; no key for nobody."""
    name, key, hash_name = connection._callback("psk_client", lambda *_: _NOBODY)(connection, hint)
    if b"\0" in name:
        raise ValueError("a PSK identity cannot have a zero byte: libssl would cut it there")
    return name, key, hash_name


def _refuse_longer(name: bytes, room: int) -> None:
    if len(name) > room:
        raise ValueError(f"the identity is {len(name)} bytes long, and may be {room} at most")


def _servers_key(connection: ConnectionCore, name: bytes | None) -> tuple[bytes, str]:
    key, hash_name = connection._callback("psk_server", lambda *_: _NOBODY[1:])(connection, name)
    return key, hash_name


def _session(connection: ConnectionCore, ssl: CData, name: bytes, key: bytes, hash_name: str) -> CData:
    """A session for libssl to own; the connection remembers by which name."""
    if len(key) > lib.PSK_MAX_PSK_LEN:
        raise ValueError(f"the pre-shared key is {len(key)} bytes long, and may be {lib.PSK_MAX_PSK_LEN} at most")
    mark = next(_marks)
    session = lib.obio_psk_session(ssl, key, len(key), hash_name == HASHES[1], mark)
    connection._errors.check(session != ffi.NULL, "the pre-shared key cannot be used")
    connection._given_psk = mark, name
    return session


@entry_point("py_psk_client", fails=0)
def client_name_and_key(  # noqa: PLR0917 - libssl's
    connection: ConnectionCore, ssl: CData, hint: CData, identity: CData, identity_room: int, key: CData, room: int
) -> int:
    """The server takes a pre-shared key: which, by what name."""
    if lib.SSL_get_state(ssl) == lib.TLS_ST_CW_CLNT_HELLO:
        return 0
    name, secret, _hash = _clients_key(connection, None if hint == ffi.NULL else bytes(ffi.string(hint)))
    _refuse_longer(name, identity_room - 1)
    fill(identity, identity_room, name + b"\0", "the identity")
    return fill(key, room, secret, "the pre-shared key")


@entry_point("py_psk_server", fails=0)
def server_key(connection: ConnectionCore, ssl: CData, identity: CData, key: CData, room: int) -> int:
    """The client names a pre-shared key; no bytes refuse it."""
    if lib.SSL_version(ssl) == lib.TLS1_3_VERSION:
        return 0
    name = None if identity == ffi.NULL else bytes(ffi.string(identity))
    return fill(key, room, _servers_key(connection, name)[0], "the pre-shared key")


@entry_point("py_psk_use_session", fails=0)
def client_session(  # noqa: PLR0917 - libssl's
    connection: ConnectionCore, ssl: CData, chosen: CData, identity: CData, size: CData, session: CData
) -> int:
    """A TLS 1.3 client may offer a key; after a HelloRetryRequest one for the hash that the server has chosen."""
    session[0] = ffi.NULL
    name, key, hash_name = _clients_key(connection, None)
    if not key or not lib.obio_psk_fits(chosen, hash_name == HASHES[1]):
        return 1
    _refuse_longer(name, lib.PSK_MAX_IDENTITY_LEN - 1)
    if not name:
        return _nameless(ssl)
    identity[0], size[0] = connection._pin("psk_identity", name), len(name)
    session[0] = _session(connection, ssl, name, key, hash_name)
    return 1


def _nameless(ssl: CData) -> int:
    """TLS 1.2 knows a key without a name (RFC 4279), and TLS 1.3 does not."""
    if lib.SSL_get_min_proto_version(ssl) == lib.TLS1_3_VERSION:
        raise ValueError("on TLS 1.3 a PSK identity has one byte at least")
    return 1


@entry_point("py_psk_find_session", fails=0)
def server_session(connection: ConnectionCore, ssl: CData, identity: CData, size: int, session: CData) -> int:
    """A TLS 1.3 client offers a key, or a ticket."""
    session[0] = ffi.NULL
    if size >= lib.PSK_MAX_IDENTITY_LEN:
        return 1
    name = taken(identity, size)
    key, hash_name = _servers_key(connection, name)
    if key:
        session[0] = _session(connection, ssl, name, key, hash_name)
    return 1


def psk_identity(connection: Any) -> bytes | None:
    """By what name the pre-shared key goes that this handshake was made with; None if there was none."""
    with connection._guard:
        ssl = connection.ssl
        if not lib.SSL_is_init_finished(ssl):
            return None
        mark, name = connection._given_psk
        if mark and lib.obio_psk_mark(ssl) == mark:
            return bytes(name)
        found = lib.SSL_get_psk_identity(ssl)
        return None if found == ffi.NULL else bytes(ffi.string(found))
