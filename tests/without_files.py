"""A program that gives up its access to files, and goes on with what it has set up.

``without_files.py FACE CERTIFICATE KEY CA ANOTHER_CA`` prints what its client is told: of the server, of the session
that it resumes, and of a server that it does not trust.
"""

from __future__ import annotations

import codecs
import sys
from typing import Any

HOST = "example.test"
sessions: list[Any] = []


def with_pyopenssl(certificate: str, key: str, ca: str, other_ca: str) -> None:
    from openssl_bio import SSL

    def client_context(authority: str) -> SSL.Context:
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.load_verify_locations(authority)
        context.set_verify(SSL.VERIFY_PEER)
        context.set_info_callback(lambda *_: None)
        context.set_new_session_callback(lambda _connection, session: sessions.append(session))
        return context

    def connected(context: SSL.Context, session: SSL.Session | None = None) -> SSL.Connection:
        client, server = SSL.Connection(context), SSL.Connection(server_context)
        client.set_connect_state()
        server.set_accept_state()
        if session is not None:
            client.set_session(session)
        talk(client, server)
        return client

    server_context = SSL.Context(SSL.TLS_SERVER_METHOD)
    server_context.use_certificate_file(certificate)
    server_context.use_privatekey_file(key)
    trusting, doubting = client_context(ca), client_context(other_ca)
    give_up_files()
    peer = connected(trusting).get_peer_certificate()
    print(peer is not None and peer.get_subject().CN)
    print(connected(trusting, sessions[-1]).session_reused())
    try:
        connected(doubting)
    except SSL.VerificationError as error:
        print(error.code, len(error.chain))


def with_stdlib(certificate: str, key: str, ca: str, other_ca: str) -> None:
    from openssl_bio import stdlib

    def client_context(authority: str) -> stdlib.SSLContext:
        context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(authority)
        context.info_callback = lambda *_: None
        context.set_new_session_callback(lambda _connection, session: sessions.append(session))
        return context

    def connected(context: stdlib.SSLContext, session: stdlib.SSLSession | None = None) -> stdlib.SSLObject:
        client = context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname=HOST, session=session)
        talk(client, server_context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_side=True))
        return client

    server_context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate, key)
    trusting, doubting = client_context(ca), client_context(other_ca)
    give_up_files()
    peer = connected(trusting).getpeercert()
    print(dict(pair for name in peer["subject"] for pair in name)["commonName"])
    print(connected(trusting, sessions[-1]).session_reused)
    try:
        connected(doubting)
    except stdlib.SSLCertVerificationError as error:
        print(error.verify_code, len(error.chain))


def give_up_files() -> None:
    """Nothing can be imported any more but what is there."""
    codecs.lookup("idna")  # which Python's own ssl asks for late as well
    sys.meta_path.clear()


def talk(client: Any, server: Any) -> None:
    """A handshake, and what the server sends after it."""
    client.receive_data(b"")
    for _ in range(3):
        server.receive_data(client.data_to_send())
        client.receive_data(server.data_to_send())


{"SSL": with_pyopenssl, "stdlib": with_stdlib}[sys.argv[1]](*sys.argv[2:])
