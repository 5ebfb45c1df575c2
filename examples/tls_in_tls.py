"""TLS inside TLS, as through a proxy that is itself spoken to in TLS: the inner records are the outer plaintext."""

from memory import client_context, new_pair, server_context, shake_hands

from openssl_bio import SSL


class Nested:
    """One end: a connection to the server behind the proxy, inside the one to the proxy."""

    def __init__(self, inner: SSL.Connection, outer: SSL.Connection) -> None:
        self.inner, self.outer = inner, outer

    def receive(self, data: bytes) -> bytes:
        """Take what came from the network, and give the inner plaintext."""
        return self.inner.receive_data(self.outer.receive_data(data))

    def send(self, plaintext: bytes) -> bytes:
        """Seal twice, and give what is to be sent."""
        return self.outer.send_data(self.inner.send_data(plaintext))

    def data_to_send(self) -> bytes:
        """What the connections themselves have to say; the inner handshake, for one."""
        return self.outer.send_data(self.inner.data_to_send())


def main() -> None:
    outer = new_pair(client_context(), server_context())
    shake_hands(*outer)  # with the proxy; it would now be asked to connect to the server
    inner = new_pair(client_context(), server_context())
    client, server = (Nested(*ends) for ends in zip(inner, outer, strict=True))
    plaintext = b""
    while data := client.data_to_send():
        plaintext += server.receive(data)
        plaintext += client.receive(server.data_to_send())
    plaintext += server.receive(client.send(b"hello"))
    print(plaintext)


if __name__ == "__main__":
    main()
