"""Small writes that share records: what is written in the block is sealed when it ends."""

from memory import client_context, new_pair, server_context, shake_hands


def main() -> None:
    client, server = new_pair(client_context(), server_context())
    shake_hands(client, server)
    with client.corked():
        for number in range(1000):
            client.send(b"%03d\n" % number)
    print(len(client.bio_read(100_000)), "bytes of ciphertext for 4000")


if __name__ == "__main__":
    main()
