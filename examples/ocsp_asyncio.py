"""Ask an OCSP responder about a server before it is believed, while the event loop goes on with other things.

The verify callback answers `SUSPEND`, so the handshake stops with `Suspended`; `TLSStream` awaits the responder and
tells the handshake the verdict.  Stock asyncio transports cannot wait there, hence the small stream of our own.

Run it: ``python examples/ocsp_asyncio.py`` makes an authority, a responder and two servers on loopback, one of which
has a certificate that was revoked.  It needs the package ``cryptography``.
"""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Awaitable, Callable
from typing import Any
from weakref import WeakKeyDictionary

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from openssl_bio import SUSPEND, Credential, Suspended, TrustStore, stdlib

PATIENCE = 5.0  # seconds to wait for a responder
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)

Check = Callable[[list[bytes]], Awaitable[bool]]


# -- the client: a stream that may wait for a verdict ------------------------------------------------------------------


class Verifying:
    """A client's context whose connections suspend once OpenSSL is content with the server's chain."""

    def __init__(self, trusted: TrustStore) -> None:
        self.chains: WeakKeyDictionary[stdlib.SSLObject, list[bytes]] = WeakKeyDictionary()
        self.context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
        self.context.use_trust_store(trusted)
        self.context.set_verify_chain(self._judge)

    def _judge(self, connection: stdlib.SSLObject, chain: list[bytes], error: Exception | None) -> Any:
        if error is not None:
            return False
        self.chains[connection] = chain
        return SUSPEND


class TLSStream:
    """TLS over asyncio's plain streams."""

    def __init__(self, tls: stdlib.SSLObject, incoming: Any, outgoing: Any, streams: tuple[Any, Any]) -> None:
        self.tls, self.incoming, self.outgoing = tls, incoming, outgoing
        self.reader, self.writer = streams

    @classmethod
    async def connect(cls, verifying: Verifying, check: Check, host: str, port: int, name: str) -> TLSStream:
        """Connect to a server; ``check(chain)`` is awaited for a verdict. ``ssl.SSLError`` if it is refused."""
        incoming, outgoing = stdlib.MemoryBIO(), stdlib.MemoryBIO()
        tls = verifying.context.wrap_bio(incoming, outgoing, server_hostname=name)
        stream = cls(tls, incoming, outgoing, await asyncio.open_connection(host, port))
        try:
            await stream.run(tls.do_handshake, lambda: check(verifying.chains[tls]))
        except BaseException:
            stream.writer.close()
            raise
        return stream

    async def run(self, operation: Callable[[], Any], verdict: Callable[[], Awaitable[bool]] | None = None) -> Any:
        """Run an operation until it is done, moving bytes, and awaiting the verdict it is suspended for."""
        while True:
            try:
                return operation()
            except Suspended:
                assert verdict is not None
                self.tls.resume_handshake(await verdict())
            except ssl.SSLWantReadError:
                await self.flush()
                data = await self.reader.read(1 << 16)
                if data:
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()
            finally:
                await self.flush()

    async def flush(self) -> None:
        if self.outgoing.pending:
            self.writer.write(self.outgoing.read())
            await self.writer.drain()

    async def read(self, size: int = 1 << 16) -> bytes:
        data: bytes = await self.run(lambda: self.tls.read(size))
        return data


# -- OCSP (RFC 6960) over HTTP -----------------------------------------------------------------------------------------


async def ask_responder(chain: list[bytes], host: str, port: int) -> bool:
    """Whether a responder says that the first certificate of a chain is good: False if it does not answer in time."""
    leaf, issuer = (x509.load_der_x509_certificate(der) for der in chain[:2])
    request = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256()).build()
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await post(host, port, request.public_bytes(Encoding.DER))
    except (OSError, TimeoutError):
        return False
    return is_good(answer, leaf, issuer)


async def post(host: str, port: int, body: bytes) -> bytes:
    """The body of the answer to an HTTP request."""
    reader, writer = await asyncio.open_connection(host, port)
    head = f"POST / HTTP/1.0\r\nContent-Type: application/ocsp-request\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    try:
        return (await reader.read()).partition(b"\r\n\r\n")[2]
    finally:
        writer.close()


