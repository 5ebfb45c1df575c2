"""The callbacks that can be set on a ``Context``, and on one ``Connection`` alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from openssl_bio._core._lib import CData
from openssl_bio._core.callbacks import LONGEST_COOKIE
from openssl_bio._core.chains import LIBCRYPTO, Refusal, Verifier
from openssl_bio._core.late import LateModule
from openssl_bio._core.pointers import BytesLike
from openssl_bio._core.twins import TwinSettings
from openssl_bio.pyopenssl._arguments import bits, c_string, function
from openssl_bio.pyopenssl._connection_certificates import verification_error
from openssl_bio.pyopenssl._constants import NO_OVERLAPPING_PROTOCOLS

if TYPE_CHECKING:
    from openssl_bio._core.client_hello import ClientHello
    from openssl_bio._core.credential import Credential
    from openssl_bio._core.suspension import Suspend
    from openssl_bio.pyopenssl import _x509
    from openssl_bio.pyopenssl._connection import Connection
    from openssl_bio.pyopenssl._context import Context
    from openssl_bio.pyopenssl._errors import VerificationError
    from openssl_bio.pyopenssl._x509 import X509

    ChainCallback = Callable[["Connection", list[X509], VerificationError | None], "bool | Suspend"]
    ClientHelloCallback = Callable[
        ["Connection", ClientHello], "Context | Credential | Sequence[Credential] | int | Suspend | None"
    ]
    CertificateCallback = Callable[["Connection"], "Credential | Sequence[Credential] | Suspend | None"]
    # callback(connection, the server's hint or None): the identity, the key, and maybe its hash
    ClientKey = Callable[["Connection", bytes | None], tuple[bytes, BytesLike] | tuple[bytes, BytesLike, str]]
    # callback(connection, the client's identity): the key, or the key and its hash
    ServerKey = Callable[["Connection", bytes], BytesLike | tuple[BytesLike, str]]
    VerifierCallback = Callable[["Connection", list[X509]], "bool | Suspend"]
    VerifyCallback = Callable[["Connection", X509, int, int, int], bool]
else:
    _x509 = LateModule("openssl_bio.pyopenssl._x509")


class Callbacks(TwinSettings):
    """The setters of callbacks; what a callback raises is raised by the running operation."""

    def set_verify(self, mode: int, callback: VerifyCallback | None = None) -> None:
        """Set ``VERIFY_*`` bits, and what may overrule the verdict: ``callback(connection, x509, error, depth, ok)``.

        What the callback raises is raised by the running operation, and the peer is sent an alert.
        """
        self._set_verify(bits(mode, "mode"), _verifier(callback), callback)

    def set_verify_chain(self, callback: ChainCallback | None) -> None:
        """Call ``callback(connection, chain, error)`` once for the peer's chain, after OpenSSL has verified it.

        ``chain`` is a list of `X509`: the chain that was built, the peer's certificate first. ``error`` is None, or the
        `VerificationError` that is raised if the chain is refused, which has what the peer sent. The callback returns
        True to accept, whatever was found wrong, False to refuse, or `openssl_bio.SUSPEND` to give its answer later
        with ``resume_handshake()``; a server cannot suspend, and gets a RuntimeError. TypeError for anything else.

        None lets OpenSSL decide. ValueError if the verify mode is VERIFY_NONE, which ignores every verdict.
        Source: ``SSL_CTX_set_cert_verify_callback``, ``SSL_set_retry_verify``; pyOpenSSL has no such method.
        """
        self._set_verifier(LIBCRYPTO if callback is None else _chain_judge(callback), callback)

    def set_verifier(self, callback: VerifierCallback | None) -> None:
        """Let ``callback(connection, chain)`` verify the peer's certificate instead of OpenSSL, which is not asked.

        Nothing is verified but by the callback: no signature, date, name or trust. ``chain`` is what the peer sent, a
        list of `X509`. What it returns, and the rest, is as in `set_verify_chain`; each of the two replaces the other.
        """
        self._set_verifier(LIBCRYPTO if callback is None else _sole_judge(callback), (callback,))

    def set_info_callback(self, callback: Callable[[Connection, int, int], None]) -> None:
        """Call ``callback(connection, where, value)`` on each step of a handshake and each alert."""
        self._on_info(function(callback), callback)

    def set_keylog_callback(self, callback: Callable[[Connection, bytes], None]) -> None:
        """Call ``callback(connection, line)`` for each secret, in the NSS key log format."""
        self._on_keylog(function(callback), callback)

    def set_tlsext_servername_callback(self, callback: Callable[[Connection], None]) -> None:
        """Call ``callback(connection)`` on the server when the client's server name, or its absence, is known."""
        tell = function(callback)

        def on_servername(connection: Connection) -> None:
            tell(connection)

        self._on_servername(on_servername, callback)

    def set_client_hello_callback(self, callback: ClientHelloCallback) -> None:
        """Call ``callback(connection, client_hello)`` on a server for each ClientHello, before anything is decided.

        The second argument is an `openssl_bio.ClientHello`. The callback returns None to go on, a `Context` to go on
        with that one, an `openssl_bio.Credential` or several to use those, the number of an alert to refuse the client
        with (1 to 255), or `openssl_bio.SUSPEND` to answer later, with ``resume_handshake()``. After a
        HelloRetryRequest there is a second ClientHello. TypeError or ValueError for any other answer.

        Source: ``SSL_CTX_set_client_hello_cb``; pyOpenSSL has no such method.
        """
        self._on_client_hello(function(callback), callback)

    def set_certificate_callback(self, callback: CertificateCallback) -> None:
        """Call ``callback(connection)`` when a certificate is to be chosen: on a client, if the server asks for one.

        It returns None to use what there is, an `openssl_bio.Credential` or several, or `openssl_bio.SUSPEND` to
        answer later, with ``resume_handshake()``. TypeError for any other answer.

        Source: ``SSL_CTX_set_cert_cb``; pyOpenSSL has no such method.
        """
        self._on_certificate(function(callback), callback)

    def set_alpn_select_callback(self, callback: Callable[[Connection, list[bytes]], Any]) -> None:
        """Call ``callback(connection, offered)`` on the server; it returns one of them or NO_OVERLAPPING_PROTOCOLS."""
        select = function(callback)
        self._on_alpn_select(lambda connection, offered: _alpn_choice(select(connection, offered)), callback)

    def set_npn_advertise_callback(self, callback: Callable[[Connection], list[bytes]]) -> None:
        """Call ``callback(connection)`` on a TLS 1.2 server for the protocols to advertise by NPN."""
        self._on_npn_advertise(function(callback), callback)

    def set_npn_select_callback(self, callback: Callable[[Connection, list[bytes]], bytes]) -> None:
        """Call ``callback(connection, advertised)`` on a TLS 1.2 client; it returns the protocol to use."""
        self._on_npn_select(function(callback), callback)

    def set_ocsp_server_callback(self, callback: Callable[[Connection, Any], bytes], data: Any = None) -> None:
        """Call ``callback(connection, data)`` on the server for the OCSP response to staple; b"" for none.

        Any bytes are sent as they are up to OpenSSL 3.5. OpenSSL 3.6 and newer parse them and silently staple nothing
        unless they are one DER OCSPResponse (RFC 6960, section 4.2.1); whose certificate it is about is not looked at.
        """
        staple = function(callback)
        self._on_ocsp("ocsp_server", lambda connection: _staple(staple(connection, data)), (callback, data))

    def set_ocsp_client_callback(self, callback: Callable[[Connection, bytes, Any], bool], data: Any = None) -> None:
        """Call ``callback(connection, response, data)`` on the client; false refuses the handshake.

        ``response`` is b"" if the server sent none. See `Connection.request_ocsp`.
        """
        judge = function(callback)
        self._on_ocsp("ocsp_client", lambda connection, response: judge(connection, response, data), (callback, data))

    def set_cookie_generate_callback(self, callback: Callable[[Connection], bytes]) -> None:
        """Call ``callback(connection)`` on a DTLS server for a cookie (255 bytes at most) to send to a client."""
        make = function(callback)
        self._on_cookie_generate(lambda connection: _cookie(make(connection)), callback)

    def set_cookie_verify_callback(self, callback: Callable[[Connection, bytes], bool]) -> None:
        """Call ``callback(connection, cookie)`` on a DTLS server: whether it made the cookie for this client."""
        judge = function(callback)
        self._on_cookie_verify(lambda connection, cookie: _verdict(judge(connection, cookie)), callback)

    def set_psk_client_callback(self, callback: ClientKey | None) -> None:
        """As a client, use the pre-shared key that ``callback(connection, hint)`` gives: its identity, and the key.

        The hint is the server's (RFC 4279), None if there is none, and always on TLS 1.3. The identity has 127 bytes at
        most (255 since OpenSSL 3.0), one at least on TLS 1.3, and no zero byte; the key 256 (512). What is longer is a
        ValueError, and is never cut. An empty key is none at all: TLS 1.3 goes on with a certificate. None as the
        callback unsets it.

        TLS 1.2 and DTLS need a cipher with PSK too (`set_cipher_list`). On TLS 1.3 a key is for one hash: SHA-256, if
        the tuple has no third element ``"sha384"``. It is used if the server chooses a cipher with that hash, which may
        take `set_tls13_ciphersuites`. A handshake with a pre-shared key verifies no certificate.
        Source: ``SSL_CTX_set_psk_client_callback``, ``SSL_CTX_set_psk_use_session_callback``; pyOpenSSL has no such
        method.
        """
        self._on_psk_client(None if callback is None else _client_key(function(callback)), callback)

    def set_psk_server_callback(self, callback: ServerKey | None, identity_hint: bytes | None = None) -> None:
        """As a server, use the pre-shared key that ``callback(connection, identity)`` gives; b"" if there is none.

        An unknown identity ends the handshake on TLS 1.2; on TLS 1.3 it goes on with the certificate, if there is one.
        The callback is asked for identities of 255 bytes at most, among which may be a ticket. A key has 256 bytes at
        most (512 since OpenSSL 3.0), ValueError for a longer one. On TLS 1.3 it is for SHA-256, or a tuple of the key
        and ``"sha384"``. ``identity_hint`` is sent on TLS 1.2 (Error if it is too long). None as the callback unsets
        it.
        Source: ``SSL_CTX_set_psk_server_callback``, ``SSL_CTX_set_psk_find_session_callback``; pyOpenSSL has no such
        method.
        """
        if not isinstance(identity_hint, bytes | None):
            raise TypeError(f"identity_hint must be bytes or None, not {type(identity_hint).__name__}")
        hint = None if identity_hint is None else c_string(identity_hint, "identity_hint")
        self._on_psk_server(None if callback is None else _server_key(function(callback)), callback, hint)


