"""A client and a server in one process, without sockets: the bytes of TLS are carried by hand."""

from openssl_bio import SSL


def server_context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.use_certificate_chain_file("server.pem")
    context.use_privatekey_file("server.key")
    return context


def client_context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.load_verify_locations("ca.pem")
    context.set_verify(SSL.VERIFY_PEER)  # without it, nothing is verified
    return context


def new_pair(for_client: SSL.Context, for_server: SSL.Context) -> tuple[SSL.Connection, SSL.Connection]:
    client, server = SSL.Connection(for_client), SSL.Connection(for_server)
    client.set_connect_state()
    server.set_accept_state()
    client.set_tlsext_host_name(b"localhost")  # which certificate we would like to see
    client.set_verify_host("localhost")  # which name it has to have
    return client, server


def carry(source: SSL.Connection, target: SSL.Connection) -> None:
    """Take what one side has to send to the other side."""
    while True:
        try:
            data = source.bio_read(65536)
        except SSL.WantReadError:  # it has nothing to send
            return
        target.bio_write(data)


def shake_hands(client: SSL.Connection, server: SSL.Connection) -> None:
    waiting = [client, server]
    while waiting:
        for connection in list(waiting):
            try:
                connection.do_handshake()
                waiting.remove(connection)
            except SSL.WantReadError:  # it waits for bytes of the other side
                pass
            carry(client, server)
            carry(server, client)


def main() -> None:
    client, server = new_pair(client_context(), server_context())
    shake_hands(client, server)
    print(client.get_protocol_version_name(), client.get_cipher_name())
    client.send(b"hello")
    carry(client, server)
    print(server.recv(100))
    client.shutdown()  # close_notify: no more comes from the client
    carry(client, server)
    try:
        server.recv(100)
    except SSL.ZeroReturnError:
        print("the client has closed")


if __name__ == "__main__":
    main()
