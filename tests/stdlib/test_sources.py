"""Certificates and keys from memory and elsewhere: what contexts take beyond Python's ``ssl``."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from openssl_bio import TrustStore, crypto
from tests.contexts.pki import PASSWORD, Issued, new_root
from tests.stdlib.helpers import Pair, of_version, ours


@pytest.fixture(scope="module")
def root() -> Issued:
    """A self-signed authority."""
    return new_root()


@pytest.fixture(scope="module")
def leaf(root: Issued) -> Issued:
    """A server's certificate, with an intermediate."""
    return root.issue("an intermediate", authority=True).issue("localhost")


def server() -> Any:
    return ours.SSLContext(ours.PROTOCOL_TLS_SERVER)


def client() -> Any:
    return ours.SSLContext(ours.PROTOCOL_TLS_CLIENT)


def shown(of_client: Any, of_server: Any, version: ssl.TLSVersion) -> list[bytes]:
    """The chain that a client is shown, which it has verified."""
    pair = Pair(of_version(of_client, version), of_version(of_server, version)).handshake()
    chain: list[bytes] = pair.client.get_unverified_chain()
    return chain


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


# -- load_cert_chain ---------------------------------------------------------------------------------------------------


def parsed(leaf: Issued) -> Any:
    return pkcs12.load_pkcs12(leaf.pkcs12(PASSWORD), PASSWORD)


