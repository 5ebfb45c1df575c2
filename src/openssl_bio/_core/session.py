"""A TLS session as a value: what a later handshake may resume.

Theory of operation.  libssl changes a session object that a connection uses (a failing connection spoils it), so a
connection that resumes is given a copy, and the value that the user holds stays as it was.  libssl trusts a session
only together with the context it was made with, so it remembers its context, and what its connection verified.  How it
gets to another process is in `travel`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, Self

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.engines import kept_session
from openssl_bio._core.errors import ErrorTable, clean_queue
from openssl_bio._core.pointers import new_buffer, taken

if TYPE_CHECKING:
    from openssl_bio._core.context import ContextCore
    from openssl_bio._core.verification import Demand

__all__ = ["SessionCore", "SessionValue", "digest_of", "ticket_of"]

# RFC 8446, section 4.6.1: no TLS 1.3 ticket is used for longer, whatever the server said.
_WEEK = 7 * 24 * 3600


class SessionCore:
    """An owned ``SSL_SESSION``, and what has to be known of the connection that made it."""

    __slots__ = ("context", "handle", "trust_epoch", "verified")

    def __init__(self, handle: Any, context: ContextCore | None, trust_epoch: int, verified: Demand | None) -> None:
        self.handle = handle  # the engine's, of an obio_kept_session
        self.context = context  # None: it has travelled, and nothing of it is verified
        self.trust_epoch = trust_epoch
        self.verified = verified

    @property
    def session(self) -> CData:
        """The ``SSL_SESSION``, which is there as long as this object."""
        return kept_session(self.handle).session

    @property
    def chain(self) -> CData:
        """What the peer showed, its own certificate first: a stack that is there as long as this object, or NULL."""
        return kept_session(self.handle).chain

    @property
    def server_name(self) -> bytes | None:
        """The server name that the client sent, or None."""
        name = kept_session(self.handle).server_name
        return None if name == ffi.NULL else bytes(ffi.string(name))

    @property
    def identity(self) -> bytes:
        """The SHA-256 of the certificate that the connection had for itself; b"" if it had none."""
        kept = kept_session(self.handle)
        return taken(kept.identity, lib.OBIO_IDENTITY) if kept.has_identity else b""

    @property
    def id(self) -> bytes:
        """The session's id; on TLS 1.3 one that a client makes up."""
        with clean_queue:
            size = ffi.new("unsigned int *")
            data = lib.SSL_SESSION_get_id(self.session, size)
            return taken(data, size[0])

    @property
    def ends(self) -> int:
        """When it cannot be resumed any more, in seconds after 1970."""
        return _end_of(self.session)

    @property
    def is_usable(self) -> bool:
        """It can be resumed, and its time is not over."""
        session = self.session
        return bool(lib.SSL_SESSION_is_resumable(session)) and time.time() < _end_of(session)


def _end_of(session: CData) -> int:
    seconds = int(lib.SSL_SESSION_get_timeout(session))
    if lib.SSL_SESSION_get_protocol_version(session) == lib.TLS1_3_VERSION:
        told = int(lib.SSL_SESSION_get_ticket_lifetime_hint(session))
        seconds = min(seconds, told or seconds, _WEEK)
    return int(lib.SSL_SESSION_get_time(session)) + seconds


def _bytes_from(session: CData, function: Callable[[CData, CData, CData], None]) -> bytes:
    """What ``void function(session, const unsigned char **, size_t *)`` gives."""
    data, size = ffi.new("unsigned char **"), ffi.new("size_t *")
    function(session, data, size)
    return taken(data[0], size[0]) if size[0] else b""


def ticket_of(session: CData) -> bytes:
    """The ticket of an ``SSL_SESSION``; b"" if it has none."""
    return _bytes_from(session, lib.SSL_SESSION_get0_ticket)


def digest_of(certificate: CData, errors: ErrorTable) -> bytes:
    """The SHA-256 of an X509; b"" for NULL."""
    if certificate == ffi.NULL:
        return b""
    buffer = new_buffer(lib.OBIO_IDENTITY)
    errors.check(lib.obio_certificate_digest(certificate, buffer), "X509_digest")
    return taken(buffer, lib.OBIO_IDENTITY)


