"""One server with several names: the callback gives the connection the context of the name that was asked for."""

from memory import client_context, new_pair, server_context, shake_hands

from openssl_bio import SSL


def main() -> None:
    other = SSL.Context(SSL.TLS_SERVER_METHOD)
    other.use_certificate_chain_file("renewed.pem")
    other.use_privatekey_file("renewed.key")
    contexts = {b"example.test": other}

    def choose(connection: SSL.Connection) -> None:
        found = contexts.get(connection.get_servername() or b"")
        if found is not None:
            connection.set_context(found)

    default = server_context()
    default.set_tlsext_servername_callback(choose)
    for name in (b"localhost", b"example.test"):
        client, server = new_pair(client_context(), default)
        client.set_tlsext_host_name(name)
        client.set_verify_host(name.decode())
        shake_hands(client, server)
        certificate = client.get_peer_certificate()
        assert certificate is not None
        print(name, "->", certificate.get_subject().CN)


if __name__ == "__main__":
    main()
