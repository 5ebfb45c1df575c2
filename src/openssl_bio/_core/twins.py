"""What can be set on a context and on one connection alike.

Theory of operation.  libssl has most setters twice, for an ``SSL_CTX`` and for an ``SSL``.  Each is written down once
here, with both functions.  What setting means differs, and is what a subclass says: a context records the setting and
compiles generations (`context`), a connection changes its own ``SSL`` (`connection`).
"""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from openssl_bio._core._lib import CData, ffi, lib, needs
from openssl_bio._core.chains import Verifier
from openssl_bio._core.errors import ErrorTable
from openssl_bio._core.identity import Identity, copied_certificate, shared_key
from openssl_bio._core.pointers import own
from openssl_bio._core.records import replace
from openssl_bio._core.views import seen_as

if TYPE_CHECKING:
    from openssl_bio._core.credential import Credential
    from openssl_bio._core.guard import Guard

Call = Callable[[CData], Any]

_NO_STATUS = -1  # libssl's TLSEXT_STATUSTYPE_nothing, which is in no header


def _call(function: Callable[..., Any], *arguments: Any) -> Call:
    """A function of libssl with its arguments behind the pointer."""
    return lambda target: function(target, *arguments)


def _both(on_context: Callable[..., Any], on_connection: Callable[..., Any], *arguments: Any) -> tuple[Call, Call]:
    return _call(on_context, *arguments), _call(on_connection, *arguments)


def _exactly(bits: int, get: Call, clear: Callable[..., Any], add: Callable[..., Any]) -> Call:
    """What sets these bits and no others, where libssl can add some and clear some."""

    def apply(target: CData) -> None:
        clear(target, get(target) & ~bits)
        add(target, bits)

    return apply