def is_good(answer: bytes, leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer itself has signed that its certificate is good, and that is recent."""
    try:
        response = ocsp.load_der_ocsp_response(answer)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            return False
        key, digest = issuer.public_key(), response.signature_hash_algorithm
        if not isinstance(key, ec.EllipticCurvePublicKey) or digest is None:
            return False
        key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(digest))
    except (ValueError, InvalidSignature):
        return False
    until = response.next_update_utc
    return (
        response.certificate_status is ocsp.OCSPCertStatus.GOOD
        and response.serial_number == leaf.serial_number
        and response.this_update_utc <= datetime.datetime.now(datetime.UTC)
        and until is not None
        and until > datetime.datetime.now(datetime.UTC)
    )


# -- the other side: an authority with its responder, and servers ------------------------------------------------------


class Authority:
    """It issues certificates, and answers what has become of them."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self.sign("an authority", self.key, is_authority=True)
        self.revoked: set[int] = set()

    def sign(self, name: str, key: ec.EllipticCurvePrivateKey, *, is_authority: bool) -> x509.Certificate:
        def named(text: str) -> x509.Name:
            return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

        builder = x509.CertificateBuilder(named("an authority"), named(name), key.public_key())
        builder = builder.serial_number(x509.random_serial_number()).not_valid_before(NOW - DAY)
        builder = builder.not_valid_after(NOW + DAY)
        builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name: str, *, revoked: bool = False) -> Credential:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self.sign(name, key, is_authority=False)
        if revoked:
            self.revoked.add(certificate.serial_number)
        return Credential.load(certificate, key)

    async def respond(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one HTTP request with an OCSP response."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        size = next(int(line.partition(":")[2]) for line in head.splitlines() if line.startswith("content-length"))
        request = ocsp.load_der_ocsp_request(await reader.readexactly(size))
        revoked = request.serial_number in self.revoked
        builder = ocsp.OCSPResponseBuilder().add_response_by_hash(
            request.issuer_name_hash,
            request.issuer_key_hash,
            request.serial_number,
            hashes.SHA256(),
            ocsp.OCSPCertStatus.REVOKED if revoked else ocsp.OCSPCertStatus.GOOD,
            NOW,
            NOW + DAY,
            NOW if revoked else None,
            None,
        )
        response = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, self.certificate).sign(
            self.key, hashes.SHA256()
        )
        body = response.public_bytes(Encoding.DER)
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: application/ocsp-response\r\n\r\n" + body)
        await writer.drain()
        writer.close()


async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    await writer.drain()
    writer.close()


async def serve(credential: Credential) -> asyncio.Server:
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
    context.use_credentials(credential)
    return await asyncio.start_server(greet, "127.0.0.1", 0, ssl=context)


def port_of(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port


async def main() -> None:
    """Connect to a server whose certificate is good, to one whose was revoked, and to one while nobody responds."""
    authority = Authority()
    responder = await asyncio.start_server(authority.respond, "127.0.0.1", 0)
    servers = {
        "good": await serve(authority.issue("localhost")),
        "revoked": await serve(authority.issue("localhost", revoked=True)),
    }
    verifying = Verifying(TrustStore(authority.certificate))
    responder_port = port_of(responder)

    def check(chain: list[bytes]) -> Awaitable[bool]:
        return ask_responder(chain, "127.0.0.1", responder_port)

    for name in ("good", "revoked", "nobody responds"):
        if name == "nobody responds":
            responder.close()
        try:
            server = servers.get(name, servers["good"])
            stream = await TLSStream.connect(verifying, check, "127.0.0.1", port_of(server), "localhost")
        except ssl.SSLError as error:
            print(f"{name}: refused, {getattr(error, 'verify_message', error)}")
        else:
            print(f"{name}: accepted, it says {(await stream.read()).decode()!r}")
            stream.writer.close()
    for server in servers.values():
        server.close()


if __name__ == "__main__":
    asyncio.run(main())