def _client_key(callback: Callable[..., Any]) -> Callable[..., tuple[bytes, bytes, str]]:
    from openssl_bio._core.pre_shared_keys import HASHES, checked_hash

    def call(connection: Connection, hint: bytes | None) -> tuple[bytes, bytes, str]:
        answer = callback(connection, hint)
        if not isinstance(answer, tuple) or len(answer) not in {2, 3}:
            raise TypeError("a PSK client callback returns a tuple of identity and key, and maybe a hash")
        identity, key, *rest = answer
        if not isinstance(identity, bytes) or not isinstance(key, bytes | bytearray | memoryview):
            raise TypeError("a PSK identity and its key are bytes")
        return identity, bytes(key), checked_hash(rest[0] if rest else HASHES[0])

    return call


def _server_key(callback: Callable[..., Any]) -> Callable[..., tuple[bytes, str]]:
    from openssl_bio._core.pre_shared_keys import key_and_hash

    def call(connection: Connection, identity: bytes | None) -> tuple[bytes, str]:
        return key_and_hash(callback(connection, identity or b""))

    return call


def _verifier(callback: VerifyCallback | None) -> Callable[..., Any] | None:
    """The core's verify callback that calls pyOpenSSL's."""
    # A refusal needs it also where there is no callback, and then the program may have given up its access to files.
    wrap = _x509.X509._wrap
    if callback is None:
        return None
    judge = function(callback)

    def verify(connection: Connection, certificate: CData, error: int, depth: int, ok: int) -> Any:
        return judge(connection, None if certificate is None else wrap(certificate), error, depth, ok)

    return verify


