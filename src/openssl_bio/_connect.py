"""``openssl-bio connect``: one connection to a server, and what there is to know of it."""

from __future__ import annotations

import argparse
import ipaddress
import socket
from dataclasses import dataclass

from openssl_bio import SSL, crypto
from openssl_bio import _report as report
from openssl_bio._core.hosts import address_of
from openssl_bio._wire import Wire, start_tls

_PORTS = {None: 443, "smtp": 587, "imap": 143, "postgres": 5432}
# What part of the time for a step a server has to answer our end: many do not answer, a few refuse us there.
_LAST_WORDS = 0.1


@dataclass(frozen=True)
class Target:
    """A host name or IP address without brackets, and a port, or None for the protocol's own."""

    host: str
    port: int | None


def parse_target(text: str) -> Target:
    """``HOST``, ``HOST:PORT``, ``[IPV6]`` or ``[IPV6]:PORT``. ValueError, with a message for people, otherwise."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        ipaddress.IPv6Address(host)
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not [ADDRESS]:PORT")
        colon, port = rest[:1], rest[1:]
    else:
        host, colon, port = text.partition(":")
        if ":" in port:
            raise ValueError("an IPv6 address needs brackets")
    if not host or not host.isascii() or not host.isprintable() or len(host) > 255:
        raise ValueError("the host must be 1 to 255 ASCII characters (A-labels for other scripts)")
    if not all(0 < len(label) <= 63 for label in host.removesuffix(".").split(".")):
        raise ValueError("each part of the host's name must have 1 to 63 characters")
    if not colon:
        return Target(host, None)
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= 65535):
        raise ValueError("the port must be from 1 to 65535")
    return Target(host, int(port))


@dataclass(frozen=True)
class _Failure:
    """What a verify callback was told."""

    code: int
    depth: int
    subject: str

    def __str__(self) -> str:
        return f"{report.reason(self.code)}, at depth {self.depth}: {self.subject}"


class _Client:
    """A client that notes why verification failed and goes on, so that there is something to show."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.failures: list[_Failure] = []
        self.staple: bytes | None = None
        self.name: str = options.servername or options.target.host
        self.connection = SSL.Connection(self._context(options))
        self.connection.set_connect_state()
        self.connection.set_verify_host(self.name)
        # RFC 6066, section 3: addresses are no server names.
        if address_of(self.name) is None:
            self.connection.set_tlsext_host_name(self.name.encode())
        if options.ocsp:
            self.connection.request_ocsp()

    def _context(self, options: argparse.Namespace) -> SSL.Context:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        if options.cafile:
            context.load_verify_locations(options.cafile)
        else:
            context.set_default_verify_paths()
        context.set_verify(SSL.VERIFY_PEER, self._note)
        context.set_min_proto_version(options.min_version or min(options.max_version or 1 << 16, SSL.TLS1_2_VERSION))
        context.set_max_proto_version(options.max_version or 0)
        if options.alpn:
            context.set_alpn_protos(options.alpn)
        if options.cert:
            context.use_certificate_chain_file(options.cert)
            context.use_privatekey_file(options.key or options.cert)
            context.check_privatekey()
        if options.ocsp:
            context.set_ocsp_client_callback(self._keep_staple)
        return context

    def _note(self, _: SSL.Connection, certificate: crypto.X509, code: int, depth: int, ok: int) -> bool:
        if not ok:
            self.failures.append(_Failure(code, depth, report.distinguished(certificate.get_subject())))
        return True

    def _keep_staple(self, _connection: SSL.Connection, response: bytes, _data: object) -> bool:
        self.staple = response
        return True

    def verified(self) -> bool:
        """Whether the server showed a certificate and nothing was wrong with it."""
        return not self.failures and self.connection.get_peer_certificate() is not None


def connect(options: argparse.Namespace) -> int:
    """Connect, print what was negotiated, and return 0 if the server is verified or else 1.

    OSError or SSL.Error if there is no connection, or if files of certificates cannot be used.
    """
    client = _Client(options)
    target: Target = options.target
    port = target.port or _PORTS[options.starttls]
    with _connected(target.host, port, options.timeout) as sock:
        # A server that refuses us hangs up, and then the socket knows its address no more.
        address = sock.getpeername()[0]
        if options.starttls:
            start_tls(sock, options.starttls, options.timeout)
        wire = Wire(client.connection, sock, options.timeout)
        wire.handshake()
        _show(client, options, f"{target.host} port {port}, {address}")
        wire.close(options.timeout * _LAST_WORDS)
    return 0 if client.verified() else 1


def _connected(host: str, port: int, timeout: float) -> socket.socket:
    try:
        return socket.create_connection((host, port), timeout)
    except OSError as error:
        raise ConnectionError(f"cannot connect to {host} port {port}: {report.explain(error)}") from error


def _show(client: _Client, options: argparse.Namespace, peer: str) -> None:
    connection = client.connection
    report.heading("Connection")
    report.row("server", peer)
    report.negotiated(connection, connection.get_servername())
    if options.ocsp:
        report.row("OCSP staple", report.staple(client.staple))
    certificates = connection.get_peer_cert_chain() or []
    report.heading("Certificates that the server sent")
    report.chain(certificates)
    report.heading("Verification")
    if client.verified():
        report.verdict("verified", True, f"yes, for {client.name}")
    else:
        report.verdict("verified", False, f"NO, for {client.name}")
        for failure in client.failures:
            report.verdict("because", False, str(failure))
    if options.show_certs:
        for certificate in certificates:
            print(crypto.dump_certificate(crypto.FILETYPE_PEM, certificate).decode(), end="", flush=True)
