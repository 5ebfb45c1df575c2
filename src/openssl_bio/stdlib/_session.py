"""``SSLSession``: what a later connection may resume."""

from __future__ import annotations

from typing import Any, NoReturn, final

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.errors import clean_queue
from openssl_bio._core.pointers import taken
from openssl_bio._core.session import SessionCore

__all__ = ["SSLSession"]


@final
class SSLSession:
    """A session of a connection; `SSLObject.session` makes it, nobody else can.

    Two are equal if their ids are.
    """

    __slots__ = ("_core",)
    __hash__ = None  # type: ignore[assignment]  # as in the original

    _core: SessionCore

    def __new__(cls, *_arguments: Any, **_options: Any) -> SSLSession:
        raise TypeError(f"cannot create '{cls.__name__}' instances")

    @classmethod
    def _wrap(cls, core: SessionCore) -> SSLSession:
        self = object.__new__(cls)
        self._core = core
        return self

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("cannot pickle 'SSLSession' object")

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, SSLSession) else NotImplemented

    def _pointer(self) -> CData:
        return self._core.session

    @property
    def id(self) -> bytes:
        """The session's id; on TLS 1.3 one that a client makes up."""
        with clean_queue:
            size = ffi.new("unsigned int *")
            data = lib.SSL_SESSION_get_id(self._pointer(), size)
            return taken(data, size[0])

    @property
    def time(self) -> int:
        """When it began, in seconds after 1970."""
        return int(lib.SSL_SESSION_get_time(self._pointer()))

    @property
    def timeout(self) -> int:
        """How many seconds after `time` it can be resumed."""
        return int(lib.SSL_SESSION_get_timeout(self._pointer()))

    @property
    def ticket_lifetime_hint(self) -> int:
        """How many seconds the server said that its ticket lasts; 0 if it did not."""
        return int(lib.SSL_SESSION_get_ticket_lifetime_hint(self._pointer()))

    @property
    def has_ticket(self) -> bool:
        """The server gave a ticket for it."""
        return bool(lib.SSL_SESSION_has_ticket(self._pointer()))
