"""``SSLObject``: one connection over two memory BIOs."""

from __future__ import annotations

import ssl
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from openssl_bio._core._lib import ffi, lib
from openssl_bio._core.chains import Refusal, refusal_of
from openssl_bio._core.engines import hot
from openssl_bio._core.errors import VERIFY_FAILED, ErrorRecord, ErrorTable, Outcome, is_verify_failure
from openssl_bio._core.guard import AsMade
from openssl_bio._core.late import LateModule
from openssl_bio._core.pointers import INT_MAX
from openssl_bio._core.verification import Demand
from openssl_bio._core.views import seen_as
from openssl_bio.stdlib._bio import BIOS, MemoryBIO, fitted, refuse_unless_bio
from openssl_bio.stdlib._callbacks import Callbacks
from openssl_bio.stdlib._certificates import der
from openssl_bio.stdlib._ciphers import cipher_dict, ciphers
from openssl_bio.stdlib._constants import CERT_NONE, CERT_REQUIRED, PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER
from openssl_bio.stdlib._errors import FACE, IO_ERRORS, SETUP_ERRORS, described
from openssl_bio.stdlib._key_files import KeyFiles
from openssl_bio.stdlib._names import encoded_hostname, is_address, refuse_unusable
from openssl_bio.stdlib._negotiated import Negotiated
from openssl_bio.stdlib._settings import Settings
from openssl_bio.stdlib._shadow import shadow
from openssl_bio.stdlib._stapling import Stapling

if TYPE_CHECKING:
    from openssl_bio._core import resumption
    from openssl_bio._core.context import ContextCore, Generation
    from openssl_bio._core.session import SessionCore
    from openssl_bio._core.trust_store import TrustStore
    from openssl_bio.SSL import Connection
    from openssl_bio.stdlib import _context as contexts
    from openssl_bio.stdlib import _session as sessions
    from openssl_bio.stdlib._context import SSLContext
    from openssl_bio.stdlib._session import SSLSession
else:
    contexts = LateModule("openssl_bio.stdlib._context")
    resumption = LateModule("openssl_bio._core.resumption")
    sessions = LateModule("openssl_bio.stdlib._session")

__all__ = ["SSLObject"]


_IS_SHUTDOWN = ErrorRecord(
    lib.ERR_LIB_SSL << 23 | lib.SSL_R_PROTOCOL_IS_SHUTDOWN, "SSL routines", "protocol is shutdown"
)


def _check_client_parameters(server_hostname: str | None, session: SSLSession | None) -> None:
    """ValueError on the server's side, where neither has a meaning."""
    if server_hostname:
        raise ValueError("server_hostname can only be specified in client mode")
    if session is not None:
        raise ValueError("session can only be specified in client mode")


def _refuse_side(server_side: bool, wrong: ssl._SSLMethod) -> NoReturn:
    side = "server" if server_side else "client"
    raise described(ssl.SSLError, 0, None, f"Cannot create a {side} socket with a {wrong.name} context")


def _writable(buffer: Any) -> memoryview:
    try:
        view = memoryview(buffer)
    except ValueError as error:  # a view that was released
        raise TypeError(str(error)) from error
    if view.readonly or not view.c_contiguous:
        raise TypeError(f"read() argument 2 must be read-write bytes-like object, not {type(buffer).__name__}")
    return view


