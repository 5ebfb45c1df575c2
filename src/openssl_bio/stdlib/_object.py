"""``SSLObject``: one connection over two memory BIOs."""

from __future__ import annotations

import contextlib
import ssl
import sys
import warnings
import weakref
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, cast

from openssl_bio._core._lib import CData, ffi, lib, needs
from openssl_bio._core.bio import ByteBox
from openssl_bio._core.chains import Refusal, refusal_of
from openssl_bio._core.connection import ConnectionCore
from openssl_bio._core.early_data import EarlyData
from openssl_bio._core.engine import INT_MAX
from openssl_bio._core.engines import hot
from openssl_bio._core.errors import VERIFY_FAILED, ErrorRecord, ErrorTable, Outcome, is_verify_failure
from openssl_bio._core.resumption import resume_from_cache
from openssl_bio._core.signatures import signature_name
from openssl_bio._core.views import seen_as
from openssl_bio.stdlib._bio import fitted, transport
from openssl_bio.stdlib._certificates import certificate_dict, der
from openssl_bio.stdlib._ciphers import Cipher, cipher_tuple, ciphers
from openssl_bio.stdlib._constants import CHANNEL_BINDING_TYPES, PROTOCOL_TLS_CLIENT, PROTOCOL_TLS_SERVER
from openssl_bio.stdlib._errors import FACE, IO_ERRORS, SETUP_ERRORS, described
from openssl_bio.stdlib._names import is_address, refuse_unusable
from openssl_bio.stdlib._session import SSLSession
from openssl_bio.stdlib._shadow import shadow

if TYPE_CHECKING:
    from openssl_bio.SSL import Connection
    from openssl_bio.stdlib._bio import MemoryBIO
    from openssl_bio.stdlib._context import SSLContext

__all__ = ["SSLObject"]

_EXPORTER_LABEL = b"EXPORTER-Channel-Binding"  # RFC 9266
_IS_SHUTDOWN = ErrorRecord(
    lib.ERR_LIB_SSL << 23 | lib.SSL_R_PROTOCOL_IS_SHUTDOWN, "SSL routines", "protocol is shutdown"
)


def _check_parameters(
    context: SSLContext, server_side: bool, server_hostname: str | None, session: SSLSession | None
) -> None:
    if server_side:
        if server_hostname:
            raise ValueError("server_hostname can only be specified in client mode")
        if session is not None:
            raise ValueError("session can only be specified in client mode")
    elif context.check_hostname and not server_hostname:
        raise ValueError("check_hostname requires server_hostname")
    wrong = PROTOCOL_TLS_CLIENT if server_side else PROTOCOL_TLS_SERVER
    if context.protocol == wrong:
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


