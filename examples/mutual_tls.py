"""Mutual TLS: the server demands a certificate of the client, and tells who it is."""

from memory import carry, client_context, new_pair, server_context, shake_hands

from openssl_bio import SSL


def main() -> None:
    for_server = server_context()
    for_server.load_verify_locations("ca.pem")  # who may have issued the clients' certificates
    for_server.load_client_ca(b"ca.pem")  # and tell clients so, who may have several
    for_server.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    for_server.set_session_id(b"an example")  # a server that verifies clients needs one, to resume sessions

    for_client = client_context()
    for_client.use_certificate_chain_file("client.pem")
    for_client.use_privatekey_file("client.key")
    client, server = new_pair(for_client, for_server)
    shake_hands(client, server)
    certificate = server.get_peer_certificate()
    assert certificate is not None
    print("the client is", certificate.get_subject().CN)

    stranger, server = new_pair(client_context(), for_server)
    try:
        shake_hands(stranger, server)
    except SSL.Error as error:
        print("refused:", error.args[0][0][2])
    carry(server, stranger)


if __name__ == "__main__":
    main()
