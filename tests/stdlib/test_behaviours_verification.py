"""What is told of a certificate that is refused, and of calls that fail before there is a connection.

Items 80, 81 and 118 of the contract, ours and Python's side by side.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import openssl_bio
from tests.helpers import TIMEOUT, Identity, new_authority
from tests.stdlib.helpers import SAME_LIBRARY, Pair, client_context, ours, python, server_context, told
from tests.stdlib.test_behaviours_denylist import DENIED
from tests.stdlib.test_behaviours_states import attempt

MODULES = (ours, python)


class Certificates:
    """The server's, its issuer's, and somebody else's."""

    def __init__(self, ca: Identity, server: Identity, client: Identity, folder: Path) -> None:
        (folder / "self").mkdir()
        (folder / "other").mkdir()
        self.ca, self.server, self.client = ca, server, client
        self.alone = new_authority(folder / "self", "localhost")
        self.other = new_authority(folder / "other", "another authority")


@pytest.fixture(scope="module")
def certificates(
    ca: Identity, server_identity: Identity, client_identity: Identity, tmp_path_factory: pytest.TempPathFactory
) -> Certificates:
    return Certificates(ca, server_identity, client_identity, tmp_path_factory.mktemp("verification"))


def demanding(context: Any, ca: Identity) -> Any:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(ca.certificate_file)
    return context


def with_client(certificates: Certificates, module: Any, version: Any, identity: Identity | None) -> Pair:
    client = client_context(certificates.ca, module, version)
    if identity is not None:
        client.load_cert_chain(identity.certificate_file, identity.key_file)
    server = demanding(server_context(certificates.server, module, version), certificates.ca)
    return Pair(client, server, module.MemoryBIO)


def to_server(trusted: str, identity: str, name: str) -> Callable[[Certificates, Any, Any], Pair]:
    def make(certificates: Certificates, module: Any, version: Any) -> Pair:
        client = client_context(getattr(certificates, trusted), module, version)
        server = server_context(getattr(certificates, identity), module, version)
        return Pair(client, server, module.MemoryBIO, server_hostname=name)

    return make


REFUSED: dict[str, Callable[[Certificates, Any, Any], Pair]] = {
    "another name": to_server("ca", "server", "wrong.test"),
    "another address": to_server("ca", "server", "192.0.2.1"),
    "another address of IPv6": to_server("ca", "server", "2001:db8::1"),
    "another issuer": to_server("other", "server", "localhost"),
    "signed by itself": to_server("ca", "alone", "localhost"),
    "no certificate": lambda c, m, v: with_client(c, m, v, None),
    "a client nobody knows": lambda c, m, v: with_client(c, m, v, c.alone),
    "a CA is no client": lambda c, m, v: with_client(c, m, v, c.other),
}


def tells(error: BaseException) -> Any:
    """What an exception tells, and what it is to programs that look at it."""
    code, message = getattr(error, "verify_code", None), getattr(error, "verify_message", None)
    attributes = code, message, error.args[0] if error.args else None
    return told(error), attributes, isinstance(error, ValueError), isinstance(error, ssl.CertificateError)


@pytest.mark.skipif(not SAME_LIBRARY, reason="another libssl has other words")
@pytest.mark.parametrize("name", REFUSED)
def test_80_refused(certificates: Certificates, version: Any, name: str) -> None:
    """Both ends raise what Python's raise: class, errno, library, reason, text, verify_code and verify_message."""
    found = []
    for module in MODULES:
        pair = REFUSED[name](certificates, module, version)
        failed = pair.outcome()
        if not failed:  # a TLS 1.3 client hears of it when it reads
            failed = {"client": attempt_to_read(pair)}
        elif "client" not in failed:
            failed["client"] = attempt_to_read(pair)
        found.append({end: tells(error) for end, error in failed.items()})
    assert found[0] == found[1]
    assert found[0]


def attempt_to_read(pair: Pair) -> BaseException:
    with pytest.raises(ssl.SSLError) as caught:
        pair.client.read(1)
    return caught.value


# -- 81: before there is a connection ---------------------------------------------------------------------------------

