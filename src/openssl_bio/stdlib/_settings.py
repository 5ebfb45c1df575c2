"""What can be set on a context, and on one connection alone: versions, options, ciphers, groups, verification."""

from __future__ import annotations

import operator
import ssl
import warnings
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

from openssl_bio._core._lib import lib
from openssl_bio._core.pem import name_der
from openssl_bio._core.protocols import join_protocols
from openssl_bio.stdlib import _constants as c
from openssl_bio.stdlib._certificates import name_of
from openssl_bio.stdlib._errors import SETUP_ERRORS
from openssl_bio.stdlib._settable import Settable

__all__ = ["ONE_VERSION", "Settings", "integer", "protocol_names"]

# Protocols that are one version alone.
ONE_VERSION = {
    c.PROTOCOL_TLSv1: lib.TLS1_VERSION,
    c.PROTOCOL_TLSv1_1: lib.TLS1_1_VERSION,
    c.PROTOCOL_TLSv1_2: lib.TLS1_2_VERSION,
}
_VERIFY_MODES = {
    c.CERT_NONE: lib.SSL_VERIFY_NONE,
    c.CERT_OPTIONAL: lib.SSL_VERIFY_PEER,
    c.CERT_REQUIRED: lib.SSL_VERIFY_PEER | lib.SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
}
_VERSION_OPTIONS = (
    lib.SSL_OP_NO_SSLv2
    | lib.SSL_OP_NO_SSLv3
    | lib.SSL_OP_NO_TLSv1
    | lib.SSL_OP_NO_TLSv1_1
    | lib.SSL_OP_NO_TLSv1_2
    | lib.SSL_OP_NO_TLSv1_3
)
_INT_MAX = 2**31 - 1