class TwinSettings:
    """The setters; ``side`` below is 0 for an SSL_CTX and 1 for an SSL."""

    _errors: ClassVar[ErrorTable]
    _face: ClassVar[str] = ""  # whose object this is
    _guard: Guard
    _identity: Identity
    _original: Any = None  # of a view
    _view: weakref.ref[Any] | None = None  # as the other face sees this

    def _told(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """A callback that is given the connection as this face sees it, whichever face it was made by."""
        if isinstance(callback, Verifier):
            return replace(callback, judge=self._told(callback.judge))
        face = self._face

        def tell(connection: Any, *arguments: Any) -> Any:
            return callback(seen_as(connection, face), *arguments)

        return tell

    @abstractmethod
    def _put(self, name: str, value: Any, calls: tuple[Call, Call], detail: str = "", *, trust: bool = False) -> None:
        """Set something; a ``detail`` says that the calls return false if they fail, and what has failed then."""

    @abstractmethod
    def _ask(self, calls: tuple[Call, Call]) -> int:
        """What is set."""

    @abstractmethod
    def _recorded(self, name: str, otherwise: Any) -> Any:
        """The value that something was set to, on a connection by its context if not by itself."""

    @abstractmethod
    def _set_identity(self, identity: Identity) -> None:
        """Be somebody else from now on; the old identity stays if that fails."""

    @abstractmethod
    def _set_verify(self, mode: int, callback: Callable[..., Any] | None, value: object) -> None:
        """Set the verify mode, and the callback or None; ``value`` tells whether it is another one."""

    @abstractmethod
    def _set_verifier(self, verifier: Verifier, value: object) -> None:
        """Set who judges chains; ValueError if the verify mode is to take any."""

    def _demand_verification(self) -> None:
        """ValueError if a verifier's verdict would be ignored."""
        if not self._ask((lib.SSL_CTX_get_verify_mode, lib.SSL_get_verify_mode)) & lib.SSL_VERIFY_PEER:
            raise ValueError("verification is switched off: switch it on before you set a verifier")

    @abstractmethod
    def _set_callback(self, name: str, callback: Callable[..., Any], value: object, install: Call) -> None:
        """Set a callback: what the core calls, what tells whether it is another one, what installs it in an SSL_CTX."""

    @abstractmethod
    def _set_copied(
        self, name: str, callback: Callable[..., Any] | None, value: object, calls: tuple[Call, Call], detail: str = ""
    ) -> None:
        """Set or unset a callback that libssl copies to each SSL; calls and detail as for `_put`."""

    @abstractmethod
    def _unset_callback(self, name: str) -> None:
        """Have no callback of this name any more; a connection has none either if its context has one."""

    # -- protocol versions, ciphers, groups -------------------------------------------------------------------------

    def _set_min_version(self, version: int) -> None:
        calls = _both(lib.SSL_CTX_set_min_proto_version, lib.SSL_set_min_proto_version, version)
        self._put("min_version", version, calls, f"unsupported minimum protocol version {version:#x}")

    def _set_max_version(self, version: int) -> None:
        calls = _both(lib.SSL_CTX_set_max_proto_version, lib.SSL_set_max_proto_version, version)
        self._put("max_version", version, calls, f"unsupported maximum protocol version {version:#x}")

    def _get_options(self) -> int:
        return self._ask((lib.SSL_CTX_get_options, lib.SSL_get_options))

    def _set_options(self, value: int) -> int:
        """Set exactly these bits, and return those that are set."""
        calls = (
            _exactly(value, lib.SSL_CTX_get_options, lib.SSL_CTX_clear_options, lib.SSL_CTX_set_options),
            _exactly(value, lib.SSL_get_options, lib.SSL_clear_options, lib.SSL_set_options),
        )
        self._put("options", value, calls)
        return self._get_options()

    def _add_options(self, bits: int) -> int:
        with self._guard:
            return self._set_options(self._get_options() | bits)

    def _get_mode(self) -> int:
        return self._ask((lib.SSL_CTX_get_mode, lib.SSL_get_mode))

    def _set_mode(self, value: int) -> int:
        calls = (
            _exactly(value, lib.SSL_CTX_get_mode, lib.SSL_CTX_clear_mode, lib.SSL_CTX_set_mode),
            _exactly(value, lib.SSL_get_mode, lib.SSL_clear_mode, lib.SSL_set_mode),
        )
        self._put("mode", value, calls)
        return self._get_mode()

    def _add_mode(self, bits: int) -> int:
        with self._guard:
            return self._set_mode(self._get_mode() | bits)

    def _clear_mode(self, bits: int) -> int:
        with self._guard:
            return self._set_mode(self._get_mode() & ~bits)

    def _set_ciphers(self, ciphers: bytes) -> None:
        calls = _both(lib.SSL_CTX_set_cipher_list, lib.SSL_set_cipher_list, ciphers)
        self._put("cipher_list", ciphers, calls, f"no usable cipher in {ciphers!r}")

    def _set_ciphersuites(self, ciphersuites: bytes) -> None:
        calls = _both(lib.SSL_CTX_set_ciphersuites, lib.SSL_set_ciphersuites, ciphersuites)
        self._put("ciphersuites", ciphersuites, calls, f"no usable TLS 1.3 ciphersuite in {ciphersuites!r}")

    def _set_groups(self, groups: bytes) -> None:
        """In libssl's syntax, such as ``X25519:P-256``."""
        calls = _both(lib.SSL_CTX_set1_groups_list, lib.SSL_set1_groups_list, groups)
        self._put("groups", groups, calls, f"no usable group in {groups!r}")

    def _set_group(self, nid: int) -> None:
        """This one alone."""
        calls = _both(lib.SSL_CTX_set1_groups, lib.SSL_set1_groups, ffi.new("int[]", [nid]), 1)
        self._put("groups", nid, calls, "the group cannot be used")

    def _set_sigalgs(self, sigalgs: bytes) -> None:
        """In libssl's syntax, such as ``ECDSA+SHA256:ed25519``."""
        calls = _both(lib.SSL_CTX_set1_sigalgs_list, lib.SSL_set1_sigalgs_list, sigalgs)
        self._put("sigalgs", sigalgs, calls, f"no usable signature algorithm in {sigalgs!r}")

    def _set_client_sigalgs(self, sigalgs: bytes) -> None:
        calls = _both(lib.SSL_CTX_set1_client_sigalgs_list, lib.SSL_set1_client_sigalgs_list, sigalgs)
        self._put("client_sigalgs", sigalgs, calls, f"no usable signature algorithm in {sigalgs!r}")

    def _set_security_level(self, level: int) -> None:
        calls = _both(lib.SSL_CTX_set_security_level, lib.SSL_set_security_level, level)
        self._put("security_level", level, calls)

    def _get_security_level(self) -> int:
        return self._ask((lib.SSL_CTX_get_security_level, lib.SSL_get_security_level))

    def _set_tmp_dh(self, key: CData, value: bytes) -> None:
        """Use the parameters of an owned EVP_PKEY for DHE on TLS 1.2; ``value`` is what they came from."""

        def give(target: CData, function: Callable[[CData, CData], int]) -> int:
            lib.EVP_PKEY_up_ref(key)
            done = function(target, key)
            if not done:
                lib.EVP_PKEY_free(key)
            return done

        calls = _call(give, lib.SSL_CTX_set0_tmp_dh_pkey), _call(give, lib.SSL_set0_tmp_dh_pkey)
        self._put("tmp_dh", value, calls, "the DH parameters cannot be used")

    # -- identity ---------------------------------------------------------------------------------------------------

    def _use_certificate(self, certificate: CData, chain: Sequence[CData] | None = None) -> None:
        """Use a copy of a certificate, and references to the certificates of its chain."""
        with self._guard:
            copy = copied_certificate(certificate, self._errors)
            self._set_identity(self._identity.with_certificate(copy, self._errors, chain))

    def _use_key(self, key: CData) -> None:
        with self._guard:
            self._set_identity(self._identity.with_key(shared_key(key, self._errors)))

    def _use_pair(self, certificate: CData, chain: Sequence[CData], key: CData) -> None:
        """Use a certificate, its chain and its key, all at once."""
        with self._guard:
            copy = copied_certificate(certificate, self._errors)
            identity = self._identity.with_certificate(copy, self._errors, chain)
            self._set_identity(identity.with_key(shared_key(key, self._errors)))

    def _add_extra_chain(self, certificate: CData) -> None:
        with self._guard:
            self._set_identity(self._identity.with_extra(copied_certificate(certificate, self._errors)))

    def use_credentials(self, *credentials: Credential) -> None:
        """Be who these say from now on, instead of whoever it was: one `Credential` for each type of key.

        All certificates, chains and keys are exchanged in one step, for handshakes that begin later; those that have
        begun go on with what they had, and sessions can be resumed as before.  If it fails, nothing has changed: the
        face's error for what libssl refuses, TypeError for what is no Credential, ValueError for two of one type of
        key and for none.
        """
        with self._guard:
            self._set_identity(Identity.of(credentials))

    def _check_key(self) -> None:
        done = self._ask((lib.SSL_CTX_check_private_key, lib.SSL_check_private_key))
        self._errors.check(done, "there is no certificate with a private key that matches it")

    # -- verification -----------------------------------------------------------------------------------------------

    def _set_verify_depth(self, depth: int) -> None:
        calls = _both(lib.SSL_CTX_set_verify_depth, lib.SSL_set_verify_depth, depth)
        self._put("verify_depth", depth, calls, trust=True)

    def _set_client_cas(self, names: Sequence[CData], value: tuple[bytes, ...]) -> None:
        """Send these names (owned X509_NAMEs, in DER ``value``) with a request for a client's certificate."""
        errors = self._errors
        # Both take the stack and the names.
        calls = (
            lambda ctx: lib.SSL_CTX_set_client_CA_list(ctx, _stack_of(names, errors)),
            lambda ssl: lib.SSL_set_client_CA_list(ssl, _stack_of(names, errors)),
        )
        self._put("client_cas", value, calls)

    @abstractmethod
    def _client_ca_names(self) -> list[CData]:
        """Owned copies of the names that a server sends; on a client's connection of those that it was sent."""

    # -- sessions ---------------------------------------------------------------------------------------------------

    def _set_session_id_context(self, value: bytes) -> None:
        calls = _both(lib.SSL_CTX_set_session_id_context, lib.SSL_set_session_id_context, value, len(value))
        what = f"a session id context has {lib.SSL_MAX_SID_CTX_LENGTH} bytes at most, not {len(value)}"
        self._put("session_id_context", value, calls, what)

    def _set_num_tickets(self, count: int) -> None:
        """How many TLS 1.3 tickets a server sends after a handshake."""
        calls = _both(lib.SSL_CTX_set_num_tickets, lib.SSL_set_num_tickets, count)
        self._put("num_tickets", count, calls, "SSL_set_num_tickets")

    def _get_num_tickets(self) -> int:
        return self._ask((lib.SSL_CTX_get_num_tickets, lib.SSL_get_num_tickets))

    def _set_max_early_data(self, size: int) -> None:
        """How many bytes of early data a server tells clients that it takes, and takes."""

        def on_context(ctx: CData) -> bool:
            return bool(lib.SSL_CTX_set_max_early_data(ctx, size) and lib.SSL_CTX_set_recv_max_early_data(ctx, size))

        def on_connection(ssl: CData) -> bool:
            return bool(lib.SSL_set_max_early_data(ssl, size) and lib.SSL_set_recv_max_early_data(ssl, size))

        self._put("max_early_data", size, (on_context, on_connection), "SSL_set_max_early_data")

    def _get_max_early_data(self) -> int:
        return self._ask((lib.SSL_CTX_get_max_early_data, lib.SSL_get_max_early_data))

    # -- pre-shared keys --------------------------------------------------------------------------------------------

    def _on_psk_client(self, callback: Callable[..., Any] | None, value: object) -> None:
        """Ask ``callback(connection, hint or None)`` for an identity and a key; None for nobody."""
        from openssl_bio._core.pre_shared_keys import ASKS_CLIENTS

        old, new = (ffi.NULL, ffi.NULL) if callback is None else ASKS_CLIENTS

        def on_context(ctx: CData) -> None:
            lib.SSL_CTX_set_psk_client_callback(ctx, old)
            lib.SSL_CTX_set_psk_use_session_callback(ctx, new)

        def on_connection(ssl: CData) -> None:
            lib.SSL_set_psk_client_callback(ssl, old)
            lib.SSL_set_psk_use_session_callback(ssl, new)

        self._set_copied("psk_client", callback, value, (on_context, on_connection))

    def _on_psk_server(self, callback: Callable[..., Any] | None, value: object, hint: bytes | None) -> None:
        """Ask ``callback(connection, identity)`` for the key; None for nobody."""
        from openssl_bio._core.pre_shared_keys import ASKS_SERVERS

        old, new = (ffi.NULL, ffi.NULL) if callback is None else ASKS_SERVERS
        text = ffi.NULL if hint is None else hint

        def on_context(ctx: CData) -> int:
            lib.SSL_CTX_set_psk_server_callback(ctx, old)
            lib.SSL_CTX_set_psk_find_session_callback(ctx, new)
            return int(lib.SSL_CTX_use_psk_identity_hint(ctx, text))

        def on_connection(ssl: CData) -> int:
            lib.SSL_set_psk_server_callback(ssl, old)
            lib.SSL_set_psk_find_session_callback(ssl, new)
            return int(lib.SSL_use_psk_identity_hint(ssl, text))

        calls = (on_context, on_connection)
        self._set_copied("psk_server", callback, (value, hint), calls, "the PSK identity hint cannot be used")

    # -- protocols of the application, and callbacks ----------------------------------------------------------------

    def _set_alpn(self, wire: bytes) -> None:
        calls = (
            lambda ctx: lib.SSL_CTX_set_alpn_protos(ctx, wire, len(wire)) == 0,
            lambda ssl: lib.SSL_set_alpn_protos(ssl, wire, len(wire)) == 0,
        )
        self._put("alpn", wire, calls, "SSL_set_alpn_protos")

    @needs("SSL_CTX_set_tlsext_use_srtp", "an OpenSSL built with SRTP")
    def _set_srtp(self, profiles: bytes) -> None:
        calls = (
            lambda ctx: lib.SSL_CTX_set_tlsext_use_srtp(ctx, profiles) == 0,
            lambda ssl: lib.SSL_set_tlsext_use_srtp(ssl, profiles) == 0,
        )
        self._put("srtp", profiles, calls, f"no usable SRTP profile in {profiles!r}")

    def _on_servername(self, callback: Callable[..., Any], value: object) -> None:
        install = _call(lib.SSL_CTX_set_tlsext_servername_callback, lib.py_servername)
        self._set_callback("servername", callback, value, install)

    def _on_client_hello(self, callback: Callable[..., Any], value: object) -> None:
        from openssl_bio._core.choices import install_client_hello

        self._set_callback("client_hello", callback, value, install_client_hello)

    def _on_certificate(self, callback: Callable[..., Any], value: object) -> None:
        from openssl_bio._core.choices import install_certificate

        self._set_callback("certificate", callback, value, install_certificate)

    def _on_alpn_select(self, callback: Callable[..., Any], value: object) -> None:
        install = _call(lib.SSL_CTX_set_alpn_select_cb, lib.py_alpn_select, ffi.NULL)
        self._set_callback("alpn_select", callback, value, install)

    @needs("SSL_CTX_set_next_protos_advertised_cb", "an OpenSSL built with NPN")
    def _on_npn_advertise(self, callback: Callable[..., Any], value: object) -> None:
        install = _call(lib.SSL_CTX_set_next_protos_advertised_cb, lib.py_npn_advertise, ffi.NULL)
        self._set_callback("npn_advertise", callback, value, install)

    @needs("SSL_CTX_set_next_proto_select_cb", "an OpenSSL built with NPN")
    def _on_npn_select(self, callback: Callable[..., Any], value: object) -> None:
        install = _call(lib.SSL_CTX_set_next_proto_select_cb, lib.py_npn_select, ffi.NULL)
        self._set_callback("npn_select", callback, value, install)

    def _on_ocsp(self, side: str, callback: Callable[..., Any], value: object) -> None:
        """``side`` is "ocsp_server" or "ocsp_client": one C callback serves both."""
        self._set_callback(side, callback, value, _call(lib.SSL_CTX_set_tlsext_status_cb, lib.py_status))

    def _request_ocsp(self, *, wanted: bool = True) -> None:
        """As a client, ask the server to staple an OCSP response, or do not."""
        kind = lib.TLSEXT_STATUSTYPE_ocsp if wanted else _NO_STATUS
        calls = _both(lib.SSL_CTX_set_tlsext_status_type, lib.SSL_set_tlsext_status_type, kind)
        self._put("request_ocsp", wanted, calls, "SSL_set_tlsext_status_type")

    def _on_message(self, callback: Callable[..., Any], value: object) -> None:
        calls = _both(lib.SSL_CTX_set_msg_callback, lib.SSL_set_msg_callback, lib.py_message)
        self._set_copied("message", callback, value, calls)

    def _on_info(self, callback: Callable[..., Any], value: object) -> None:
        self._set_callback("info", callback, value, _call(lib.SSL_CTX_set_info_callback, lib.py_info))

    def _on_keylog(self, callback: Callable[..., Any], value: object) -> None:
        self._set_callback("keylog", callback, value, _call(lib.SSL_CTX_set_keylog_callback, lib.py_keylog))

    @needs("SSL_CTX_set_cookie_generate_cb", "an OpenSSL built with DTLS")
    def _on_cookie_generate(self, callback: Callable[..., Any], value: object) -> None:
        install = _call(lib.SSL_CTX_set_cookie_generate_cb, lib.py_cookie_generate)
        self._set_callback("cookie_generate", callback, value, install)

    @needs("SSL_CTX_set_cookie_verify_cb", "an OpenSSL built with DTLS")
    def _on_cookie_verify(self, callback: Callable[..., Any], value: object) -> None:
        install = _call(lib.SSL_CTX_set_cookie_verify_cb, lib.py_cookie_verify)
        self._set_callback("cookie_verify", callback, value, install)


def names_in(stack: CData, errors: ErrorTable) -> list[CData]:
    """Owned copies of the X509_NAMEs of a stack, which may be NULL."""
    if stack == ffi.NULL:
        return []
    names = (lib.sk_X509_NAME_value(stack, i) for i in range(lib.sk_X509_NAME_num(stack)))
    return [own(lib.X509_NAME_dup(name), lib.X509_NAME_free, errors, "X509_NAME_dup") for name in names]


def _stack_of(names: Sequence[CData], errors: ErrorTable) -> CData:
    """A stack with copies of names, for whoever takes both over."""
    stack = lib.sk_X509_NAME_new_null()
    errors.check(stack != ffi.NULL, "sk_X509_NAME_new_null")
    try:
        for name in names:
            copy = lib.X509_NAME_dup(name)
            errors.check(copy != ffi.NULL, "X509_NAME_dup")
            if not lib.sk_X509_NAME_push(stack, copy):
                lib.X509_NAME_free(copy)
                raise errors.failure("sk_X509_NAME_push")
    except BaseException:
        for i in range(lib.sk_X509_NAME_num(stack)):
            lib.X509_NAME_free(lib.sk_X509_NAME_value(stack, i))
        lib.sk_X509_NAME_free(stack)
        raise
    return stack
