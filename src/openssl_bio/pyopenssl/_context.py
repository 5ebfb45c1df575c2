"""``SSL.Context``."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from openssl_bio._core._lib import CData, lib
from openssl_bio._core.context import ContextCore
from openssl_bio._core.errors import ErrorTable
from openssl_bio._core.passphrase import PassphraseRequest
from openssl_bio._core.pem import load_certificate, load_certificates, load_private_key, read_file
from openssl_bio.pyopenssl import _constants as c
from openssl_bio.pyopenssl._arguments import bits, byte_string, c_string, function, integer, protocols, without_text
from openssl_bio.pyopenssl._errors import SSL_ERRORS
from openssl_bio.pyopenssl._load import FILETYPE_ASN1, FILETYPE_PEM
from openssl_bio.pyopenssl._name import X509Name
from openssl_bio.pyopenssl._pkey import PKey
from openssl_bio.pyopenssl._store import X509Store
from openssl_bio.pyopenssl._x509 import X509

if TYPE_CHECKING:
    from openssl_bio.pyopenssl._connection import Connection

Path = str | bytes | os.PathLike[str] | os.PathLike[bytes]
VerifyCallback = Callable[["Connection", X509, int, int, int], bool]

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
    if integer(method, "method") not in _METHODS:
        raise ValueError("No such protocol")
    make, version = _METHODS[method]
    return make(), version


def _file_type(filetype: int) -> bool:
    if integer(filetype, "filetype") not in (FILETYPE_PEM, FILETYPE_ASN1):
        raise ValueError("filetype must be FILETYPE_PEM or FILETYPE_ASN1")
    return filetype == FILETYPE_PEM


class Context(ContextCore):
    """The parameters of TLS connections: pyOpenSSL's ``Context``.

    ``method`` is one of the ``*_METHOD`` constants. ValueError("No such protocol") for one that libssl lacks.

    Unlike the original's, a context may be changed after a connection was made from it: later connections see the
    change, those that exist do not.
    """

    _errors: ClassVar[ErrorTable] = SSL_ERRORS

    def __init__(self, method: int) -> None:
        pointer, version = _method(method)
        mode = lib.SSL_MODE_ENABLE_PARTIAL_WRITE | lib.SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
        super().__init__(pointer, version, version, mode)
        self._app_data: Any = None
        self._passphrase: Callable[[int, bool], bytes] | None = None
        self._client_cas: list[CData] = []

    @property
    def _context(self) -> CData:
        """The ``SSL_CTX *`` of the current generation, for third parties."""
        return self.ctx

    # -- protocol and ciphers ---------------------------------------------------------------------------------------

    def set_min_proto_version(self, version: int) -> None:
        """Refuse older protocols than ``version`` (``TLS1_2_VERSION`` ...; 0 for the oldest). Error if unknown."""
        self._set_min_version(integer(version, "version"))

    def set_max_proto_version(self, version: int) -> None:
        """Refuse newer protocols than ``version`` (0 for the newest). Error if unknown."""
        self._set_max_version(integer(version, "version"))

    def set_options(self, options: int) -> int:
        """Add ``OP_*`` bits and return all that are set."""
        return self._add_options(bits(options, "options", 2**64 - 1))

    def set_mode(self, mode: int) -> int:
        """Add ``MODE_*`` bits and return all that are set."""
        return self._add_mode(bits(mode, "mode"))

    def clear_mode(self, mode_to_clear: int) -> int:
        """Remove ``MODE_*`` bits and return those that are left; ``~bits`` removes all others."""
        return self._clear_mode(integer(mode_to_clear, "mode"))

    def set_cipher_list(self, cipher_list: bytes) -> None:
        """Choose the ciphers of TLS 1.2 and older, in OpenSSL's syntax. Error if none is left."""
        ciphers = byte_string(cipher_list, "cipher_list", "cipher_list must be a byte string.")
        self._set_ciphers(c_string(ciphers, "cipher_list"))

    def set_tls13_ciphersuites(self, ciphersuites: bytes) -> None:
        """Choose the ciphersuites of TLS 1.3, separated by colons. Error if libssl knows none of them."""
        if not isinstance(ciphersuites, bytes):
            raise TypeError("ciphersuites must be a byte string.")
        self._set_ciphersuites(c_string(ciphersuites, "ciphersuites"))

    # -- certificates and keys --------------------------------------------------------------------------------------

    def use_certificate(self, cert: X509) -> None:
        """Use a certificate (an X509, or one of cryptography's). TypeError("Must be a certificate") otherwise."""
        self._use_certificate(_x509(cert)._x509)

    def use_certificate_file(self, certfile: Path, filetype: int = FILETYPE_PEM) -> None:
        """Use the certificate of a file. Error, with the path in its message, if there is none."""
        pem = _file_type(filetype)
        data = read_file(certfile, SSL_ERRORS)
        self._use_certificate(load_certificate(data, pem, SSL_ERRORS, f"no certificate in {certfile!r}"))

    def use_certificate_chain_file(self, certfile: Path) -> None:
        """Use the first certificate of a PEM file, and the rest as its chain."""
        leaf, *chain = load_certificates(
            read_file(certfile, SSL_ERRORS), SSL_ERRORS, f"no certificates in {certfile!r}"
        )
        self._use_certificate(leaf, chain)

    def add_extra_chain_cert(self, certobj: X509) -> None:
        """Send a further certificate after our own."""
        self._add_extra_chain(_x509(certobj)._x509)

    def use_privatekey(self, pkey: PKey) -> None:
        """Use a private key (a PKey, or one of cryptography's). Error if it does not match the certificate."""
        key = pkey if isinstance(pkey, PKey) else PKey.from_cryptography_key(pkey)
        if key._only_public:
            raise ValueError("Key only has public part")
        self._use_key(key._pkey)

    def use_privatekey_file(self, keyfile: Path, filetype: int = FILETYPE_PEM) -> None:
        """Use the private key of a file, asking `set_passwd_cb`'s callback if it is encrypted; never the terminal."""
        pem = _file_type(filetype)
        request = PassphraseRequest(self._passphrase, truncate=True)
        data = read_file(keyfile, SSL_ERRORS)
        self._use_key(load_private_key(data, pem, request, SSL_ERRORS, f"no private key in {keyfile!r}"))

    def set_passwd_cb(self, callback: Callable[..., bytes], userdata: Any = None) -> None:
        """Call ``callback(maxlen, verify, userdata) -> bytes`` for the passphrase of a key file."""
        ask = function(callback)
        self._passphrase = lambda maxlen, verify: ask(maxlen, int(verify), userdata)

    def check_privatekey(self) -> None:
        """Raise Error unless the private key matches the certificate."""
        self._check_key()

    # -- trust and verification -------------------------------------------------------------------------------------

    def load_verify_locations(self, cafile: Path | None, capath: Path | None = None) -> None:
        """Trust the certificates of a PEM file, of a hashed directory, or both."""
        if cafile is None and capath is None:
            raise SSL_ERRORS.failure("cafile and capath cannot both be None")
        data = None if cafile is None else read_file(cafile, SSL_ERRORS)
        if data is not None:
            self._trust.load_pem(data, repr(cafile))
        if capath is not None:
            self._trust.add_directory(capath)

    def set_default_verify_paths(self) -> None:
        """Trust what the system trusts: SSL_CERT_FILE, SSL_CERT_DIR, or where the platform keeps its certificates."""
        self._trust.load_default_paths()

    def get_cert_store(self) -> X509Store:
        """The context's trust store; what is added to it is trusted by later connections."""
        return X509Store._wrap(self._trust)

    def set_verify(self, mode: int, callback: VerifyCallback | None = None) -> None:
        """Set ``VERIFY_*`` bits, and what may overrule the verdict: ``callback(connection, x509, error, depth, ok)``.

        What the callback raises is raised by the running operation, and the peer is sent an alert.
        """
        self._set_verify(bits(mode, "mode"), verifier(callback), callback)

    def set_verify_depth(self, depth: int) -> None:
        """Allow chains with at most ``depth`` certificates between our peer's and a trusted one."""
        self._set_verify_depth(integer(depth, "depth"))

    def get_verify_mode(self) -> int:
        """The ``VERIFY_*`` bits that are set."""
        return int(lib.SSL_CTX_get_verify_mode(self.ctx))

    def get_verify_depth(self) -> int:
        """What `set_verify_depth` set; -1 by default."""
        return int(lib.SSL_CTX_get_verify_depth(self.ctx))

    def load_client_ca(self, cafile: Path) -> None:
        """Ask clients for certificates of the issuers in a PEM file. It makes none of them trusted.

        As in the original, a path that is a str gives a DeprecationWarning.
        """
        data = read_file(without_text(cafile, "cafile"), SSL_ERRORS)
        certificates = load_certificates(data, SSL_ERRORS, f"no certificates in {cafile!r}")
        self._offer_cas([X509._wrap(cert).get_subject()._name for cert in certificates])

    def set_client_ca_list(self, certificate_authorities: Sequence[X509Name]) -> None:
        """Ask clients for certificates of these issuers."""
        for name in certificate_authorities:
            if not isinstance(name, X509Name):
                raise TypeError(f"client CAs must be X509Name objects, not {type(name).__name__} objects")
        self._offer_cas([X509Name(name)._name for name in certificate_authorities])

    def add_client_ca(self, certificate_authority: X509) -> None:
        """Ask clients for certificates of one issuer more."""
        self._offer_cas([*self._client_cas, X509Name(_x509(certificate_authority).get_subject())._name])

    def _offer_cas(self, names: list[CData]) -> None:
        self._set_client_cas(names, tuple(X509Name._wrap(name).der() for name in names))
        self._client_cas = names

    # -- sessions ---------------------------------------------------------------------------------------------------

    def set_session_cache_mode(self, mode: int) -> int:
        """Set ``SESS_CACHE_*`` bits and return what was set before."""
        return self._set_session_cache_mode(bits(mode, "mode"))

    def get_session_cache_mode(self) -> int:
        """The ``SESS_CACHE_*`` bits that are set."""
        return int(lib.SSL_CTX_get_session_cache_mode(self.ctx))

    def set_session_id(self, buf: bytes) -> None:
        """Let sessions be resumed only where the same 0 to 32 bytes are set."""
        self._set_session_id_context(byte_string(buf, "buf", "buf must be a byte string"))

    def set_timeout(self, timeout: int) -> int:
        """Set how many seconds (0 to 2**31-1) new sessions can be resumed; return what it was, 7200 by default."""
        return self._set_timeout(integer(timeout, "timeout", 0))

    def get_timeout(self) -> int:
        """How many seconds new sessions can be resumed."""
        return int(lib.SSL_CTX_get_timeout(self.ctx))

    # -- callbacks --------------------------------------------------------------------------------------------------

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

    def set_alpn_protos(self, protos: list[bytes]) -> None:
        """Offer these protocols (1 to 255 bytes each) as a client."""
        ContextCore._set_alpn(self, protocols(protos))

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

    def set_app_data(self, data: Any) -> None:
        """Keep any object with the context."""
        self._app_data = data

    def get_app_data(self) -> Any:
        """What `set_app_data` was given; None by default."""
        return self._app_data


def _x509(cert: X509) -> X509:
    return cert if isinstance(cert, X509) else X509.from_cryptography(cert)


def verifier(callback: VerifyCallback | None) -> Callable[..., Any] | None:
    """The core's verify callback that calls pyOpenSSL's."""
    if callback is None:
        return None
    judge = function(callback)

    def verify(connection: Connection, certificate: CData, error: int, depth: int, ok: int) -> Any:
        return judge(connection, None if certificate is None else X509._wrap(certificate), error, depth, ok)

    return verify


def _alpn_choice(choice: object) -> bytes | None:
    if choice is c.NO_OVERLAPPING_PROTOCOLS:
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


Context.__module__ = "openssl_bio.SSL"
