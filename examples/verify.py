"""What a client has to do to know whom it talks to, and how it learns why it should not."""

from memory import new_pair, server_context, shake_hands

from openssl_bio import SSL


def why(for_client: SSL.Context, name: str) -> str:
    client, server = new_pair(for_client, server_context())
    client.set_verify_host(name)
    try:
        shake_hands(client, server)
    except SSL.Error as error:
        return f"{error} (X509_V_ERR {client.get_verify_result()})"
    return "verified"


def main() -> None:
    system = SSL.Context(SSL.TLS_CLIENT_METHOD)
    system.set_default_verify_paths()  # what this machine trusts: not our authority
    system.set_verify(SSL.VERIFY_PEER)
    print(why(system, "localhost"))

    ours = SSL.Context(SSL.TLS_CLIENT_METHOD)
    ours.load_verify_locations("ca.pem")
    ours.set_verify(SSL.VERIFY_PEER)
    print(why(ours, "localhost"))
    print(why(ours, "elsewhere.test"))


if __name__ == "__main__":
    main()
