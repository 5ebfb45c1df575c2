"""A cache of sessions for clients, and keys that several servers share, so that each resumes the others' clients."""

import contextlib
import secrets

from memory import carry, client_context, new_pair, server_context, shake_hands

from openssl_bio import SSL, SessionCache, TicketKeys


def connect(for_client: SSL.Context, for_server: SSL.Context) -> bool:
    """Whether a connection resumed a session."""
    client, server = new_pair(for_client, for_server)
    client.resume()  # from the cache, if there is one for this name
    shake_hands(client, server)
    with contextlib.suppress(SSL.WantReadError):
        client.recv(1)  # tickets of TLS 1.3 are taken in by reading
    client.shutdown()
    carry(client, server)
    return client.session_reused()


def main() -> None:
    for_client = client_context()
    for_client.set_session_cache(SessionCache())

    keys = TicketKeys(lifetime=12 * 3600)  # seconds that a key seals; it opens tickets for as long again
    one = server_context()
    one.set_ticket_keys(keys)
    shared = secrets.token_bytes(32)  # what both processes have, to send the keys with
    theirs = TicketKeys(lifetime=12 * 3600)
    theirs.unwrap(keys.wrap(shared), shared)  # in another process
    other = server_context()
    other.set_ticket_keys(theirs)
    print(connect(for_client, one), connect(for_client, one), connect(for_client, other))


if __name__ == "__main__":
    main()