@hot("read", "write", "do_handshake")
class SSLObject(EarlyData, ssl.SSLObject):
    """A TLS connection without input or output of its own: what `SSLContext.wrap_bio` returns.

    Methods that need bytes from the peer raise ``ssl.SSLWantReadError`` until those are in the incoming BIO.
    """

    _errors: ClassVar[ErrorTable] = IO_ERRORS
    _face: ClassVar[str] = FACE
    _servername_alert: ClassVar[int] = lib.SSL_AD_HANDSHAKE_FAILURE

    _context: SSLContext
    _server_side: bool
    _server_hostname: str | None
    _owner: weakref.ref[Any]
    _is_end_told = False  # read() has returned that there is no more

    def __init__(self, *_arguments: Any, **_options: Any) -> None:
        raise TypeError(
            f"{type(self).__name__} does not have a public constructor. "
            "Instances are returned by SSLContext.wrap_bio()."
        )

    @classmethod
    def _create(  # noqa: PLR0917 - as in the original
        cls,
        incoming: MemoryBIO | ssl.MemoryBIO,
        outgoing: MemoryBIO | ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | None = None,
        session: SSLSession | None = None,
        context: SSLContext | None = None,
    ) -> SSLObject:
        """What `SSLContext.wrap_bio` calls; the name is in A-labels."""
        assert context is not None
        bios = transport(incoming, "incoming"), transport(outgoing, "outgoing")
        return cls._connect(context, *bios, server_side, server_hostname, session, None)

    @classmethod
    def _connect(  # noqa: PLR0917 - all of them are always given
        cls,
        context: SSLContext,
        incoming: CData | ByteBox | None,
        outgoing: CData | ByteBox | None,
        server_side: bool,
        server_hostname: str | None,
        session: SSLSession | None,
        owner: object,
    ) -> SSLObject:
        """A connection over these BIOs, or memory of its own; ``owner`` is what callbacks are given for it."""
        _check_parameters(context, server_side, server_hostname, session)
        self = cls.__new__(cls)
        self._server_side = bool(server_side)
        self._server_hostname = server_hostname
        self._owner = weakref.ref(self if owner is None else owner)
        ConnectionCore.__init__(self, context, incoming, outgoing)
        self._set_role(server=self._server_side)
        if server_hostname is not None:
            self._configure_hostname(server_hostname)
        self._configure_post_handshake()
        if session is not None:
            self.session = session
        elif not server_side:
            resume_from_cache(self)
        return self

    def _peer_name(self) -> str | None:
        return self._server_hostname

    def _configure_hostname(self, name: str) -> None:
        refuse_unusable(name)
        if not is_address(name):
            self._set_server_name(name.encode("ascii"))
        if self.context.check_hostname:
            self._set_verify_host(name, self.context._host_flags_in_use)

    def _configure_post_handshake(self) -> None:
        if not self.context.post_handshake_auth:
            return
        with self._guard:
            if not self._server_side:
                lib.SSL_set_post_handshake_auth(self.ssl, 1)
                return
            mode = lib.SSL_get_verify_mode(self.ssl)
            if mode & lib.SSL_VERIFY_PEER:
                lib.SSL_set_verify(self.ssl, mode | lib.SSL_VERIFY_POST_HANDSHAKE, ffi.NULL)

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

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
        error.verify_depth, error.verify_name = refusal.depth, refusal.name
        error.verify_chain = [der(certificate) for certificate in refusal.chain]
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
        count = self._write(data)
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
        from openssl_bio.stdlib._context import SSLContext

        if not isinstance(ctx, SSLContext):
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
        return None if core is None else SSLSession._wrap(core)

    @session.setter  # type: ignore[override]
    def session(self, session: SSLSession) -> None:
        if not isinstance(session, SSLSession):
            raise TypeError("Value is not a SSLSession.")
        if session._core.context not in (None, self._context):
            raise ValueError("Session refers to a different SSLContext.")
        if self._server_side:
            raise ValueError("Cannot set session for server-side SSLSocket.")
        if self._is_finished():
            raise ValueError("Cannot set session after handshake.")
        # What was verified less than is demanded now is not resumed: the handshake will be a full one.
        with contextlib.suppress(ValueError):
            self._set_session(session._core)

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

    # -- certificates -----------------------------------------------------------------------------------------------

    def getpeercert(self, binary_form: bool = False) -> Any:
        """The peer's certificate as a dict, or in DER.

        None if there is none; {} instead of a dict if it was not verified; ValueError before the end of the handshake.
        """
        if not self._is_finished():
            raise ValueError("handshake not done yet")
        certificate = self._peer_certificate()
        if certificate is None:
            return None
        if binary_form:
            return der(certificate)
        verified = self._get(lib.SSL_get_verify_mode) & lib.SSL_VERIFY_PEER
        return certificate_dict(certificate) if verified else {}

    def get_verified_chain(self) -> list[bytes]:
        """The chain that verification built, in DER; [] if there is none."""
        return [der(certificate) for certificate in self._chain(lib.SSL_get0_verified_chain) or []]

    def get_unverified_chain(self) -> list[bytes]:
        """What the peer sent, in DER, its own certificate first; [] if it sent none."""
        chain = self._chain(lib.SSL_get_peer_cert_chain)
        own = self._peer_certificate() if self._server_side else None
        return [der(certificate) for certificate in ([own] if own is not None else []) + (chain or [])]

    # -- what was negotiated ----------------------------------------------------------------------------------------

    def version(self) -> str | None:
        """The protocol version, such as ``TLSv1.3``, or None before the end of the handshake."""
        return (self._get_text(lib.SSL_get_version) or b"").decode() if self._is_finished() else None

    def cipher(self) -> Cipher | None:
        """The cipher in use: its name, the protocol it belongs to, its secret bits; None before there is one."""
        found: Cipher | None = self._get_cipher(cipher_tuple)
        return found

    def shared_ciphers(self) -> list[Cipher] | None:
        """On a server, those of its ciphers that the client offered; None on a client."""
        with self._guard:
            ours, theirs = lib.SSL_get_ciphers(self.ssl), lib.SSL_get_client_ciphers(self.ssl)
            if ffi.NULL in (ours, theirs):
                return None
            offered = {lib.SSL_CIPHER_get_id(cipher) for cipher in ciphers(theirs)}
            return [cipher_tuple(cipher) for cipher in ciphers(ours) if lib.SSL_CIPHER_get_id(cipher) in offered]

    def compression(self) -> str | None:
        """The compression in use, or None."""
        with self._guard:
            method = lib.SSL_get_current_compression(self.ssl)
            return None if method == ffi.NULL else ffi.string(lib.SSL_COMP_get_name(method)).decode()

    def selected_alpn_protocol(self) -> str | None:
        """The protocol that ALPN chose, or None."""
        return self._selected(lib.SSL_get0_alpn_selected).decode("ascii") or None

    def selected_npn_protocol(self) -> str | None:
        """The protocol that NPN chose on TLS 1.2, or None; DeprecationWarning."""
        warnings.warn("ssl NPN is deprecated, use ALPN instead", DeprecationWarning, stacklevel=2)
        if not hasattr(lib, "SSL_get0_next_proto_negotiated"):
            return None
        return self._selected_npn().decode("ascii", "replace") or None

    def group(self) -> str | None:
        """The group of the key exchange, such as ``x25519``, or None before it."""
        return self._get_group()

    @needs("SSL_get0_peer_signature_name", "OpenSSL 3.5")
    def client_sigalg(self) -> str | None:
        """What the client signed with to prove its certificate, or None."""
        return self._signature_name(of_peer=self._server_side)

    @needs("SSL_get0_peer_signature_name", "OpenSSL 3.5")
    def server_sigalg(self) -> str | None:
        """What the server signed with to prove its certificate, or None."""
        return self._signature_name(of_peer=not self._server_side)

    def _signature_name(self, *, of_peer: bool) -> str | None:
        with self._guard:
            return signature_name(self.ssl, of_peer=of_peer)

    def get_channel_binding(self, cb_type: str = "tls-unique") -> bytes | None:
        """Bytes that both ends of this connection share, and no other connection has; None before the handshake.

        ``tls-unique`` (RFC 5929) up to TLS 1.2, ``tls-exporter`` (RFC 9266) on TLS 1.3. ValueError for other types,
        and for a type that the version in use has no meaning for.
        """
        if cb_type not in CHANNEL_BINDING_TYPES:
            raise ValueError(f"{cb_type!r} channel binding type not implemented")
        if not self._is_finished():
            return None
        is_new = self._get(lib.SSL_version) >= lib.TLS1_3_VERSION
        if is_new and cb_type == "tls-unique":
            raise ValueError("tls-unique is not defined for TLS 1.3 (RFC 9266): use tls-exporter")
        if not is_new and cb_type == "tls-exporter":
            raise ValueError("tls-exporter is for TLS 1.3: use tls-unique")
        if is_new:
            return self._export(_EXPORTER_LABEL, 32, b"")
        # Whose Finished message came first: the client's, or on resumption the server's.
        ours = self.session_reused == self._server_side
        return self._get_bytes(lib.SSL_get_finished if ours else lib.SSL_get_peer_finished) or None

    def _is_finished(self) -> bool:
        return bool(self._get(lib.SSL_is_init_finished))


shadow(SSLObject, ssl.SSLObject)
