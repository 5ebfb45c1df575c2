"""``SSL.Context``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from openssl_bio._core._lib import CData, lib
from openssl_bio._core.errors import ErrorTable, Kind, Outcome
from openssl_bio._core.session_settings import SessionSettings
from openssl_bio.pyopenssl import _constants as c
from openssl_bio.pyopenssl._arguments import bits, function, integer
from openssl_bio.pyopenssl._callbacks import Callbacks
from openssl_bio.pyopenssl._errors import FACE, SSL_ERRORS
from openssl_bio.pyopenssl._settings import Path, Settings

if TYPE_CHECKING:
    from openssl_bio._core.session_cache import SessionCache
    from openssl_bio._core.ticket_keys import TicketKey
    from openssl_bio.pyopenssl._connection import Connection
    from openssl_bio.pyopenssl._session import Session
    from openssl_bio.pyopenssl._store import X509Store

_SERVER_AUTHENTICATION = "1.3.6.1.5.5.7.3.1"

# Method: its function in libssl, and the one protocol version that it allows. libssl has no SSLv2 and SSLv3 any more.
_METHODS: dict[int, tuple[CData, int]] = {
    c.SSLv23_METHOD: (lib.TLS_method, 0),
    c.TLSv1_METHOD: (lib.TLS_method, c.TLS1_VERSION),
    c.TLSv1_1_METHOD: (lib.TLS_method, c.TLS1_1_VERSION),
    c.TLSv1_2_METHOD: (lib.TLS_method, c.TLS1_2_VERSION),
    c.TLS_METHOD: (lib.TLS_method, 0),
    c.TLS_SERVER_METHOD: (lib.TLS_server_method, 0),
    c.TLS_CLIENT_METHOD: (lib.TLS_client_method, 0),
}
if hasattr(lib, "DTLS_method"):
    _METHODS |= {
        c.DTLS_METHOD: (lib.DTLS_method, 0),
        c.DTLS_SERVER_METHOD: (lib.DTLS_server_method, 0),
        c.DTLS_CLIENT_METHOD: (lib.DTLS_client_method, 0),
    }


def _method(method: int) -> tuple[CData, int]:
    if not isinstance(method, int):
        raise TypeError("method must be an integer")
    if method not in _METHODS:
        raise ValueError("No such protocol")
    make, version = _METHODS[method]
    return make(), version


class Context(SessionSettings, Settings, Callbacks):
    """The parameters of TLS connections: pyOpenSSL's ``Context``.

    ``method`` is one of the ``*_METHOD`` constants. ValueError("No such protocol") for one that libssl lacks.

    Unlike the original's, a context may be changed after a connection was made from it: later connections see the
    change, those that exist do not.
    """

    _errors: ClassVar[ErrorTable] = SSL_ERRORS
    _face: ClassVar[str] = FACE

    def __init__(self, method: int) -> None:
        pointer, version = _method(method)
        mode = lib.SSL_MODE_ENABLE_PARTIAL_WRITE | lib.SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
        super().__init__(pointer, version, version, mode)
        self._app_data: Any = None
        self._passphrase: Callable[[int, bool], bytes] | None = None
        self._client_cas: list[CData] = []

    def _passphrase_callback(self) -> Callable[[int, bool], bytes] | None:
        return self._passphrase

    def _present_client_cas(self) -> list[CData]:
        return self._client_cas

    def _set_client_cas(self, names: Sequence[CData], value: tuple[bytes, ...]) -> None:
        with self._guard:
            super()._set_client_cas(names, value)
            self._client_cas = list(names)

    def __reduce__(self) -> NoReturn:
        """TypeError: two contexts cannot share one SSL_CTX."""
        raise TypeError("cannot copy or pickle a Context")

    @property
    def _context(self) -> CData:
        """The ``SSL_CTX *`` of the current generation, for third parties."""
        return self.ctx

    @property
    def _keylog_callback(self) -> Callable[..., Any] | None:
        """What `set_keylog_callback` was given, for third parties; Scrapy's tests read it."""
        found: Callable[..., Any] | None = self._recorded("keylog", None)
        return found

    # -- trust ------------------------------------------------------------------------------------------------------

    def load_verify_locations(self, cafile: Path | None, capath: Path | None = None) -> None:
        """Trust the certificates of a PEM file, of a hashed directory, or both."""
        if cafile is None and capath is None:
            raise SSL_ERRORS.error(Outcome(Kind.SSL, detail="cafile and capath cannot both be None"))
        with self._trust.all_or_nothing():
            if cafile is not None:
                self._trust.load_file(cafile)
            if capath is not None:
                self._trust.add_directory(capath)

    def set_default_verify_paths(self) -> None:
        """Trust what the system trusts: SSL_CERT_FILE, SSL_CERT_DIR, or where the platform keeps its certificates.

        On Windows those are its stores, as far as they are for servers.
        """
        self._trust.load_default_paths()
        self._trust.load_windows_stores(_SERVER_AUTHENTICATION)

    def get_cert_store(self) -> X509Store:
        """The context's trust store; what is added to it is trusted by later connections."""
        from openssl_bio.pyopenssl._store import X509Store

        return X509Store._wrap(self._trust)

    # -- keys and sessions ------------------------------------------------------------------------------------------

    def set_passwd_cb(self, callback: Callable[..., bytes], userdata: Any = None) -> None:
        """Call ``callback(maxlen, verify, userdata) -> bytes`` for the passphrase of a key file."""
        ask = function(callback)
        self._passphrase = lambda maxlen, verify: ask(maxlen, int(verify), userdata)

    def set_session_cache_mode(self, mode: int) -> int:
        """Set ``SESS_CACHE_*`` bits and return what was set before."""
        return self._set_session_cache_mode(bits(mode, "mode"))

    def get_session_cache_mode(self) -> int:
        """The ``SESS_CACHE_*`` bits that are set."""
        return int(lib.SSL_CTX_get_session_cache_mode(self.ctx))

    def set_timeout(self, timeout: int) -> int:
        """Set how many seconds (0 to 2**31-1) new sessions can be resumed; return what it was, 7200 by default."""
        return self._set_timeout(integer(timeout, "timeout", 0))

    def get_timeout(self) -> int:
        """How many seconds new sessions can be resumed."""
        return int(lib.SSL_CTX_get_timeout(self.ctx))

    def set_new_session_callback(self, callback: Callable[[Connection, Session], object] | None) -> None:
        """Call ``callback(connection, session)`` for each session that can be resumed later; None for nothing.

        That is the one way for a client to get every ticket of TLS 1.3: they come after the handshake, while it reads.
        A server is not told of what is all in a ticket of TLS 1.2.
        Unless `set_session_cache_mode` was called, it also turns libssl's own cache of sessions on for clients (which
        the callback needs), and lets nothing be stored there: keep the sessions yourself, such as in a `SessionCache`.
        Source: ``SSL_CTX_sess_set_new_cb``; pyOpenSSL has no such method.
        """
        from openssl_bio.pyopenssl._session import Session

        tell = _ignore if callback is None else function(callback)
        self._on_new_session("new_session", lambda connection, core: tell(connection, Session._wrap(core)), callback)

    def set_session_cache(self, cache: SessionCache | None) -> None:
        """Keep the sessions of clients in ``cache``, for `Connection.resume` to take them from; None for nowhere.

        As for `set_new_session_callback`, which may be set as well, libssl's own cache stores nothing then. Sessions
        are kept by the server name or the host to be verified; those of a server without either are not.
        """
        from openssl_bio._core.session_cache import SessionCache

        if not isinstance(cache, SessionCache | None):
            raise TypeError(f"cache must be a SessionCache or None, not {type(cache).__name__}")
        self._use_session_cache(cache)

    def set_ticket_key_callback(self, callback: Callable[[Connection, bytes | None], TicketKey | None]) -> None:
        """Ask ``callback(connection, name)`` for the `TicketKey` of each ticket, in place of `set_ticket_keys`.

        The name is None for the key to seal a new ticket with, or that of the key that sealed the client's. None as the
        answer means that there is no such key: the handshake is a full one, or there is no ticket. What the callback
        raises is raised by the running operation, also ValueError for a key of other lengths.
        """
        from openssl_bio._core.ticket_keys import checked_ticket_key

        ask = function(callback)
        self._on_ticket_key(lambda connection, name: checked_ticket_key(ask(connection, name), name), callback)

    def set_app_data(self, data: Any) -> None:
        """Keep any object with the context."""
        self._app_data = data

    def get_app_data(self) -> Any:
        """What `set_app_data` was given; None by default."""
        return self._app_data


def _ignore(*_arguments: object) -> None:
    """What a callback does that was taken away."""


Context.__module__ = "openssl_bio.SSL"
