"""STARTTLS: a conversation begins in plaintext, and goes on in TLS on the same socket."""

import socket
import threading

from openssl_bio import stdlib as ssl


def line(sock: socket.socket) -> bytes:
    """One line, and not a byte more: what follows it may be TLS already."""
    data = b""
    while not data.endswith(b"\n"):
        byte = sock.recv(1)
        if not byte:
            raise EOFError("the peer has closed")
        data += byte
    return data


def serve(listening: socket.socket) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem", "server.key")
    plain, _ = listening.accept()
    with plain:
        plain.sendall(b"220 here\r\n")
        if line(plain) == b"STARTTLS\r\n":
            plain.sendall(b"220 go on\r\n")
            with context.wrap_socket(plain, server_side=True) as connection:
                connection.sendall(line(connection).upper())


def main() -> None:
    context = ssl.create_default_context(cafile="ca.pem")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=[listening])
        thread.start()
        with socket.create_connection(listening.getsockname(), timeout=10) as plain:
            line(plain)
            plain.sendall(b"STARTTLS\r\n")
            if not line(plain).startswith(b"220"):  # go no further in plaintext: somebody may have cut it out
                raise ConnectionError("the server has no TLS")
            with context.wrap_socket(plain, server_hostname="localhost") as connection:
                connection.sendall(b"a secret\r\n")
                print(connection.version(), line(connection))
        thread.join(10)


if __name__ == "__main__":
    main()
