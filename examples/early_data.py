"""Early data: a client that comes back sends a request along with its first flight."""

from memory import carry, client_context, new_pair, server_context, shake_hands

from openssl_bio import SSL


def main() -> None:
    for_client, for_server = client_context(), server_context()
    for_server.set_max_early_data(16384)
    client, server = new_pair(for_client, for_server)
    shake_hands(client, server)
    try:
        client.recv(1)
    except SSL.WantReadError:
        session = client.get_session()
    assert session is not None

    client, server = new_pair(for_client, for_server)
    client.set_session(session)
    client.write_early_data(b"GET / HTTP/1.0")
    carry(client, server)
    print(server.read_early_data(1000))
    try:
        server.read_early_data(1000)  # b"" would be the end; the client has not said yet that there is no more
    except SSL.WantReadError:
        shake_hands(client, server)
    print("early data:", client.early_data_status())


if __name__ == "__main__":
    main()
