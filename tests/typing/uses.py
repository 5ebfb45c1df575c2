"""Typical uses, which mypy checks and nobody runs."""

from openssl_bio import SSL, crypto


def client(name: bytes) -> SSL.Connection:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_verify(SSL.VERIFY_PEER, accept)
    context.set_alpn_protos([b"h2", b"http/1.1"])
    connection = SSL.Connection(context, None)
    connection.set_tlsext_host_name(name)
    connection.set_connect_state()
    return connection


def accept(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int) -> bool:
    return ok == 1 and certificate.get_subject().CN is not None


def step(connection: SSL.Connection, data: bytes) -> bytes:
    connection.bio_write(data)
    try:
        connection.do_handshake()
    except SSL.WantReadError:
        return connection.bio_read(65536)
    chain: list[crypto.X509] | None = connection.get_peer_cert_chain()
    return connection.recv(len(chain or []))
