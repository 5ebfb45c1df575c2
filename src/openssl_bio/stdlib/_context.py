"""``SSLContext``: what connections are made from."""

from __future__ import annotations

import socket
import ssl
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from openssl_bio._core._lib import CData, ffi, lib
from openssl_bio._core.engines import Plain, hot, maker
from openssl_bio._core.errors import ErrorTable, clean_queue
from openssl_bio._core.pointers import BytesLike
from openssl_bio._core.settings import SettingsCore
from openssl_bio._core.verification import HOST_FLAGS
from openssl_bio.stdlib import _constants as c
from openssl_bio.stdlib._bio import MemoryBIO, octets, prepend, refuse_ended
from openssl_bio.stdlib._callbacks import Callbacks
from openssl_bio.stdlib._ciphers import cipher_dict, ciphers
from openssl_bio.stdlib._errors import FACE, SETUP_ERRORS
from openssl_bio.stdlib._files import FileSettings
from openssl_bio.stdlib._key_files import KeyFiles
from openssl_bio.stdlib._names import HostName, encoded_hostname, refuse_unusable
from openssl_bio.stdlib._object import SSLObject
from openssl_bio.stdlib._session_settings import SessionSettings
from openssl_bio.stdlib._settings import ONE_VERSION, Settings, integer, protocol_names
from openssl_bio.stdlib._shadow import shadow
from openssl_bio.stdlib._socket import SocketObject, SSLSocket
from openssl_bio.stdlib._stapling import Stapling

if TYPE_CHECKING:
    from openssl_bio._core.context import Generation

__all__ = ["SSLContext"]

# Protocol: its function in libssl, and the one version that it allows.
_PROTOCOLS: dict[int, tuple[Callable[[], CData], int]] = {
    c.PROTOCOL_TLS: (lib.TLS_method, 0),
    c.PROTOCOL_TLS_CLIENT: (lib.TLS_client_method, 0),
    c.PROTOCOL_TLS_SERVER: (lib.TLS_server_method, 0),
    **{protocol: (lib.TLS_method, version) for protocol, version in ONE_VERSION.items()},
}
_DEFAULT_OPTIONS = (
    (lib.SSL_OP_ALL & ~lib.SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS)
    | lib.SSL_OP_NO_SSLv2
    | lib.SSL_OP_NO_SSLv3
    | lib.SSL_OP_NO_COMPRESSION
    | lib.SSL_OP_CIPHER_SERVER_PREFERENCE
    | lib.SSL_OP_SINGLE_DH_USE
    | lib.SSL_OP_SINGLE_ECDH_USE
)
_SESSION_ID_CONTEXT = b"Python"  # as Python's own servers have, which may share tickets with ours


