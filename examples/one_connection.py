"""Settings of one connection: a server that asks some of its clients for more than others."""

from contextlib import suppress

from openssl_bio import ClientHello
from openssl_bio import stdlib as ssl


def choose(connection: ssl.SSLObject, hello: ClientHello) -> None:
    """Called when it is known who calls; what is set here is set for this connection alone."""
    if hello.server_name == "localhost":
        connection.set_alpn_protocols(["h2"])
        connection.maximum_version = ssl.TLSVersion.TLSv1_2


def connect(client_context: ssl.SSLContext, server_context: ssl.SSLContext, name: str) -> ssl.SSLObject:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    client.keylog_callback = lambda _connection, line: secrets.append(line)  # before the handshake begins
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server, client):
        with suppress(ssl.SSLWantReadError):  # the other side has to speak first
            side.do_handshake()
    return client


secrets: list[str] = []


def main() -> None:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain("server.pem", "server.key")
    server_context.set_client_hello_callback(choose)
    client_context = ssl.create_default_context(cafile="ca.pem")
    client_context.set_alpn_protocols(["h2", "http/1.1"])
    for name in ("localhost", "127.0.0.1"):
        client = connect(client_context, server_context, name)
        print(name, client.version(), client.selected_alpn_protocol())
        material = client.export_keying_material("EXPORTER-an-example", 32)  # the server derives the same
        assert len(material) == 32
    print("secrets:", len(secrets))


if __name__ == "__main__":
    main()