class Settings(Settable):
    """The settings that are numbers and lists."""

    # -- verification -----------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def check_hostname(self) -> bool:
        """The server's certificate must be for the name given to `wrap_bio`; setting it demands a certificate."""

    @property
    def verify_mode(self) -> ssl.VerifyMode:
        """Whether the peer must show a certificate that can be verified."""
        return self._present_verify_mode()

    @verify_mode.setter
    def verify_mode(self, value: int) -> None:
        if integer(value) not in _VERIFY_MODES:
            raise ValueError("invalid value for verify_mode")
        if value == c.CERT_NONE and self.check_hostname:
            raise ValueError("Cannot set verify_mode to CERT_NONE when check_hostname is enabled.")
        self._use_verify_mode(c.VerifyMode(value))

    def _present_verify_mode(self) -> ssl.VerifyMode:
        mode = self._to_get()._ask((lib.SSL_CTX_get_verify_mode, lib.SSL_get_verify_mode))
        mode &= ~lib.SSL_VERIFY_POST_HANDSHAKE
        return next(name for name, bits in _VERIFY_MODES.items() if bits == mode)

    def _use_verify_mode(self, mode: ssl.VerifyMode) -> None:
        self._to_set("verify_mode")._set_verify(_VERIFY_MODES[mode], None, None)

    @property
    def verify_depth(self) -> int:
        """How many certificates (0 to 2**31-1) there may be between the peer's and a trusted one; -1 if not limited.

        OpenSSL's own limit is 100. Source: ``SSL_CTX_set_verify_depth``; Python's ssl has no such attribute.
        """
        return self._to_get()._ask((lib.SSL_CTX_get_verify_depth, lib.SSL_get_verify_depth))

    @verify_depth.setter
    def verify_depth(self, value: int) -> None:
        depth = integer(value)
        if not 0 <= depth <= _INT_MAX:
            raise ValueError(f"verify_depth is from 0 to 2**31-1, not {depth}")
        self._to_set("verify_depth")._set_verify_depth(depth)

    @property
    def client_ca_names(self) -> list[bytes]:
        """The issuers, each a name in DER, whose certificates a server asks its clients for; [] says nothing of them.

        It makes none of them trusted. On a client's connection it is what the server has said. ValueError for bytes
        that are no name, and when it is set on a client. ``cryptography``'s ``Name.public_bytes()`` gives such bytes.
        Source: ``SSL_CTX_set_client_CA_list``; Python's ssl has no such attribute.
        """
        return [name_der(name, SETUP_ERRORS) for name in self._to_get()._client_ca_names()]

    @client_ca_names.setter
    def client_ca_names(self, names: Iterable[bytes]) -> None:
        if self._is_only(c.PROTOCOL_TLS_CLIENT):
            raise ValueError("client_ca_names is what servers send")
        if isinstance(names, bytes | bytearray | memoryview | str):
            raise TypeError("client_ca_names is a list of names, each of them bytes in DER")
        given = list(names)
        parsed = [name_of(name) for name in given]
        self._to_set("client_ca_names")._set_client_cas(parsed, tuple(map(bytes, given)))

    # -- versions and options ---------------------------------------------------------------------------------------

    @property
    def options(self) -> ssl.Options:
        """``OP_*`` bits; those that are left out when it is set are cleared."""
        return c.Options(self._to_get()._get_options())

    @options.setter
    def options(self, value: int) -> None:
        bits = integer(value)
        if bits < 0:
            raise ValueError("Cannot convert negative int")
        if bits & ~self.options & _VERSION_OPTIONS:
            warnings.warn("ssl.OP_NO_SSL*/ssl.OP_NO_TLS* options are deprecated", DeprecationWarning, stacklevel=2)
        self._to_set("options")._set_options(bits)

    @property
    def minimum_version(self) -> ssl.TLSVersion:
        """The oldest protocol version that is allowed."""
        calls = (lib.SSL_CTX_get_min_proto_version, lib.SSL_get_min_proto_version)
        return self._version_limit(calls, c.TLSVersion.MINIMUM_SUPPORTED)

    @minimum_version.setter
    def minimum_version(self, value: int) -> None:
        version = self._version(value, {c.TLSVersion.MINIMUM_SUPPORTED: 0, c.TLSVersion.MAXIMUM_SUPPORTED: 0x304})
        target = self._to_set("minimum_version")
        if version == c.TLSVersion.SSLv3:
            target._set_options(self.options & ~lib.SSL_OP_NO_SSLv3)
        _limit_version(target._set_min_version, version)

    @property
    def maximum_version(self) -> ssl.TLSVersion:
        """The newest protocol version that is allowed."""
        calls = (lib.SSL_CTX_get_max_proto_version, lib.SSL_get_max_proto_version)
        return self._version_limit(calls, c.TLSVersion.MAXIMUM_SUPPORTED)

    @maximum_version.setter
    def maximum_version(self, value: int) -> None:
        version = self._version(value, {c.TLSVersion.MINIMUM_SUPPORTED: 0x301, c.TLSVersion.MAXIMUM_SUPPORTED: 0})
        _limit_version(self._to_set("maximum_version")._set_max_version, version)

    def _version_limit(self, calls: Any, otherwise: ssl.TLSVersion) -> ssl.TLSVersion:
        """A limit that was set; a context for one version alone has none in Python's ``ssl``."""
        number = 0 if self._protocol_in_use in ONE_VERSION else self._to_get()._ask(calls)
        return c.TLSVersion(number) if number else otherwise

    def _version(self, value: int, special: dict[ssl.TLSVersion, int]) -> int:
        """A version for libssl, checked."""
        if self._protocol_in_use in ONE_VERSION:
            raise ValueError("The context's protocol doesn't support modification of highest and lowest version.")
        number = integer(value)
        if number not in {int(version) for version in c.TLSVersion}:
            raise ValueError(f"Unsupported TLS/SSL version 0x{number & 0xFFFFFFFF:x}")
        version = c.TLSVersion(number)
        if version in (c.TLSVersion.SSLv3, c.TLSVersion.TLSv1, c.TLSVersion.TLSv1_1):
            warnings.warn(f"ssl.TLSVersion.{version.name} is deprecated", DeprecationWarning, stacklevel=3)
        return special.get(version, number)

    # -- tickets and early data -------------------------------------------------------------------------------------

    @property
    def num_tickets(self) -> int:
        """How many tickets a server sends after a TLS 1.3 handshake."""
        return self._to_get()._get_num_tickets()

    @num_tickets.setter
    def num_tickets(self, value: int) -> None:
        count = integer(value)
        if count < 0:
            raise ValueError("value must be non-negative")
        if not self._is_only(c.PROTOCOL_TLS_SERVER):
            is_context = isinstance(self, ssl.SSLContext)
            raise ValueError("SSLContext is not a server context." if is_context else "a client sends no tickets")
        self._to_set("num_tickets")._set_num_tickets(count)

    @property
    def max_early_data(self) -> int:
        """How many bytes of early data (0 to 2**32-1) a TLS 1.3 server takes from a resuming client; 0 by default.

        With any, a session can be resumed once, and by the context that has made it: that is libssl's protection
        against replay. It needs libssl's own session cache, so no `set_new_session_callback` on that context.
        """
        return self._to_get()._get_max_early_data()

    @max_early_data.setter
    def max_early_data(self, size: int) -> None:
        if not isinstance(size, int):
            raise TypeError(f"max_early_data is an int, not {type(size).__name__}")
        if not 0 <= size < 1 << 32:
            raise ValueError(f"max_early_data is from 0 to 2**32-1, not {size}")
        self._to_set("max_early_data")._set_max_early_data(size)

    # -- ciphers, groups, signatures, protocols ---------------------------------------------------------------------

    def set_ciphers(self, cipherlist: str, /) -> None:
        """Choose the ciphers of TLS 1.2 and older, in OpenSSL's syntax. ``ssl.SSLError`` if none is left."""
        names, target = _c_text(cipherlist, "set_ciphers() argument"), self._to_set("ciphers")
        _replacing_error("No cipher can be selected.", lambda: target._set_ciphers(names), bare=True)

    def set_ciphersuites(self, ciphersuites: str, /) -> None:
        """Choose the ciphersuites of TLS 1.3, separated by colons. ``ssl.SSLError`` for an unknown one."""
        names, target = _c_text(ciphersuites, "set_ciphersuites() argument"), self._to_set("ciphersuites")
        _replacing_error("No cipher suite can be selected.", lambda: target._set_ciphersuites(names), bare=True)

    def set_ecdh_curve(self, name: str | bytes, /) -> None:
        """Exchange keys on this one group. ValueError if it is unknown."""
        if not isinstance(name, str | bytes):
            raise TypeError(f"expected str, bytes or os.PathLike object, not {type(name).__name__}")
        text = name.encode() if isinstance(name, str) else name
        nid = lib.OBJ_sn2nid(_no_zero(text))
        if not nid:
            raise ValueError(f"unknown elliptic curve name {name!r}")
        self._to_set("the groups")._set_group(nid)

    def set_groups(self, grouplist: str, /) -> None:
        """Exchange keys on these groups, separated by colons, best first. ``ssl.SSLError`` for an unknown one."""
        names, target = _c_text(grouplist, "set_groups() argument"), self._to_set("the groups")
        _replacing_error("unrecognized group", lambda: target._set_groups(names))

    def set_client_sigalgs(self, sigalgslist: str, /) -> None:
        """What client certificates may sign with. ``ssl.SSLError`` for an unknown one."""
        names, target = _c_text(sigalgslist, "set_client_sigalgs() argument"), self._to_set("signature algorithms")
        _replacing_error("unrecognized signature algorithm", lambda: target._set_client_sigalgs(names))

    def set_server_sigalgs(self, sigalgslist: str, /) -> None:
        """What server certificates may sign with. ``ssl.SSLError`` for an unknown one."""
        names, target = _c_text(sigalgslist, "set_server_sigalgs() argument"), self._to_set("signature algorithms")
        _replacing_error("unrecognized signature algorithm", lambda: target._set_sigalgs(names))

    def set_alpn_protocols(self, alpn_protocols: Iterable[str]) -> None:
        """Offer these protocols as a client; as a server, choose the first of them that the client offers too."""
        names = protocol_names("ALPN", alpn_protocols)
        target = self._to_set("ALPN protocols")
        target._set_alpn(join_protocols(names))

        def choose(_connection: object, offered: list[bytes]) -> bytes | None:
            return next((name for name in names if name in offered), None)

        if not self._is_only(c.PROTOCOL_TLS_CLIENT):
            target._on_alpn_select(choose, tuple(names))


