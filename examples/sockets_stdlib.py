"""A client and a server over TCP, with the face of Python's ssl."""

import socket
import threading

from openssl_bio import stdlib as ssl


def serve(listening: socket.socket) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem", "server.key")
    plain, _ = listening.accept()
    with context.wrap_socket(plain, server_side=True) as connection:
        while data := connection.recv(65536):
            connection.sendall(data.upper())


def main() -> None:
    context = ssl.create_default_context(cafile="ca.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=[listening])
        thread.start()
        with (
            socket.create_connection(listening.getsockname(), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"hello")
            print(connection.version(), connection.recv(100))
        thread.join(10)


if __name__ == "__main__":
    main()
