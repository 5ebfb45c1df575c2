"""Who is measured: each subject makes contexts and connections with one library, and names its calls alike.

The calls of an `End` are the library's own bound methods, so that nothing of ours is measured with them.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openssl_bio import crypto


def new_certificate(folder: Path) -> Path:
    """A self-signed certificate on P-256 and its key, in one PEM file."""
    key, certificate = crypto.PKey(), crypto.X509()
    key.generate_key(crypto.TYPE_EC, 256)
    certificate.set_version(2)
    certificate.get_subject().CN = "benchmark.test"
    certificate.set_issuer(certificate.get_subject())
    certificate.set_pubkey(key)
    certificate.gmtime_adj_notBefore(-3600)
    certificate.gmtime_adj_notAfter(24 * 3600)
    certificate.sign(key, "sha256")
    path = folder / "identity.pem"
    path.write_bytes(
        crypto.dump_certificate(crypto.FILETYPE_PEM, certificate) + crypto.dump_privatekey(crypto.FILETYPE_PEM, key)
    )
    return path


@dataclass(slots=True, eq=False)
class End:
    """One end of a connection, by what its calls do."""

    object: Any
    handshake: Callable[[], Any]
    want_read: type[Exception]
    write: Callable[[bytes], int]
    write_all: Callable[[bytes], int]  # for more than a record: pyOpenSSL's send stops after one
    read: Callable[[int], bytes]
    take: Callable[[int], bytes]
    feed: Callable[[bytes], int]
    pending: Callable[[], int]

    def is_done(self) -> bool:
        """Go on with the handshake, and say whether it is over."""
        try:
            self.handshake()
        except self.want_read:
            return False
        return True

    def carry_to(self, other: End) -> None:
        """Take to the other end what there is for it."""
        try:
            other.feed(self.take(16384))
        except self.want_read:
            return


class Subject:
    """One library, in one of its forms."""

    def __init__(self, name: str, module: Any, certificate: Path, *, one_call: bool = False) -> None:
        self.name, self.module, self.certificate, self.one_call = name, module, certificate, one_call

    def contexts(self, ciphers: str | None) -> tuple[Any, Any]:
        """A client's context and a server's, both for TLS 1.3 alone; ``ciphers`` may be a TLS 1.3 suite."""
        raise NotImplementedError

    def client(self, context: Any, session: Any = None) -> End:
        raise NotImplementedError

    def server(self, context: Any) -> End:
        raise NotImplementedError

    def bare_client(self, context: Any) -> Any:
        """A client's connection alone."""
        raise NotImplementedError

    def verify(self, context: Any) -> None:
        """Let a client's context verify its servers."""
        raise NotImplementedError

    def bare_client_of(self, context: Any, host: str) -> Any:
        """The same, which asks its server for this name, and verifies it where the library can do that.

        An address is only verified.
        """
        raise NotImplementedError

    def session(self, end: End) -> Any:
        raise NotImplementedError

    def handshake(self, client: End, server: End) -> None:
        """Finish the handshake, with the server's tickets read by the client."""
        client_is_done = server_is_done = False
        while not (client_is_done and server_is_done):
            client_is_done = client_is_done or client.is_done()
            client.carry_to(server)
            server_is_done = server_is_done or server.is_done()
            server.carry_to(client)
        with suppress(client.want_read):
            client.read(1)

    def pair(self, ciphers: str | None) -> tuple[Any, Any]:
        """Two ends that are connected; for the one-call form, the connections themselves."""
        client, server = self.contexts(ciphers)
        ends = self.client(client), self.server(server)
        self.handshake(*ends)
        return (ends[0].object, ends[1].object) if self.one_call else ends


class Stdlib(Subject):
    """The shape of Python's ``ssl``: SSLObject, and MemoryBIO, which may be another module's."""

    def __init__(self, name: str, module: Any, certificate: Path, *, bio: Any = None) -> None:
        super().__init__(name, module, certificate)
        self.bio = bio or module.MemoryBIO

    def contexts(self, ciphers: str | None) -> tuple[Any, Any]:
        ssl = self.module
        client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        for context in (client, server):
            context.minimum_version = ssl.TLSVersion.TLSv1_3
            if ciphers is not None:
                _set_ciphersuites(context, ciphers)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        server.load_cert_chain(self.certificate)
        return client, server

    def bare_client(self, context: Any) -> Any:
        return context.wrap_bio(self.bio(), self.bio())

    def verify(self, context: Any) -> None:
        context.check_hostname = True

    def bare_client_of(self, context: Any, host: str) -> Any:
        return context.wrap_bio(self.bio(), self.bio(), server_hostname=host)

    def _end(self, context: Any, *, server: bool, session: Any = None) -> End:
        incoming, outgoing = self.bio(), self.bio()
        sslobject = context.wrap_bio(incoming, outgoing, server_side=server, session=session)
        return End(
            sslobject, sslobject.do_handshake, self.module.SSLWantReadError, sslobject.write, sslobject.write,
            sslobject.read, outgoing.read, incoming.write, sslobject.pending,
        )  # fmt: skip

    def client(self, context: Any, session: Any = None) -> End:
        return self._end(context, server=False, session=session)

    def server(self, context: Any) -> End:
        return self._end(context, server=True)

    def session(self, end: End) -> Any:
        return end.object.session