@hot("wrap_bio")
class SSLContext(Settings, Callbacks, Stapling, KeyFiles, SessionSettings, FileSettings, ssl.SSLContext):  # type: ignore[misc]  # wider arguments
    """Settings of TLS connections, as in Python's ``ssl``.

    ``protocol`` is one of ``PROTOCOL_TLS_CLIENT``, which verifies by default, ``PROTOCOL_TLS_SERVER`` and the
    deprecated ones.  ValueError for one that libssl lacks.

    A context may be changed at any time: later connections see the change, those that exist do not.
    """

    _errors: ClassVar[ErrorTable] = SETUP_ERRORS
    _face: ClassVar[str] = FACE
    # Some public keys are refused whoever vouches for them, as in Python since 3.15.2.
    _certificate_check: ClassVar[CData] = lib.obio_denylist_callback()

    sslobject_class: type[SSLObject] = SSLObject
    sslsocket_class: type[SSLSocket] = SSLSocket

    def __new__(cls, protocol: int | None = None, *_arguments: Any, **_options: Any) -> SSLContext:
        """Make the whole context: subclasses may have an ``__init__`` of their own that calls no other."""
        if protocol is None:
            warnings.warn("ssl.SSLContext() without protocol argument is deprecated.", DeprecationWarning, stacklevel=2)
            protocol = c.PROTOCOL_TLS
        if protocol not in _PROTOCOLS:
            raise ValueError(f"invalid or unsupported protocol version {protocol}")
        name = ssl._SSLMethod(protocol)
        if name not in (c.PROTOCOL_TLS_CLIENT, c.PROTOCOL_TLS_SERVER):
            warnings.warn(f"ssl.{name.name} is deprecated", DeprecationWarning, stacklevel=2)
        # Python's own part is never configured, and never used: as a client it would trust nobody.
        self: SSLContext = super().__new__(cls, c.PROTOCOL_TLS_CLIENT)
        self._prepare(name)
        return self

    def __init__(self, protocol: int | None = None, *_arguments: Any, **_options: Any) -> None:
        """``__new__`` does it all."""

    def _prepare(self, protocol: ssl._SSLMethod) -> None:
        # Where a class inherits from one in C, as Python's does, Python 3.11 finds an attribute ten times as fast in a
        # dict that it did not make itself: that one shares its keys, which is not a case it has a fast way for.
        self.__dict__ = {}
        make, version = _PROTOCOLS[protocol]
        mode = lib.SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | lib.SSL_MODE_RELEASE_BUFFERS
        SettingsCore.__init__(self, make(), version, version, mode)
        self._protocol = protocol
        self._check_hostname = False
        self._host_flags_in_use: int = HOST_FLAGS
        self._post_handshake_auth = False
        self._set_session_id_context(_SESSION_ID_CONTEXT)
        self._add_options(_DEFAULT_OPTIONS)
        self._set_verify_flags(self._get_verify_flags() | lib.X509_V_FLAG_TRUSTED_FIRST)
        self._set_ciphers(c._DEFAULT_CIPHERS.encode())
        if not version:
            self._set_min_version(lib.TLS1_2_VERSION)
        if protocol == c.PROTOCOL_TLS_CLIENT:
            self._use_check_hostname(True)

    def __reduce_ex__(self, _protocol: object) -> Any:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    @property
    def protocol(self) -> ssl._SSLMethod:  # type: ignore[override]  # typeshed has an int that can be set
        """What the context was made with."""
        return self._protocol

    # -- connections ------------------------------------------------------------------------------------------------

    def _new_maker(self, generation: Generation) -> Any:
        if self._post_handshake_auth or self._session_cache is not None:
            return None
        # A subclass may say for itself whether names are checked, and set something when it is asked for its class.
        if _defined(self, "check_hostname") is not _CHECK_HOSTNAME:
            return None
        if not isinstance(_defined(self, "sslobject_class"), type):
            return None
        plain = Plain.CLIENTS if self._protocol is not c.PROTOCOL_TLS_SERVER else 0
        plain |= Plain.SERVERS if self._protocol is not c.PROTOCOL_TLS_CLIENT else 0
        plain |= 0 if self._check_hostname else Plain.WITHOUT_NAME
        return maker(self, generation, SSLObject._errors, (SSLObject, MemoryBIO, plain))

    def wrap_bio(
        self,
        incoming: MemoryBIO | ssl.MemoryBIO,
        outgoing: MemoryBIO | ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: HostName | None = None,
        session: Any = None,
        *,
        initial: BytesLike = b"",
    ) -> SSLObject:
        """A connection that reads ciphertext from one BIO and writes it to the other.

        The BIOs are of ours, or Python's. ``server_hostname`` is a DNS name or an IP address, str or bytes, or an
        address of ``ipaddress``. ``initial`` is what was read from the transport already and belongs to TLS, as after
        an upgrade: it is put in front of what ``incoming`` has. ValueError for arguments that are for the other side,
        and where the context is to check a host name and none is given; ``ssl.SSLError`` for ``initial`` bytes where
        ``incoming`` is Python's and has ended. After an exception ``incoming`` has what it had.
        """
        early = initial if type(initial) is bytes else octets(initial, "initial")
        if early:
            refuse_ended(incoming)
        name = None if server_hostname is None else encoded_hostname(server_hostname)
        connection = self.sslobject_class._create(  # by names as in Python, for subclasses that have their own
            incoming, outgoing, server_side=server_side, server_hostname=name, session=session, context=self
        )
        if early:
            prepend(incoming, early)
        return connection

    def wrap_socket(  # noqa: PLR0917 - as in the original
        self,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: HostName | None = None,
        session: Any = None,
        *,
        initial: BytesLike = b"",
    ) -> SSLSocket:
        """A connection over a stream socket, which it takes over; ``sock`` itself is left without one.

        ``server_hostname`` and ``initial`` are as in `wrap_bio`; with ``initial`` the socket has to be connected,
        OSError otherwise. A name that is refused closes the socket.
        """
        early = octets(initial, "initial")
        try:
            name = encoded_hostname(server_hostname)
            if name and not server_side:
                refuse_unusable(name)
        except BaseException:
            sock.close()  # as in Python 3.13: who gives a socket away need not close it
            raise
        if early:
            sock.getpeername()
        wrapped = self.sslsocket_class._create(
            sock=sock,
            server_side=server_side,
            do_handshake_on_connect=do_handshake_on_connect and not early,
            suppress_ragged_eofs=suppress_ragged_eofs,
            server_hostname=name,
            context=self,
            session=session,
        )
        if early:
            wrapped._begin_with(early, do_handshake_on_connect)
        return wrapped

    def _wrap_socket(
        self,
        sock: SSLSocket,
        server_side: bool,
        server_hostname: str | None = None,
        *,
        owner: SSLSocket | None = None,
        session: Any = None,
    ) -> SocketObject:
        """What Python's ``SSLSocket`` calls for its ``_sslobj``, and gevent's with a socket that knows its own.

        Callbacks are given the ``owner``, or without one ``sock``.
        """
        name = encoded_hostname(server_hostname)
        owner = getattr(owner, "_sslsock", lambda: owner)()
        connection = SSLObject._create(None, None, server_side, name, session, self, sock if owner is None else owner)
        return SocketObject(sock, connection)

    def _encode_hostname(self, hostname: HostName | None) -> str | None:
        return encoded_hostname(hostname)

    # -- what is set on a context -----------------------------------------------------------------------------------

    def _to_set(self, name: str) -> SSLContext:
        return self

    def _to_get(self) -> SSLContext:
        return self

    @property
    def _protocol_in_use(self) -> ssl._SSLMethod:
        return self._protocol

    def _is_only(self, side: ssl._SSLMethod) -> bool:
        return self._protocol == side

    # -- verification -----------------------------------------------------------------------------------------------

    @property
    def check_hostname(self) -> bool:
        """The server's certificate must be for the name given to `wrap_bio`; setting it demands a certificate."""
        return self._check_hostname

    @check_hostname.setter
    def check_hostname(self, value: object) -> None:
        self._use_check_hostname(bool(value))

    def _use_check_hostname(self, wanted: bool) -> None:
        """Not by way of the properties: subclasses may have their own, which need what their ``__init__`` makes."""
        if wanted and self._present_verify_mode() == c.CERT_NONE:
            self._use_verify_mode(c.CERT_REQUIRED)
        with self._guard:
            self._set("check_hostname", wanted, lambda _ctx: None, trust=True)
            self._check_hostname = wanted
            self._stop_serving()

    @property
    def hostname_checks_common_name(self) -> bool:
        """A certificate without DNS names may have the server's name as its common name."""
        return not self._host_flags_in_use & lib.X509_CHECK_FLAG_NEVER_CHECK_SUBJECT

    @hostname_checks_common_name.setter
    def hostname_checks_common_name(self, value: object) -> None:
        flags = HOST_FLAGS | (0 if value else lib.X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)
        self._set("host_flags", flags, lambda _ctx: None, trust=True)
        self._host_flags_in_use = flags

    @property
    def verify_flags(self) -> ssl.VerifyFlags:
        """How certificates are verified."""
        return c.VerifyFlags(self._get_verify_flags())

    @verify_flags.setter
    def verify_flags(self, value: int) -> None:
        self._set_verify_flags(integer(value))

    @property
    def post_handshake_auth(self) -> bool:
        """TLS 1.3 servers may ask for the client's certificate later."""
        return self._post_handshake_auth

    @post_handshake_auth.setter
    def post_handshake_auth(self, value: object) -> None:
        wanted = bool(value)
        with self._guard:
            self._post_handshake_auth = wanted
            self._stop_serving()

    # -- ciphers, groups, signatures, protocols ---------------------------------------------------------------------

    @property
    def security_level(self) -> int:  # type: ignore[override]  # typeshed lets it be set
        """OpenSSL's security level, 0 to 5; it is set by ``@SECLEVEL=`` in `set_ciphers`."""
        return self._get_security_level()

    def get_ciphers(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """The ciphers that may be negotiated, best first."""
        with self._guard, clean_queue:
            connection = lib.SSL_new(self._current().ctx)
            self._errors.check(connection != ffi.NULL, "SSL_new")
            try:
                return [cipher_dict(cipher) for cipher in ciphers(lib.SSL_get_ciphers(connection))]
            finally:
                lib.SSL_free(connection)

    def get_groups(self, *, include_aliases: bool = False) -> list[str]:
        """The groups that this OpenSSL and the protocol versions of the context allow."""
        return self._implemented_groups(include_aliases)

    def set_npn_protocols(self, npn_protocols: Iterable[str]) -> None:
        """On TLS 1.2, advertise these protocols as a server; as a client, choose the server's first that is among them.

        Without a common one the client chooses its own first. No protocols switch NPN off. ``ssl.SSLError`` for a name
        of a wrong length, NotImplementedError if this OpenSSL was built without NPN; DeprecationWarning.
        """
        warnings.warn("ssl NPN is deprecated, use ALPN instead", DeprecationWarning, stacklevel=2)
        names = protocol_names("NPN", npn_protocols)
        self._negotiate_npn(names)

    def _negotiate_npn(self, names: list[bytes]) -> None:
        if not names:
            self._unset_callback("npn_advertise")
            self._unset_callback("npn_select")
            return

        def choose(_connection: object, advertised: list[bytes]) -> bytes:
            return next((name for name in advertised if name in names), names[0])

        self._on_npn_advertise(lambda _connection: names, tuple(names))
        self._on_npn_select(choose, tuple(names))

    def session_stats(self) -> dict[str, int]:
        """How many handshakes there were with this context's present settings, and what became of sessions."""
        return self._counters()


shadow(SSLContext, ssl.SSLContext)


_CHECK_HOSTNAME = vars(SSLContext)["check_hostname"]


def _defined(context: SSLContext, name: str) -> object:
    """What the context's class has by this name; a descriptor is not asked, which may only know objects."""
    return next(vars(owner)[name] for owner in type(context).__mro__ if name in vars(owner))
