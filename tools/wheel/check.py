"""Check an installed wheel: ``python check.py [OPENSSL]``, in an environment that has nothing but the wheel.

The order of imports is tried both ways, in two processes: Python's own ``ssl``, with its own OpenSSL, first, and last.
Each makes a TLS 1.3 connection with each of them, and looks up what the system trusts.  With OPENSSL, such as ``3.5``,
that must be the version that is running.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from types import ModuleType

ORDERS = ("ours", "python's")


def handshake(ssl: ModuleType, folder: str) -> str | None:
    """A connection of Python's ``ssl``, or what looks like it, with itself; the protocol's name."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(f"{folder}/server.pem", f"{folder}/server.key")
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.load_verify_locations(f"{folder}/ca.pem")
    one, two = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(one, two, server_hostname="localhost")
    server = server_context.wrap_bio(two, one, server_side=True)
    waiting = [client, server]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
    if waiting:
        raise SystemExit("the handshake does not end")
    client.write(b"hello")
    if server.read(5) != b"hello":
        raise SystemExit("the plaintext is another")
    version: str | None = client.version()
    return version


def main(order: str, folder: str, expected: str) -> None:
    """Check in this process."""
    if order == "python's":
        import ssl
    from openssl_bio import SSL
    from openssl_bio import stdlib as ours

    if order == "ours":
        import ssl
    if sysconfig.get_config_var("Py_GIL_DISABLED") and sys._is_gil_enabled():
        raise SystemExit("the import has turned the GIL on")
    text = SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode()
    if not text.split()[1].startswith(expected):
        raise SystemExit(f"{text} is running, not {expected}")
    for module in (ours, ssl, ours):
        version = handshake(module, folder)
        if version != "TLSv1.3":
            raise SystemExit(f"{module.__name__} made {version}")
    trusted = len(ours.create_default_context().get_ca_certs())
    where = Path(sys.modules["openssl_bio"].__file__ or "").parent
    print(f"{where}: {text}, beside {ssl.OPENSSL_VERSION}; {order} first; {trusted} authorities are trusted")


def write_certificates(folder: str) -> None:
    """An authority, and a server's certificate for localhost."""
    from openssl_bio._throwaway import issue, make_authority

    authority = make_authority()
    Path(folder, "ca.pem").write_bytes(authority.certificate_pem())
    server = issue(authority, ["localhost"])
    Path(folder, "server.pem").write_bytes(server.certificate_pem())
    Path(folder, "server.key").write_bytes(server.key_pem())


if __name__ == "__main__":
    if len(sys.argv) == 4:
        main(*sys.argv[1:])
    else:
        with tempfile.TemporaryDirectory() as temporary:
            write_certificates(temporary)
            for first in ORDERS:
                arguments = [first, temporary, *(sys.argv[1:] or [""])]
                subprocess.run([sys.executable, __file__, *arguments], check=True, env=os.environ, timeout=120)