def integer(value: object) -> int:
    """What an object is as an int; TypeError if it is none."""
    return operator.index(value)  # type: ignore[arg-type]  # which is what it finds out


def protocol_names(kind: str, protocols: Iterable[str]) -> list[bytes]:
    """Names of protocols for libssl; ``ssl.SSLError`` for one of a wrong length."""
    names = [bytes(name, "ascii") for name in protocols]
    if not all(1 <= len(name) <= 255 for name in names):
        raise ssl.SSLError(f"{kind} protocols must be 1 to 255 in length")
    return names


def _limit_version(limit: Callable[[int], None], version: int) -> None:
    try:
        limit(version)
    except ssl.SSLError as error:
        raise ValueError(f"Unsupported TLS/SSL version 0x{version:x}") from error


def _no_zero(text: bytes) -> bytes:
    if b"\0" in text:
        raise ValueError("embedded null character")
    return text


def _c_text(text: object, what: str) -> bytes:
    if not isinstance(text, str):
        raise TypeError(f"{what} must be str, not {type(text).__name__}")
    return _no_zero(text.encode())


def _replacing_error(message: str, call: Callable[[], None], *, bare: bool = False) -> None:
    """Run a setter, and say with Python's words what failed."""
    try:
        call()
    except ssl.SSLError as error:
        raise (ssl.SSLError(message) if bare else ssl.SSLError(0, message)) from error
