"""A client and a server over TCP, with pyOpenSSL's face."""

import socket
import threading

from memory import client_context, server_context

from openssl_bio import SSL


def serve(listening: socket.socket) -> None:
    plain, _ = listening.accept()
    connection = SSL.Connection(server_context(), plain)
    connection.set_accept_state()
    connection.do_handshake()
    try:
        while True:
            connection.sendall(connection.recv(65536).upper())
    except SSL.ZeroReturnError:  # the client has closed
        connection.shutdown()
    plain.close()


def main() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=[listening])
        thread.start()
        with socket.create_connection(listening.getsockname(), timeout=10) as plain:
            plain.settimeout(None)  # with a time-out set, a call that has to wait raises WantReadError
            connection = SSL.Connection(client_context(), plain)
            connection.set_tlsext_host_name(b"localhost")
            connection.set_verify_host("localhost")
            connection.set_connect_state()
            connection.do_handshake()
            connection.sendall(b"hello")
            print(connection.recv(100))
            connection.shutdown()
        thread.join(10)


if __name__ == "__main__":
    main()