def _chain_judge(callback: ChainCallback) -> Verifier:
    wrap, tell = _x509.X509._wrap, function(callback)

    def judge(connection: Connection, chain: list[CData], refusal: Refusal | None) -> Any:
        return tell(connection, list(map(wrap, chain)), None if refusal is None else verification_error(refusal))

    return Verifier(judge)


def _sole_judge(callback: VerifierCallback) -> Verifier:
    wrap, tell = _x509.X509._wrap, function(callback)

    def judge(connection: Connection, chain: list[CData], _refusal: Refusal | None) -> Any:
        return tell(connection, list(map(wrap, chain)))

    return Verifier(judge, replaces=True)


def _alpn_choice(choice: object) -> bytes | None:
    if choice is NO_OVERLAPPING_PROTOCOLS:
        return None
    if not isinstance(choice, bytes):
        raise TypeError(
            "ALPN callback must return a bytestring or the special NO_OVERLAPPING_PROTOCOLS sentinel value."
        )
    return choice


def _staple(response: object) -> bytes:
    if not isinstance(response, bytes):
        raise TypeError("OCSP callback must return a bytestring.")
    return response


def _cookie(cookie: object) -> bytes:
    if not isinstance(cookie, bytes):
        raise TypeError("the cookie callback must return bytes")
    if len(cookie) > LONGEST_COOKIE:
        raise ValueError(f"Cookie too long (got {len(cookie)} bytes, max {LONGEST_COOKIE})")
    return cookie


def _verdict(verdict: object) -> bool:
    if not isinstance(verdict, int):
        raise TypeError("the cookie callback must return a bool")
    return bool(verdict)
