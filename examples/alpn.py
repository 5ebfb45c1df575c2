"""ALPN: which protocol is spoken over TLS."""

from typing import Any

from memory import client_context, new_pair, server_context, shake_hands

from openssl_bio import SSL

WE_SPEAK = [b"h2", b"http/1.1"]  # best first


def choose(_connection: SSL.Connection, offered: list[bytes]) -> Any:
    """The server's choice; an exception of ours would end the handshake."""
    return next((name for name in WE_SPEAK if name in offered), SSL.NO_OVERLAPPING_PROTOCOLS)


def main() -> None:
    for_server = server_context()
    for_server.set_alpn_select_callback(choose)
    for offer in ([b"http/1.1", b"h2"], [b"http/1.1"], [b"spdy/1"]):
        for_client = client_context()
        for_client.set_alpn_protos(offer)
        client, server = new_pair(for_client, for_server)
        shake_hands(client, server)
        print(offer, "->", client.get_alpn_proto_negotiated())


if __name__ == "__main__":
    main()