class PyOpenSSL(Subject):
    """The shape of pyOpenSSL: Connection with BIO calls of its own."""

    def contexts(self, ciphers: str | None) -> tuple[Any, Any]:
        module = self.module
        client, server = module.Context(module.TLS_METHOD), module.Context(module.TLS_METHOD)
        for context in (client, server):
            context.set_min_proto_version(module.TLS1_3_VERSION)
            if ciphers is not None:
                self._set_ciphersuites(context, ciphers.encode())
        server.use_certificate_chain_file(str(self.certificate))
        server.use_privatekey_file(str(self.certificate))
        server.set_session_id(b"benchmark")
        return client, server

    def _set_ciphersuites(self, context: Any, ciphers: bytes) -> None:
        if hasattr(context, "set_tls13_ciphersuites"):
            context.set_tls13_ciphersuites(ciphers)
        else:  # before pyOpenSSL 25.2
            assert self.module._lib.SSL_CTX_set_ciphersuites(context._context, ciphers) == 1

    def bare_client(self, context: Any) -> Any:
        connection = self.module.Connection(context, None)
        connection.set_connect_state()
        return connection

    def verify(self, context: Any) -> None:
        context.set_verify(self.module.VERIFY_PEER)

    def bare_client_of(self, context: Any, host: str) -> Any:
        connection = self.module.Connection(context, None)
        connection.set_connect_state()
        if not host[-1].isdigit():
            connection.set_tlsext_host_name(host.encode())
        if self.name != "pyOpenSSL":  # which leaves names to its users
            connection.set_verify_host(host)
        return connection

    def _end(self, connection: Any) -> End:
        return End(
            connection, connection.do_handshake, self.module.WantReadError, connection.send, connection.sendall,
            connection.recv, connection.bio_read, connection.bio_write, connection.pending,
        )  # fmt: skip

    def client(self, context: Any, session: Any = None) -> End:
        connection = self.module.Connection(context, None)
        connection.set_connect_state()
        if session is not None:
            connection.set_session(session)
        return self._end(connection)

    def server(self, context: Any) -> End:
        connection = self.module.Connection(context, None)
        connection.set_accept_state()
        return self._end(connection)

    def session(self, end: End) -> Any:
        return end.object.get_session()


def _set_ciphersuites(context: Any, ciphers: str) -> None:
    """Set TLS 1.3 suites. Python has the call since 3.15; before, libssl is asked at the address in its object."""
    if hasattr(context, "set_ciphersuites"):
        context.set_ciphersuites(ciphers)
        return
    import ctypes

    header = object.__basicsize__
    pointer = ctypes.c_void_p.from_address(id(context) + header)
    libssl = ctypes.CDLL(importlib.import_module("_ssl").__file__)
    done = libssl.SSL_CTX_set_ciphersuites(pointer, ciphers.encode())
    assert done == 1, ciphers


def subjects(certificate: Path) -> dict[str, Subject]:
    """Every subject that is there; Python's ``ssl``, with which all are compared, is the first."""
    found: dict[str, Subject] = {}
    kinds: list[tuple[str, type[Subject], str]] = [
        ("ssl", Stdlib, "ssl"),
        ("pyOpenSSL", PyOpenSSL, "OpenSSL.SSL"),
        ("SSL", PyOpenSSL, "openssl_bio.SSL"),
        ("stdlib", Stdlib, "openssl_bio.stdlib"),
    ]
    for name, kind, path in kinds:
        try:
            module = importlib.import_module(path)
        except ModuleNotFoundError:
            continue
        found[name] = kind(name, module, certificate)
    found["ssl's BIOs"] = Stdlib("ssl's BIOs", found["stdlib"].module, certificate, bio=found["ssl"].module.MemoryBIO)
    connection = importlib.import_module("openssl_bio.SSL").Connection
    if hasattr(connection, "receive_data"):
        found["one call"] = PyOpenSSL(
            "one call", importlib.import_module("openssl_bio.SSL"), certificate, one_call=True
        )
    return found