CALLS: dict[str, Callable[[Any, Certificates], Any]] = {
    "key of another": lambda m, c: m.SSLContext(m.PROTOCOL_TLS_SERVER).load_cert_chain(
        c.server.certificate_file, c.client.key_file
    ),
    "no key": lambda m, c: m.SSLContext(m.PROTOCOL_TLS_SERVER).load_cert_chain(c.server.certificate_file),
    "no certificate": lambda m, c: m.SSLContext(m.PROTOCOL_TLS_SERVER).load_cert_chain(c.server.key_file),
    "no such file": lambda m, c: m.SSLContext(m.PROTOCOL_TLS_SERVER).load_cert_chain("/nonexistent"),
    "a folder": lambda m, c: m.SSLContext(m.PROTOCOL_TLS_SERVER).load_cert_chain(c.server.key_file.parent),
    "no trust in a key": lambda m, c: m.SSLContext(m.PROTOCOL_TLS_CLIENT).load_verify_locations(c.server.key_file),
    "text that is a key": lambda m, c: m.SSLContext(m.PROTOCOL_TLS_CLIENT).load_verify_locations(
        cadata=c.server.key_file.read_text()
    ),
    "a certificate cut short": lambda m, c: m.SSLContext(m.PROTOCOL_TLS_CLIENT).load_verify_locations(
        cadata=ssl.PEM_cert_to_DER_cert(c.ca.certificate_file.read_text())[:-1]
    ),
    "certificate as parameters": lambda m, c: m.SSLContext(m.PROTOCOL_TLS_SERVER).load_dh_params(c.ca.certificate_file),
    "too much of a hint": lambda m, c: m.SSLContext(m.PROTOCOL_TLS_SERVER).set_psk_server_callback(print, "x" * 1000),
    "name with a NUL": lambda m, c: m.SSLContext(m.PROTOCOL_TLS_CLIENT).set_ciphers("ALL\0"),
    "group with a NUL": lambda m, c: m.SSLContext(m.PROTOCOL_TLS_CLIENT).set_ecdh_curve("P\0"),
}


@pytest.mark.skipif(not SAME_LIBRARY, reason="another libssl has other words")
@pytest.mark.parametrize("name", CALLS)
def test_81_numbers_of_errors(certificates: Certificates, name: str) -> None:
    """errno is OpenSSL's number of the reason, the system's, or 0."""
    if name == "too much of a hint" and sys.version_info < (3, 13):
        pytest.skip("Python's ssl has no pre-shared keys before 3.13")
    mine, original = (attempt(lambda module=module: CALLS[name](module, certificates)) for module in MODULES)
    if issubclass(original[0], ssl.SSLError):
        assert mine == original
    else:
        assert mine[:2] == original[:2]  # ours name the file, or the argument


# -- every callable of both -------------------------------------------------------------------------------------------


def shape(function: Any) -> list[tuple[str, Any]] | None:
    """The names of the parameters and their defaults, without ``self``; None where nothing can be known."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return None
    found = [(parameter.name, parameter.default) for parameter in parameters]
    kinds = {parameter.kind for parameter in parameters}
    if kinds & {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        return None
    return [(name, default) for name, default in found if name != "self" and type(default) is not object]


@pytest.mark.parametrize("owner", ["", "SSLContext", "SSLObject", "SSLSocket", "MemoryBIO"])
def test_parameters_are_named_alike(owner: str) -> None:
    """What can be called with keywords there can be called with the same ones here."""
    mine, original = (getattr(module, owner) if owner else module for module in MODULES)
    compared = 0
    for name in dir(original):
        theirs = getattr(original, name)
        if name.startswith("_") or inspect.isclass(theirs) or not callable(theirs) or not hasattr(mine, name):
            continue
        wanted, found = shape(theirs), shape(getattr(mine, name))
        if wanted is not None and found is not None:
            assert found[: len(wanted)] == wanted, name
            compared += 1
    assert compared > 1


# -- 118: a key that is refused ----------------------------------------------------------------------------------------

HANDSHAKE = """
import ssl, sys
from openssl_bio import stdlib
authority, certificate, key, wants = sys.argv[1:]
client, server = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT), stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
client.load_verify_locations(authority)
client.verify_mode = {"optional": ssl.CERT_OPTIONAL}.get(wants, ssl.CERT_REQUIRED)
if wants == "none":
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
server.load_cert_chain(certificate, key)
up, down = stdlib.MemoryBIO(), stdlib.MemoryBIO()
ends = [client.wrap_bio(down, up, server_hostname="localhost"), server.wrap_bio(up, down, server_side=True)]
for turn in range(4):
    for end in ends:
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            sys.exit(f"{error.verify_code}: {error.verify_message}")
print(ends[0].version())
"""


@pytest.mark.parametrize("whose", ["the server's", "its issuer's"])
@pytest.mark.parametrize("wants", ["required", "optional", "none"])
def test_118_a_denied_key(ca: Identity, server_identity: Identity, tmp_path: Path, whose: str, wants: str) -> None:
    """A copy of this package, in whose table a key of these tests stands in the place of a denied one, refuses it."""
    package = tmp_path / "openssl_bio"
    shutil.copytree(Path(openssl_bio.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    denied = server_identity if whose == "the server's" else ca
    key = x509.load_pem_x509_certificate(denied.certificate_file.read_bytes()).public_key()
    digest = hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()
    (library,) = [path for path in package.glob("_openssl.*") if path.suffix in (".so", ".pyd")]
    content = library.read_bytes()
    assert content.count(bytes.fromhex(DENIED[3])) == 1
    library.write_bytes(content.replace(bytes.fromhex(DENIED[3]), digest))
    files = [str(path) for path in (ca.certificate_file, server_identity.certificate_file, server_identity.key_file)]
    command = [sys.executable, "-c", HANDSHAKE, *files, wants]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    if wants == "none":
        assert (done.returncode, done.stdout) == (0, "TLSv1.3\n"), done.stderr
    else:
        assert done.stderr == "28: certificate rejected\n"
