"""DTLS over UDP on the loopback interface: cookies, lost datagrams, and the timer."""

import hmac
import secrets
import select
import socket
import threading
from collections.abc import Callable
from typing import Any

from openssl_bio import SSL

SECRET = secrets.token_bytes(32)  # of the server, for its cookies


class Datagrams:
    """A connection over a UDP socket that has one peer."""

    def __init__(self, dtls: SSL.Connection, udp: socket.socket, peer: Any) -> None:
        self.dtls, self.udp, self.peer = dtls, udp, peer

    def flush(self) -> None:
        while True:
            try:
                datagram = self.dtls.bio_read(65536)  # one at a time
            except SSL.WantReadError:
                return
            self.udp.sendto(datagram, self.peer)

    def run(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        """Run an operation; meanwhile take datagrams, and send again what was not answered in time."""
        while True:
            try:
                return operation(*arguments)
            except SSL.WantReadError:
                self.flush()
                ready, _, _ = select.select([self.udp], [], [], self.dtls.DTLSv1_get_timeout())
                if ready:
                    datagram, sender = self.udp.recvfrom(65536)
                    if sender == self.peer:
                        self.dtls.bio_write(datagram)
                else:
                    self.dtls.DTLSv1_handle_timeout()
            finally:
                self.flush()


def serve(udp: socket.socket) -> None:
    """One client. The cookie shows that it has the address that it sends from, before anything is kept of it."""
    first, peer = udp.recvfrom(65536)
    cookie = hmac.digest(SECRET, repr(peer).encode(), "sha256")
    context = SSL.Context(SSL.DTLS_SERVER_METHOD)
    context.use_certificate_chain_file("server.pem")
    context.use_privatekey_file("server.key")
    context.set_cookie_generate_callback(lambda _connection: cookie)
    context.set_cookie_verify_callback(lambda _connection, seen: hmac.compare_digest(seen, cookie))
    dtls = SSL.Connection(context)
    dtls.set_accept_state()
    dtls.bio_write(first)
    connection = Datagrams(dtls, udp, peer)
    connection.run(dtls.DTLSv1_listen)
    connection.run(dtls.do_handshake)
    connection.run(dtls.send, connection.run(dtls.recv, 65536).upper())


def main() -> None:
    context = SSL.Context(SSL.DTLS_CLIENT_METHOD)
    context.load_verify_locations("ca.pem")
    context.set_verify(SSL.VERIFY_PEER)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as at_server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as at_client,
    ):
        at_server.bind(("127.0.0.1", 0))
        at_client.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=serve, args=[at_server])
        thread.start()
        dtls = SSL.Connection(context)
        dtls.set_verify_host("localhost")
        dtls.set_connect_state()
        connection = Datagrams(dtls, at_client, at_server.getsockname())
        connection.run(dtls.do_handshake)
        connection.run(dtls.send, b"hello")
        print(dtls.get_protocol_version_name(), connection.run(dtls.recv, 65536))
        thread.join(10)


if __name__ == "__main__":
    main()
