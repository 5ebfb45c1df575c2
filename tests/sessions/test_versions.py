"""Sessions and ticket keys from one OpenSSL version, used with another: clients and servers each of either.

``OPENSSL_BIO_OTHER`` is a Python that has this package on another OpenSSL; ``make openssl-3.5`` and its like set it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import Identity
from tests.programs import environment

OTHER = os.environ.get("OPENSSL_BIO_OTHER", "")

# With "make", a session and what its server needs to open its ticket; with "use", another client and another server.
SCRIPT = """
import sys
from contextlib import suppress
from pathlib import Path
from openssl_bio import SSL, TicketKeys

deed, folder, version, ca, certificate, key = sys.argv[1:]
folder, secret = Path(folder), b"k" * 32

def context():
    made = SSL.Context(SSL.TLS_METHOD)
    made.set_min_proto_version(int(version))
    made.set_max_proto_version(int(version))
    return made

for_client, for_server, keys = context(), context(), TicketKeys()
for_client.load_verify_locations(ca)
for_client.set_verify(SSL.VERIFY_PEER)
for_server.use_certificate_file(certificate)
for_server.use_privatekey_file(key)
if deed == "use":
    assert keys.unwrap((folder / "keys").read_bytes(), secret)
for_server.set_ticket_keys(keys)
client, server = SSL.Connection(for_client), SSL.Connection(for_server)
client.set_connect_state()
server.set_accept_state()
client.set_verify_host("localhost")
if deed == "use":
    client.set_session(SSL.Session.from_bytes((folder / "session").read_bytes(), secret))
for _ in range(4):
    for one, other in ((client, server), (server, client)):
        with suppress(SSL.WantReadError):
            one.do_handshake()
        with suppress(SSL.WantReadError):
            other.bio_write(one.bio_read(1 << 16))
with suppress(SSL.WantReadError):
    client.recv(1)
if deed == "make":
    (folder / "keys").write_bytes(keys.wrap(secret))
    (folder / "session").write_bytes(client.get_session().to_bytes(secret))
print(SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode(), client.session_reused(), server.session_reused(), sep=";")
"""


def run(python: str, *arguments: str) -> list[str]:
    """What the script prints on a Python."""
    variables = environment() if python == sys.executable else {**os.environ, "PYTHONPATH": ""}
    command = [python, "-c", SCRIPT, *arguments]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().split(";")


@pytest.mark.skipif(not OTHER, reason="OPENSSL_BIO_OTHER names no Python with this package on another OpenSSL")
@pytest.mark.parametrize("number", [0x303, 0x304])
@pytest.mark.parametrize("there_and_back", [False, True])
def test_other_version(
    number: int, there_and_back: bool, ca: Identity, server_identity: Identity, tmp_path: Path
) -> None:
    files = [str(ca.certificate_file), str(server_identity.certificate_file), str(server_identity.key_file)]
    first, second = (OTHER, sys.executable) if there_and_back else (sys.executable, OTHER)
    maker, *new = run(first, "make", str(tmp_path), str(number), *files)
    user, *resumed = run(second, "use", str(tmp_path), str(number), *files)
    assert maker != user
    assert (new, resumed) == (["False", "False"], ["True", "True"])
