"""One call for each event: what came from the network goes in, and what is to be sent comes out."""

from memory import client_context, new_pair, server_context


def main() -> None:
    client, server = new_pair(client_context(), server_context())
    to_server = client.data_to_send()  # begins the handshake
    while to_server:
        server.receive_data(to_server)  # b"" as long as there is no plaintext
        client.receive_data(server.data_to_send())
        to_server = client.data_to_send()
    print(server.receive_data(client.send_data(b"hello")))
    print(client.receive_data(server.send_data_many([b"hel", b"lo"])))


if __name__ == "__main__":
    main()
