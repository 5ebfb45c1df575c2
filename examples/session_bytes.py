"""A session that travels: kept as bytes, encrypted, and resumed by another process."""

import secrets
from pathlib import Path

from memory import carry, client_context, new_pair, server_context, shake_hands

from openssl_bio import SSL


def main() -> None:
    for_client, for_server = client_context(), server_context()
    first, server = new_pair(for_client, for_server)
    shake_hands(first, server)
    try:
        first.recv(1)
    except SSL.WantReadError:
        session = first.get_session()
    assert session is not None
    first.shutdown()
    carry(first, server)
    key = secrets.token_bytes(32)
    Path("session").write_bytes(session.to_bytes(key))

    second, server = new_pair(client_context(), for_server)
    second.set_session(SSL.Session.from_bytes(Path("session").read_bytes(), key))
    shake_hands(second, server)
    print("resumed:", second.session_reused())


if __name__ == "__main__":
    main()