class SessionValue:
    """What both faces' sessions tell, and how they travel.

    Two sessions are equal if they are of one protocol version and have one id (as in libssl).
    """

    __slots__ = ("_core",)
    _core: SessionCore | None

    @classmethod
    def _wrap(cls, core: SessionCore) -> Self:
        self = object.__new__(cls)
        self._core = core
        return self

    def _made(self) -> SessionCore:
        if self._core is None:
            raise ValueError("the session is empty: no connection has made it")
        return self._core

    def _ask(self, function: Callable[[CData], Any]) -> Any:
        """What a function says of the ``SSL_SESSION``; ValueError if no handshake has made it."""
        core = self._made()  # its pointers are good as long as it is there
        return function(core.session)

    def to_bytes(self, key: bytes | None = None) -> bytes:
        """The session for another process or machine, for ``from_bytes`` there, with any version of OpenSSL.

        With a ``key`` of 32 bytes they are encrypted, and nobody without it can read or change them. Without one they
        hold the session's secrets, and who can change them decides whom a client takes for its server: keep them like
        a private key. ValueError if no handshake has made the session.
        """
        core = self._made()
        from openssl_bio._core.travel import encode

        return encode(core, key)

    @classmethod
    def from_bytes(cls, data: bytes, key: bytes | None = None) -> Self:
        """The session that ``to_bytes`` gave, for connections of any context.

        What was verified elsewhere does not count here: the connection that is to resume it verifies the certificates
        that the server had shown once more, by its own settings, and refuses it with a ValueError if that fails, if
        the server name is another, or if the client shows another certificate of its own. So set all of that first.

        `LoadError`, a ValueError, for bytes that are no session, were changed, or were encrypted with another key; and
        for bytes that are not encrypted if there is a key.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"the bytes of a session are needed, not {type(data).__name__}")
        from openssl_bio._core.travel import decode

        return cls._wrap(decode(bytes(data), key))

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        """TypeError: it holds secrets, which to_bytes() can encrypt."""
        name = type(self).__name__
        raise TypeError(f"cannot pickle {name!r} object: it holds secrets. Send to_bytes(key), and {name}.from_bytes")

    def _key(self) -> object:
        core = self._core
        if core is None or not core.id:
            return id(self)
        return lib.SSL_SESSION_get_protocol_version(core.session), core.id

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, type(self)) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    @property
    def id(self) -> bytes:
        """The session's id; on TLS 1.3 one that a client makes up."""
        return self._made().id

    @property
    def time(self) -> int:
        """When it began, in seconds after 1970."""
        return int(self._ask(lib.SSL_SESSION_get_time))

    @property
    def timeout(self) -> int:
        """How many seconds after `time` it can be resumed."""
        return int(self._ask(lib.SSL_SESSION_get_timeout))

    @property
    def age(self) -> float:
        """How many seconds ago it began."""
        return max(0.0, time.time() - self.time)

    @property
    def expired(self) -> bool:
        """Whether it is too old to be resumed: by its `timeout`, on TLS 1.3 also by its ticket's lifetime."""
        return time.time() >= self._made().ends

    @property
    def resumable(self) -> bool:
        """Whether a server can know it again: on TLS 1.3 it is when it has a ticket. ``SSL_SESSION_is_resumable``."""
        return bool(self._ask(lib.SSL_SESSION_is_resumable))

    @property
    def has_ticket(self) -> bool:
        """The server gave a ticket for it."""
        return bool(self._ask(lib.SSL_SESSION_has_ticket))

    @property
    def ticket(self) -> bytes:
        """The server's ticket; b"" if it gave none."""
        return bytes(self._ask(ticket_of))

    @property
    def ticket_lifetime_hint(self) -> int:
        """How many seconds the server said that its ticket lasts; 0 if it did not."""
        return int(self._ask(lib.SSL_SESSION_get_ticket_lifetime_hint))

    @property
    def max_early_data(self) -> int:
        """How many bytes of early data the server takes with it; 0 for none."""
        return int(self._ask(lib.SSL_SESSION_get_max_early_data))

    @property
    def cipher_name(self) -> str | None:
        """The cipher it was made with, in OpenSSL's name."""
        cipher = self._ask(lib.SSL_SESSION_get0_cipher)
        return None if cipher == ffi.NULL else ffi.string(lib.SSL_CIPHER_get_name(cipher)).decode()

    def _alpn(self) -> bytes:
        return bytes(self._ask(lambda session: _bytes_from(session, lib.SSL_SESSION_get0_alpn_selected)))