@hot(
    *("read", "write", "do_handshake", "pending"),
    *("version", "cipher", "compression", "selected_alpn_protocol"),
    *("getpeercert", "get_verified_chain", "get_unverified_chain"),
)
class SSLObject(Settings, Callbacks, Stapling, KeyFiles, Negotiated, ssl.SSLObject):
    """A TLS connection without input or output of its own: what `SSLContext.wrap_bio` returns.

    Methods that need bytes from the peer raise ``ssl.SSLWantReadError`` until those are in the incoming BIO.

    What can be set on a context can be set on one connection by the same names, where libssl has it for one: it starts
    with what its context had, and its settings are its own until its handshake begins. A setter raises ValueError then,
    except in the callback for the ClientHello (`set_client_hello_callback`).
    """

    _errors: ClassVar[ErrorTable] = IO_ERRORS
    _face: ClassVar[str] = FACE
    _servername_alert: ClassVar[int] = lib.SSL_AD_HANDSHAKE_FAILURE

    _context: SSLContext
    _server_side: bool
    _server_hostname: str | None
    _post_handshake_auth = False
    if not TYPE_CHECKING:  # what `_create` sets
        _server_side, _server_hostname = AsMade(lambda _: False), AsMade(lambda _: None)
    _is_end_told = False  # read() has returned that there is no more

    def __init__(self, *_arguments: Any, **_options: Any) -> None:
        raise TypeError(
            f"{type(self).__name__} does not have a public constructor. "
            "Instances are returned by SSLContext.wrap_bio()."
        )

    @classmethod
    def _create(  # noqa: PLR0917 - as in the original
        cls,
        incoming: MemoryBIO | ssl.MemoryBIO | None,
        outgoing: MemoryBIO | ssl.MemoryBIO | None,
        server_side: bool = False,
        server_hostname: str | None = None,
        session: SSLSession | None = None,
        context: SSLContext | None = None,
        owner: object = None,
    ) -> SSLObject:
        """What `SSLContext.wrap_bio` calls; the name is in A-labels.

        An ``owner`` is what callbacks are given for the connection, which then may have memory of its own.
        """
        assert context is not None
        if owner is None and not (type(incoming) is type(outgoing) in BIOS):
            refuse_unless_bio(incoming, "incoming")
            refuse_unless_bio(outgoing, "outgoing")
        if server_side:
            _check_client_parameters(server_hostname, session)
        elif context.check_hostname and not server_hostname:
            raise ValueError("check_hostname requires server_hostname")
        wrong = PROTOCOL_TLS_CLIENT if server_side else PROTOCOL_TLS_SERVER
        if context._protocol is wrong:
            _refuse_side(server_side, wrong)
        self = cls.__new__(cls)
        if owner is not None:
            self._owner = weakref.ref(owner)  # type: ignore[method-assign]
        self._set_up(context, incoming, outgoing)
        if server_side:
            self._server_side = True
            self._become_server()
        else:
            self._become_client()
        if server_hostname is not None:
            self._server_hostname = server_hostname
            self._configure_hostname(server_hostname, context)
        if context._post_handshake_auth:
            self._post_handshake_auth = True
            self._configure_post_handshake()
        if session is not None:
            self._offer(session)
        elif not server_side and context._session_cache is not None:
            self._resume_from_cache()
        return self

    def _begin_with(self, server_hostname: str) -> None:
        """Be a client of this server, as a new client of no other."""
        self._server_hostname = name = encoded_hostname(server_hostname)
        assert name is not None
        self._configure_hostname(name, self._context)

    def _resume_from_cache(self) -> None:
        """As a client, offer a session of the context's cache, if it has one."""
        if not self._server_side and self._context._session_cache is not None:
            resumption.resume_from_cache(self)

    def _owner(self) -> Any:
        """What callbacks are given for this connection: itself, or the socket that has it."""
        return self

    def _peer_name(self) -> str | None:
        return self._server_hostname

    def _configure_hostname(self, name: str, context: SSLContext) -> None:
        """As a new client of a context, send the name unless it is an address, and verify it if the context says so."""
        verify, flags = bool(context.check_hostname), context._host_flags_in_use
        if self._name_server(name, True, verify, flags):
            if verify:
                self._demand = self._generation.demand_for(name)
            return
        refuse_unusable(name)
        if not is_address(name):
            self._set_server_name(name.encode("ascii"))
        if verify:
            self._set_verify_host(name, flags)

    def _configure_post_handshake(self) -> None:
        wanted = self._post_handshake_auth
        with self._guard:
            if not self._server_side:
                lib.SSL_set_post_handshake_auth(self.ssl, wanted)
                return
            mode = lib.SSL_get_verify_mode(self.ssl)
            if mode & lib.SSL_VERIFY_PEER:
                later = lib.SSL_VERIFY_POST_HANDSHAKE
                lib.SSL_set_verify(self.ssl, mode | later if wanted else mode & ~later, ffi.NULL)

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    # -- settings of this connection alone --------------------------------------------------------------------------

    def _to_set(self, name: str) -> SSLObject:
        begun = self._guard.busy or not self._get(lib.SSL_in_before)
        if begun and not self._is_told_client_hello:
            raise ValueError(f"Cannot set {name} after the handshake has begun.")
        return self

    def _to_get(self) -> SSLObject:
        return self

    @property
    def _protocol_in_use(self) -> ssl._SSLMethod:
        return self.context.protocol

    def _is_only(self, side: ssl._SSLMethod) -> bool:
        return self._server_side == (side == PROTOCOL_TLS_SERVER)

    def _set_verify(self, mode: int, callback: Callable[..., Any] | None, value: object) -> None:
        super()._set_verify(mode, callback, value)
        self._configure_post_handshake()

    def _refuse_session(self, demand: Demand, context: ContextCore, generation: Generation) -> None:
        try:
            super()._refuse_session(demand, context, generation)
        except ValueError:
            if self._resumes is None or not lib.SSL_in_before(self.ssl):
                raise
            self._forget_session()  # the handshake will be a full one, as when the session is set later

    def use_trust_store(self, store: TrustStore) -> None:
        """Trust what an `openssl_bio.TrustStore` does now, in place of what the context does; TypeError if it is none.

        Its certificates are not copied. Sessions are resumed by connections alone that trust the same store.
        """
        self._to_set("the trust store")
        super().use_trust_store(store)
        if self._resumes is None:
            self._resume_from_cache()

    @property
    def check_hostname(self) -> bool:
        """The server's certificate must be for `server_hostname`; setting it demands a certificate.

        ValueError if there is no `server_hostname`.
        """
        return self._demand.host is not None

    @check_hostname.setter
    def check_hostname(self, value: object) -> None:
        target = self._to_set("check_hostname")
        if not value:
            target._unset_verify_host()
            return
        if self._server_hostname is None:
            raise ValueError("check_hostname requires server_hostname")
        if self._present_verify_mode() == CERT_NONE:
            self._use_verify_mode(CERT_REQUIRED)
        target._set_verify_host(self._server_hostname, self.context._host_flags_in_use)

    @property
    def post_handshake_auth(self) -> bool:
        """A TLS 1.3 server may ask for the client's certificate later (`verify_client_post_handshake`)."""
        return self._post_handshake_auth

    @post_handshake_auth.setter
    def post_handshake_auth(self, value: object) -> None:
        self._to_set("post_handshake_auth")._post_handshake_auth = bool(value)
        self._configure_post_handshake()

    @property
    def security_level(self) -> int:
        """OpenSSL's security level, 0 to 5; it is set by ``@SECLEVEL=`` in `set_ciphers`."""
        return self._get_security_level()

    def get_ciphers(self) -> list[dict[str, Any]]:
        """The ciphers that may be negotiated, best first."""
        with self._guard:
            return [cipher_dict(cipher) for cipher in ciphers(lib.SSL_get_ciphers(self.ssl))]

    # -- errors -----------------------------------------------------------------------------------------------------

    def _exception(self, outcome: Outcome) -> BaseException:
        error = super()._exception(outcome)
        if isinstance(error, ssl.SSLCertVerificationError):
            return self._verify_error(outcome)
        return error

    def _verify_error(self, outcome: Outcome) -> BaseException:
        """The exception for a refused certificate, which says why."""
        record = next(record for record in reversed(outcome.records) if is_verify_failure(record))
        return self._refusal_error(refusal_of(self), record)

    def _refusal_error(self, refusal: Refusal, record: ErrorRecord = VERIFY_FAILED) -> ssl.SSLCertVerificationError:
        """What says why a chain is refused."""
        code = refusal.code
        if code == lib.X509_V_ERR_HOSTNAME_MISMATCH:
            message = f"Hostname mismatch, certificate is not valid for '{self._server_hostname}'."
        elif code == lib.X509_V_ERR_IP_ADDRESS_MISMATCH:
            message = f"IP address mismatch, certificate is not valid for '{self._server_hostname}'."
        else:
            message = refusal.message
        error: Any = described(ssl.SSLCertVerificationError, 1, record, record.reason, f": {message}")
        error.verify_code, error.verify_message = code, message
        # What Python's has not: how far from the peer's own certificate, which name was verified, what was sent.
        error.depth, error.name = refusal.depth, refusal.name
        error.chain = [der(certificate) for certificate in refusal.chain]
        assert isinstance(error, ssl.SSLCertVerificationError)
        return error

    # -- moving bytes -----------------------------------------------------------------------------------------------

    def do_handshake(self) -> None:
        """Go on with the handshake; nothing happens after its end."""
        self._handshake()

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """Up to ``len`` bytes of plaintext, or with a buffer, the number of bytes that are in it now.

        b"" or 0 after a close_notify of the peer; ``ssl.SSLZeroReturnError`` if ours was sent too, and
        ``ssl.SSLEOFError`` if the bytes end without one.
        """
        size = fitted(len, sys.maxsize)
        if buffer is not None:
            return self._read_buffer(size, buffer)
        if size <= 0:
            if size < 0:
                raise ValueError("size should not be negative")
            return b""
        try:
            return self._read(size)
        except ssl.SSLZeroReturnError:
            if not self._tells_end():
                raise
            return b""

    def _read_buffer(self, size: int, buffer: bytearray | memoryview) -> int:
        view = _writable(buffer)
        room = view.nbytes
        if room == 0:
            return 0
        if room > INT_MAX and not 0 < size <= INT_MAX:
            raise OverflowError("maximum length can't fit in a C 'int'")
        try:
            return self._read_into(view, size if 0 < size < room else room)
        except ssl.SSLZeroReturnError:
            if not self._tells_end():
                raise
            return 0

    def _tells_end(self) -> bool:
        """Whether the peer alone has closed, which `read` tells without raising; noted, since it was told now."""
        self._is_end_told = self._has_peer_closed()
        return self._is_end_told

    def _has_peer_closed(self) -> bool:
        return bool(self._get(lib.SSL_get_shutdown) == lib.SSL_RECEIVED_SHUTDOWN)

    def write(self, data: Any) -> int:
        """Seal all of ``data``, and return how many bytes that is; without any, go on with the handshake alone."""
        count = self._write_or_gather(data)
        if not count:
            if self._get(lib.SSL_get_shutdown) & lib.SSL_SENT_SHUTDOWN:
                raise described(ssl.SSLError, 1, _IS_SHUTDOWN, _IS_SHUTDOWN.reason)
            self._handshake()
        return count

    def pending(self) -> int:
        """How many decrypted bytes wait to be read.

        1 if it is the peer's close_notify that waits, which came with the data of the last `read`: event loops read
        only while there is something in the BIO or here.
        """
        waiting = self._pending_bytes()
        return waiting or int(not self._is_end_told and self._has_peer_closed())

    def unwrap(self) -> None:
        """Send close_notify, and wait for the peer's: ``ssl.SSLWantReadError`` until it is there."""
        self._uncork()
        if not self._shutdown():
            self._shutdown()

    def verify_client_post_handshake(self) -> None:
        """Ask a TLS 1.3 client for its certificate; the next write sends that, the next read takes the answer."""
        with self._guard:
            SETUP_ERRORS.check(lib.SSL_verify_client_post_handshake(self.ssl), "SSL_verify_client_post_handshake")

    # -- the connection ---------------------------------------------------------------------------------------------

    @property  # type: ignore[override]  # ours alone
    def context(self) -> SSLContext:
        """The context in use; another may be set, such as by a server name callback."""
        return cast("SSLContext", seen_as(self._context, FACE))

    @context.setter
    def context(self, ctx: SSLContext) -> None:
        if not isinstance(ctx, contexts.SSLContext):
            raise TypeError("The value must be a SSLContext")
        self._set_context(ctx)

    @property
    def connection(self) -> Connection:
        """The same connection as an `SSL.Connection`, for what Python's ``ssl`` has no name for.

        Either may be used at any time, from any thread, and raises its own face's exceptions; whichever is left keeps
        the connection. Ciphertext goes through the two BIOs: ``bio_write()`` and ``bio_read()`` use them, too. Its
        ``get_context()`` gives `context` as an `SSL.Context`, and its ``ssl_object`` this object.
        """
        return cast("Connection", seen_as(self, "pyopenssl"))

    @property
    def server_side(self) -> bool:
        """This is the server's end."""
        return self._server_side

    @property
    def server_hostname(self) -> str | None:
        """The server's name as it was sent and verified (A-labels), or None."""
        return self._server_hostname

    @property  # type: ignore[override]  # ours alone
    def session(self) -> SSLSession | None:
        """The session, a new object each time, or None.

        One of the same context, or of `SSLSession.from_bytes`, can be set before a handshake. It is not offered if what
        this connection demands of the server was not verified with it; the handshake is a full one then.
        """
        core = self._get_session()
        return None if core is None else sessions.SSLSession._wrap(core)

    @session.setter  # type: ignore[override]
    def session(self, session: SSLSession) -> None:
        core = self._resumable(session)
        if self._server_side:
            raise ValueError("Cannot set session for server-side SSLSocket.")
        if self._is_finished():
            raise ValueError("Cannot set session after handshake.")
        self._to_set("session")
        self._offer_core(core)

    def _resumable(self, session: object) -> SessionCore:
        if not isinstance(session, sessions.SSLSession):
            raise TypeError("Value is not a SSLSession.")
        if session._core.context not in (None, self._context):
            raise ValueError("Session refers to a different SSLContext.")
        return session._core

    def _offer(self, session: object) -> None:
        """As a new client, offer a session, if it will do."""
        self._offer_core(self._resumable(session))

    def _offer_core(self, session: SessionCore) -> None:
        try:
            self._set_session(session)
        except ValueError:  # what was verified less than is demanded now is not resumed: the handshake is a full one
            return

    @property
    def session_reused(self) -> bool:
        """The handshake resumed a session."""
        return bool(self._get(lib.SSL_session_reused))

    def write_early_data(self, data: Any) -> int:
        """As a TLS 1.3 client, send data with the first flight, before the handshake; returns how many bytes.

        It needs a session to resume whose ``max_early_data`` is large enough; ValueError otherwise. Whoever records
        early data can send it again, and it has no forward secrecy: send nothing that must not happen twice. Go on with
        `do_handshake`; if `early_data_status` is "rejected" then, the server has seen none of it. Python's ssl has no
        such method.
        """
        return self._write_early_data(data)

    def read_early_data(self, len: int = 1024) -> bytes:
        """As a TLS 1.3 server, up to ``len`` bytes (1 or more) of early data; b"" when there are no more.

        Call it before `do_handshake`, until it returns b""; a server that does not, rejects early data. It raises
        ``ssl.SSLWantReadError`` while it needs more, and the context's ``max_early_data`` must allow it.
        """
        if len < 1:
            raise ValueError("len must be 1 or more")
        return self._read_early_data(len)

    @property
    def early_data_status(self) -> str:
        """What became of early data: "accepted", "rejected", or "not sent"."""
        return self._early_data_status()

    def new_session_ticket(self) -> None:
        """Send one session ticket more to a TLS 1.3 client (``SSL_new_session_ticket``); Python's ssl cannot.

        ``ssl.SSLError`` if this is no TLS 1.3 server, or before the handshake is over.
        """
        self._new_session_ticket()
        self._handshake()


shadow(SSLObject, ssl.SSLObject)
