"""The same with the face of Python's ssl: an SSLObject between two MemoryBIOs."""

from openssl_bio import stdlib as ssl


def main() -> None:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain("server.pem", "server.key")
    client_context = ssl.create_default_context(cafile="ca.pem")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    waiting = [client, server]
    while waiting:
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:  # the other side has to speak first
                pass
    client.write(b"hello")
    print(client.version(), server.read(100))


if __name__ == "__main__":
    main()
