"""A client of `openssl-bio serve`: ``python start.py PORT``, where ca.pem is what that has written."""

import socket
import sys

from openssl_bio import stdlib as ssl


def main(port: int) -> None:
    context = ssl.create_default_context(cafile="ca.pem")
    with (
        socket.create_connection(("localhost", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(b"hello")
        print(connection.version(), connection.recv(100))


if __name__ == "__main__":
    main(int(sys.argv[1]))
