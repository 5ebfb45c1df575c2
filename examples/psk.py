"""A key that both sides have, instead of certificates, as small devices use it."""

import secrets

from memory import carry, shake_hands

from openssl_bio import SSL

KEYS = {b"thermometer 7": secrets.token_bytes(32)}


def client_context(identity: bytes, key: bytes) -> SSL.Context:
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.set_verify(SSL.VERIFY_PEER)  # a server that does not have the key would have to show a certificate
    context.set_psk_client_callback(lambda _connection, _hint: (identity, key))
    return context


def server_context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_psk_server_callback(lambda _connection, identity: KEYS.get(identity, b""))
    return context


def main() -> None:
    for key in (KEYS[b"thermometer 7"], secrets.token_bytes(32)):
        client, server = SSL.Connection(client_context(b"thermometer 7", key)), SSL.Connection(server_context())
        client.set_connect_state()
        server.set_accept_state()
        try:
            shake_hands(client, server)
        except SSL.Error as error:
            print("refused:", error.args[0][-1][-1])
        else:
            client.send(b"21.5")
            carry(client, server)
            print(server.recv(100))


if __name__ == "__main__":
    main()
