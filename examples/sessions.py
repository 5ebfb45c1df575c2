"""Session resumption: a second handshake without certificates, from what the first has left."""

from memory import carry, client_context, new_pair, server_context, shake_hands

from openssl_bio import SSL


def main() -> None:
    for_client, for_server = client_context(), server_context()
    first, server = new_pair(for_client, for_server)
    shake_hands(first, server)
    try:
        first.recv(1)  # TLS 1.3 sends its tickets after the handshake; any read takes them in
    except SSL.WantReadError:
        session = first.get_session()
    first.shutdown()
    carry(first, server)

    second, server = new_pair(for_client, for_server)
    assert session is not None
    second.set_session(session)  # ValueError if less was verified then than is demanded now
    shake_hands(second, server)
    print("resumed:", second.session_reused())


if __name__ == "__main__":
    main()
