"""A renewed certificate, without a restart: a context may be changed while connections use it."""

from memory import client_context, new_pair, server_context, shake_hands

from openssl_bio import SSL, Credential


def shown(connection: SSL.Connection) -> str | None:
    certificate = connection.get_peer_certificate()
    return None if certificate is None else certificate.get_subject().CN


def main() -> None:
    for_server, for_client = server_context(), client_context()
    before, server = new_pair(for_client, for_server)
    shake_hands(before, server)

    # Loaded and checked as a whole; then exchanged in one step, or not at all.
    for_server.use_credentials(Credential.load("renewed.pem", "renewed.key"))
    after, other_server = new_pair(for_client, for_server)
    shake_hands(after, other_server)
    print(shown(before), "then", shown(after))


if __name__ == "__main__":
    main()
