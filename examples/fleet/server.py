"""One server of the fleet: it answers each request with its own name. ``fleet.py`` starts three of them."""

import os
import socket
import sys
import threading

from openssl_bio import RedisTicketKeys
from openssl_bio import stdlib as ssl


def answer(context: ssl.SSLContext, plain: socket.socket, name: str) -> None:
    try:
        plain.settimeout(60)
        with context.wrap_socket(plain, server_side=True) as connection:
            if connection.recv(100):
                connection.sendall(name.encode())
    except OSError:
        pass  # the load balancer, which looks whether anybody is there, or a client that is gone


def main() -> None:
    name, host, port, url, lifetime = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem", "server.key")
    key = bytes.fromhex(os.environ["KEY_ENCRYPTION_KEY"])
    # On a busy machine Redis may be slow; no handshake waits for it.
    context.set_ticket_keys(RedisTicketKeys.from_url(url, key, int(lifetime), interval=0.2, timeout=60))
    with socket.create_server((host, int(port))) as listening:
        print(listening.getsockname()[1], flush=True)
        while True:
            plain, _ = listening.accept()
            threading.Thread(target=answer, args=(context, plain, name), daemon=True).start()


if __name__ == "__main__":
    main()