CHAINS: dict[str, Callable[[Issued, Path], tuple[Any, ...]]] = {
    "PEM": lambda leaf, _: (leaf.chain_pem, leaf.key_pem()),
    "PEM with all": lambda leaf, _: (leaf.key_pem() + leaf.chain_pem,),
    "bytearray, memoryview": lambda leaf, _: (bytearray(leaf.chain_pem), memoryview(leaf.key_der())),
    "DER": lambda leaf, _: ([leaf.der, leaf.issuers[0].der], leaf.key_der()),
    "DER behind DER": lambda leaf, _: (leaf.der + leaf.issuers[0].der, leaf.key_der()),
    "a list": lambda leaf, _: ([leaf.certificate, [leaf.issuers[0].pem]], leaf.key),
    "a list with the key": lambda leaf, _: ([leaf.key_pem() + leaf.pem, leaf.issuers[0].pem],),
    "an iterator": lambda leaf, _: (iter([leaf.der, *leaf.chain]), leaf.key),
    "cryptography": lambda leaf, _: ([leaf.certificate, *leaf.chain], leaf.key),
    "crypto": lambda leaf, _: (
        [crypto.X509.from_cryptography(one) for one in (leaf.certificate, *leaf.chain)],
        crypto.PKey.from_cryptography_key(leaf.key),
    ),
    "encrypted PEM": lambda leaf, _: (leaf.chain_pem, leaf.key_pem(PASSWORD), PASSWORD),
    "encrypted DER": lambda leaf, _: (leaf.chain_pem, leaf.key_der(PASSWORD), PASSWORD.decode),
    "PKCS#12": lambda leaf, _: (leaf.pkcs12(PASSWORD), None, PASSWORD),
    "a PKCS#12 file": lambda leaf, folder: (str(written(folder, "a.p12", leaf.pkcs12(PASSWORD))), None, PASSWORD),
    "PKCS#12 of cryptography": lambda leaf, _: (parsed(leaf),),
    "PKCS#12 of crypto": lambda leaf, _: (crypto.load_pkcs12(leaf.pkcs12(PASSWORD), PASSWORD),),
    "a path and bytes": lambda leaf, folder: (written(folder, "chain.pem", leaf.chain_pem), leaf.key_pem()),
    "bytes and a path": lambda leaf, folder: (leaf.chain_pem, os.fsencode(written(folder, "key", leaf.key_pem()))),
    "a path of DER": lambda leaf, folder: ([leaf.pem, *leaf.chain], str(written(folder, "key", leaf.key_der()))),
    "a list of paths": lambda leaf, folder: (
        [str(written(folder, "a", leaf.pem)), written(folder, "b", leaf.issuers[0].pem)],
        str(written(folder, "c", leaf.key_pem())),
    ),
    "URIs": lambda leaf, folder: (
        f"file:{written(folder, 'a', leaf.chain_pem)}",
        f"file:{written(folder, 'b', leaf.key_pem(PASSWORD))}",
        PASSWORD,
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_certificate_from_anywhere(
    version: ssl.TLSVersion, root: Issued, leaf: Issued, tmp_path: Path, name: str
) -> None:
    of_server, of_client = server(), client()
    of_server.load_cert_chain(*CHAINS[name](leaf, tmp_path))
    of_client.load_verify_locations(cadata=root.der)
    assert shown(of_client, of_server, version) == [leaf.der, leaf.issuers[0].der]


def test_a_str_is_a_path(leaf: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("file:cert.pem", "0\x30", "-----BEGIN "):
        written(tmp_path, name, leaf.key_pem() + leaf.chain_pem)
        for path in (name, os.fsencode(name) if "BEGIN" not in name else Path(name), Path(name)):
            server().load_cert_chain(path)
    for name in ("nowhere", "nosuchscheme:x", "c:/x"):
        with pytest.raises(FileNotFoundError, match=name):
            server().load_cert_chain(name)
    with pytest.raises(OSError, match="PEM is given as bytes") as caught:
        server().load_cert_chain(leaf.pem.decode(), leaf.key_pem().decode())
    assert "MII" not in str(caught.value)


def test_a_chain_file_may_have_others(version: ssl.TLSVersion, root: Issued, leaf: Issued, tmp_path: Path) -> None:
    """As in Python's ``ssl``, which looks at no certificate behind the first."""
    of_server, of_client, stranger = server(), client(), new_root("a stranger")
    path = written(tmp_path, "chain.pem", leaf.key_pem() + leaf.chain_pem + stranger.pem)
    of_server.load_cert_chain(path)
    of_client.load_verify_locations(cadata=root.der)
    assert shown(of_client, of_server, version) == [leaf.der, leaf.issuers[0].der, stranger.der]


WRONG: dict[str, tuple[Callable[[Issued], tuple[Any, ...]], type[Exception], str]] = {
    "password, PEM": (lambda c: (c.pem, c.key_pem(PASSWORD), "x"), ssl.SSLError, "private key .*password|passphrase"),
    "password, DER": (
        lambda c: (c.pem, c.key_der(PASSWORD), "x"),
        ssl.SSLError,
        "key .*the passphrase is wrong",
    ),
    "password, PKCS#12": (lambda c: (c.pkcs12(PASSWORD), None, "x"), ssl.SSLError, "cannot be opened: the passphrase"),
    "no password": (lambda c: (c.pem, c.key_pem(PASSWORD)), ssl.SSLError, "no passphrase was given"),
    "long password": (lambda c: (c.pem, c.key_pem(PASSWORD), "x" * 1025), ValueError, "longer than 1024"),
    "password of a wrong type": (lambda c: (c.pem, c.key_pem(), 5), TypeError, "password should be"),
    "answer of a wrong type": (lambda c: (c.pem, c.key_pem(PASSWORD), lambda: 5), TypeError, "must return a string"),
    "password that raises": (lambda c: (c.pem, c.key_pem(PASSWORD), lambda: {}[1]), KeyError, "1"),
    "key": (lambda c: (c.pem, c.issuers[0].key), ssl.SSLError, "KEY_VALUES_MISMATCH.*does not belong to .*localhost"),
    "type of key": (lambda c: (c.pem, new_root(kind="rsa").key), ssl.SSLError, "KEY_TYPE_MISMATCH.*key .RSA. does not"),
    "order": (lambda c: ([*c.chain, c.pem], c.key), ssl.SSLError, "wrong order: the private key belongs to"),
    "order behind": (
        lambda c: ([c.pem, c.issuers[1].pem, *c.chain], c.key),
        ssl.SSLError,
        "is in the wrong order",
    ),
    "mixed chain": (lambda c: ([c.pem, new_root("a stranger").pem], c.key), ssl.SSLError, "chain is mixed.*a stranger"),
    "no certificate": (lambda c: (c.key_pem(),), ssl.SSLError, "has no certificate"),
    "no key": (lambda c: (c.chain_pem,), ssl.SSLError, "private key"),
    "an empty list": (lambda c: ([], c.key), ssl.SSLError, "no certificates: it is empty"),
    "cut PEM": (lambda c: (c.pem[:-40], c.key_pem()), ssl.SSLError, "no certificate that can be read"),
    "cut DER": (lambda c: (bytearray(c.der[:-4]), c.key_pem()), ssl.SSLError, "neither PEM nor DER"),
    "rubbish": (lambda c: (b"rubbish\n", c.key), ssl.SSLError, "neither PEM nor DER"),
    "wrong type": (lambda c: (5, c.key), TypeError, "certfile should be a valid filesystem path"),
    "wrong type in a list": (lambda c: ([c.pem, None], c.key), TypeError, "certfile should be"),
    "wrong type of keyfile": (lambda c: (c.pem, 5), TypeError, "keyfile should be"),
    "list of keys": (lambda c: (c.pem, [c.key]), TypeError, "keyfile should be"),
    "public key": (lambda c: (c.pem, c.key.public_key()), TypeError, "private key"),
    "missing file": (lambda c: (c.pem, "/nowhere"), FileNotFoundError, "/nowhere"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_and_changes_nothing(leaf: Issued, root: Issued, name: str) -> None:
    give, error, message = WRONG[name]
    of_server, of_client, other = server(), client(), root.issue("localhost")
    of_server.load_cert_chain(other.pem, other.key)
    of_client.load_verify_locations(cadata=root.der)
    with pytest.raises(error, match=message) as caught:
        of_server.load_cert_chain(*give(leaf))
    assert "PRIVATE" not in str(caught.value)
    assert shown(of_client, of_server, ssl.TLSVersion.TLSv1_3) == [other.der]


# -- load_verify_locations ---------------------------------------------------------------------------------------------


def revoked(issuer: Issued) -> x509.CertificateRevocationList:
    """A CRL of an authority, which has nothing in it."""
    at = issuer.certificate.not_valid_before_utc
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(at).next_update(issuer.certificate.not_valid_after_utc)
    return builder.sign(issuer.key, hashes.SHA256())


def store_with(root: Issued) -> crypto.X509Store:
    store = crypto.X509Store()
    store.add_cert(crypto.X509.from_cryptography(root.certificate))
    return store


TRUSTED: dict[str, Callable[[Issued, Path], Any]] = {
    "PEM": lambda root, _: root.pem,
    "DER": lambda root, _: root.der,
    "DER behind DER": lambda root, _: new_root("another").der + root.der,
    "bytearray": lambda root, _: bytearray(root.pem),
    "memoryview": lambda root, _: memoryview(root.der),
    "cryptography": lambda root, _: root.certificate,
    "crypto": lambda root, _: crypto.X509.from_cryptography(root.certificate),
    "a list": lambda root, _: [[new_root("another").certificate], (root.pem,)],
    "an iterator": lambda root, _: iter([root.der]),
    "a CRL and its authority": lambda root, _: [revoked(root), root.certificate],
    "TrustStore": lambda root, _: TrustStore(root.pem),
    "X509Store": lambda root, _: [store_with(root)],
}
FILES: dict[str, Callable[[Issued, Path], Any]] = {
    "a path": lambda root, folder: written(folder, "ca.pem", root.pem),
    "a path in bytes": lambda root, folder: os.fsencode(written(folder, "ca.pem", root.pem)),
    "a path of DER": lambda root, folder: str(written(folder, "ca.der", root.der)),
    "a list of paths": lambda root, folder: [str(written(folder, "ca.pem", root.pem)), root.der],
    "a URI": lambda root, folder: f"file:{written(folder, 'ca.pem', root.pem)}",
}


@pytest.mark.parametrize("argument", ["cafile", "cadata"])
@pytest.mark.parametrize("name", [*TRUSTED, *FILES])
def test_trust_from_anywhere(
    version: ssl.TLSVersion, root: Issued, leaf: Issued, tmp_path: Path, name: str, argument: str
) -> None:
    of_server, of_client = server(), client()
    of_server.load_cert_chain(leaf.chain_pem, leaf.key)
    given = {**TRUSTED, **FILES}[name](root, tmp_path)
    if argument == "cadata" and name in FILES:
        with pytest.raises((TypeError, ssl.SSLError)):
            of_client.load_verify_locations(cadata=given)
        return
    of_client.load_verify_locations(**{argument: given})
    assert len(shown(of_client, of_server, version)) == 2
    assert of_client.cert_store_stats()["crl"] == ("CRL" in name)


def test_text_in_lists_of_cadata(root: Issued) -> None:
    of_client = client()
    of_client.load_verify_locations(cadata=[root.pem.decode(), new_root("another").certificate])
    assert of_client.cert_store_stats()["x509"] == 2


UNTRUSTED: dict[str, tuple[Callable[[Issued], dict[str, Any]], type[Exception], str]] = {
    "nothing in PEM": (lambda c: {"cadata": c.key_pem()}, ssl.SSLError, "no certificate or CRL"),
    "cut PEM": (lambda c: {"cadata": c.pem[:-40]}, ssl.SSLError, "."),
    "cut DER": (lambda c: {"cadata": c.der[:-4]}, ssl.SSLError, "."),
    "cut DER as a file": (lambda c: {"cafile": c.der[:-4]}, ssl.SSLError, "neither PEM nor DER"),
    "a key": (lambda c: {"cadata": c.key}, ssl.SSLError, "neither PEM nor DER"),
    "an empty list": (lambda c: {"cadata": []}, ssl.SSLError, "empty"),
    "a wrong one behind a right one": (lambda c: {"cadata": [c.der, b"x"]}, ssl.SSLError, "neither PEM nor DER"),
    "no text": (lambda c: {"cadata": [c.der, "x"]}, ssl.SSLError, "no start line"),
    "a wrong type": (lambda c: {"cadata": [c.der, 5]}, TypeError, "cadata should be"),
    "a path as data": (lambda c: {"cadata": Path("x")}, TypeError, "cadata should be"),
    "a wrong type of file": (lambda c: {"cafile": [c.der, 5]}, TypeError, "cafile should be"),
    "a wrong directory": (lambda c: {"cafile": c.der, "cadata": c.der, "capath": 5}, TypeError, "capath should be"),
    "a NUL in the directory": (lambda c: {"cafile": c.der, "capath": "a\0b"}, ValueError, "null"),
    "a missing file": (lambda c: {"cadata": c.der, "cafile": "/nowhere"}, FileNotFoundError, "/nowhere"),
    "wrong data behind a file": (lambda c: {"cafile": c.pem, "cadata": "x"}, ssl.SSLError, "no start line"),
    "a generator that raises": (lambda c: {"cadata": (1 // 0 for _ in "x")}, ZeroDivisionError, "zero"),
}


@pytest.mark.parametrize("name", UNTRUSTED)
def test_all_is_trusted_or_nothing(leaf: Issued, name: str) -> None:
    give, error, message = UNTRUSTED[name]
    of_client = client()
    of_client.load_verify_locations(cadata=new_root("the first").der)
    with pytest.raises(error, match=message):
        of_client.load_verify_locations(**give(leaf))
    assert of_client.cert_store_stats()["x509"] == 1


# -- no file is touched ------------------------------------------------------------------------------------------------

WATCHED = """
import sys
from pathlib import Path
from openssl_bio import stdlib
folder = Path(sys.argv[1])
found = {path.name: path.read_bytes() for path in folder.iterdir()}
watching = False
"localhost".encode("idna")  # Python imports the codec when it is needed
import openssl_bio.stdlib._sources  # as the face does this

def watch(event, arguments):
    if watching and (event.startswith(("open", "os.", "tempfile", "shutil")) or event == "import"):
        raise RuntimeError(f"{event} {arguments}")

sys.addaudithook(watch)
for round in range(2):
    watching = True
    server = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(found["chain.pem"], found["key.pem"], "a secret")
    server.load_cert_chain([found["chain.der"]], found["key.der"], lambda: "a secret")
    server.load_cert_chain(found["all.p12"], password=b"a secret")
    client = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(cafile=found["root.pem"], cadata=found["root.der"])
    client.load_verify_locations(cadata=[found["root.pem"], found["root.der"]])
    incoming, outgoing = stdlib.MemoryBIO(), stdlib.MemoryBIO()
    ends = [client.wrap_bio(incoming, outgoing, server_hostname="localhost")]
    ends.append(server.wrap_bio(outgoing, incoming, server_side=True))
    for _ in range(3):
        for end in ends:
            try:
                end.do_handshake()
            except stdlib.SSLWantReadError:
                pass
    assert ends[0].version() == ends[1].version() == "TLSv1.3"
    watching = False
try:
    watching = True
    server.load_cert_chain(str(folder / "chain.pem"), found["key.pem"], "a secret")
except RuntimeError as error:
    print("the hook works:", error)
"""


def test_no_file_is_opened_for_what_is_in_memory(root: Issued, leaf: Issued, tmp_path: Path) -> None:
    """Python's audit hook raises on any file that is opened; the last call shows that it does."""
    for name, data in {
        "chain.pem": leaf.chain_pem,
        "chain.der": leaf.der + leaf.issuers[0].der,
        "key.pem": leaf.key_pem(PASSWORD),
        "key.der": leaf.key_der(PASSWORD),
        "all.p12": leaf.pkcs12(PASSWORD),
        "root.pem": root.pem,
        "root.der": root.certificate.public_bytes(Encoding.DER),
    }.items():
        written(tmp_path, name, data)
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, str(tmp_path)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("the hook works: open")
