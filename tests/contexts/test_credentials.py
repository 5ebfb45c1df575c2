"""Credentials from every kind of source, and contexts that exchange them while they are in use."""

from __future__ import annotations

import copy
import itertools
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SSL, Credential, LoadError, crypto
from tests.contexts.faces import Face, credential
from tests.contexts.pki import PASSWORD, Issued, new_root
from tests.helpers import TIMEOUT


def shown(face: Face, version: str, root: Issued, loaded: Credential) -> list[bytes]:
    """What a client of this face is shown."""
    pair = face.pair(face.client(version, root), face.server(version, loaded)).handshake()
    return face.sent(pair.client)


# -- sources -----------------------------------------------------------------------------------------------------------


def written(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


SOURCES: dict[str, Callable[[Issued, Path], dict[str, Any]]] = {
    "PEM bytes": lambda leaf, _: {"certificate": leaf.chain_pem, "key": leaf.key_pem()},
    "PEM text": lambda leaf, _: {"certificate": leaf.chain_pem.decode(), "key": leaf.key_pem().decode()},
    "one PEM with all": lambda leaf, _: {"certificate": leaf.key_pem() + leaf.chain_pem},
    "bytearray, memoryview": lambda leaf, _: {
        "certificate": bytearray(leaf.chain_pem),
        "key": memoryview(leaf.key_der()),
    },
    "DER": lambda leaf, _: {
        "certificate": leaf.der,
        "key": leaf.key_der(),
        "chain": [issuer.der for issuer in leaf.issuers[:-1]],
    },
    "DER behind DER": lambda leaf, _: {"certificate": leaf.der + leaf.issuers[0].der, "key": leaf.key_der()},
    "cryptography": lambda leaf, _: {"certificate": leaf.certificate, "key": leaf.key, "chain": leaf.chain},
    "a list": lambda leaf, _: {"certificate": [leaf.certificate, [leaf.issuers[0].pem]], "key": leaf.key},
    "an iterator": lambda leaf, _: {"certificate": iter([leaf.der]), "key": leaf.key, "chain": iter(leaf.chain)},
    "crypto.X509": lambda leaf, _: {
        "certificate": crypto.X509.from_cryptography(leaf.certificate),
        "key": crypto.PKey.from_cryptography_key(leaf.key),
        "chain": [crypto.X509.from_cryptography(c) for c in leaf.chain],
    },
    "paths": lambda leaf, folder: {
        "certificate": written(folder, "cert.pem", leaf.pem),
        "key": str(written(folder, "key.der", leaf.key_der())),
        "chain": written(folder, "chain.pem", leaf.issuers[0].pem),
    },
    "encrypted PEM": lambda leaf, _: {
        "certificate": leaf.chain_pem,
        "key": leaf.key_pem(PASSWORD),
        "passphrase": PASSWORD,
    },
    "encrypted DER": lambda leaf, _: {
        "certificate": leaf.chain_pem,
        "key": leaf.key_der(PASSWORD),
        "passphrase": PASSWORD.decode(),
    },
    "a callable": lambda leaf, _: {
        "certificate": leaf.chain_pem,
        "key": leaf.key_pem(PASSWORD),
        "passphrase": lambda: bytearray(PASSWORD),
    },
    "URIs": lambda leaf, folder: {
        "certificate": f"file:{written(folder, 'chain.pem', leaf.chain_pem)}",
        "key": f"file:{written(folder, 'key.pem', leaf.key_pem(PASSWORD))}",
        "passphrase": PASSWORD,
    },
    "one URI with all": lambda leaf, folder: {
        "certificate": f"file:{written(folder, 'all.pem', leaf.chain_pem + leaf.key_pem())}"
    },
    "PKCS#12": lambda leaf, _: {"certificate": leaf.pkcs12(PASSWORD), "passphrase": PASSWORD},
    "PKCS#12 file": lambda leaf, folder: {
        "certificate": written(folder, "all.p12", leaf.pkcs12(PASSWORD)),
        "passphrase": lambda: PASSWORD,
    },
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_sources(face: Face, version: str, root: Issued, leaf: Issued, tmp_path: Path, source: Any) -> None:
    loaded = Credential.load(**source(leaf, tmp_path))
    assert shown(face, version, root, loaded) == [leaf.der, leaf.issuers[0].der]


def test_a_long_chain_in_a_pkcs12_is_put_in_order(face: Face, version: str, root: Issued) -> None:
    leaf = root.issue("outer", authority=True).issue("inner", authority=True).issue("localhost")
    loaded = Credential.load(leaf.pkcs12(PASSWORD), passphrase=PASSWORD)
    assert shown(face, version, root, loaded) == [leaf.der, *(issuer.der for issuer in leaf.issuers[:2])]


@pytest.mark.parametrize("kind", ["rsa", "ec", "ed25519"])
def test_types_of_keys(face: Face, version: str, root: Issued, kind: str) -> None:
    leaf = root.issue("localhost", kind=kind)
    loaded = credential(leaf)
    assert loaded.key_type.lower() == kind
    assert shown(face, version, root, loaded) == [leaf.der]


def test_nothing_is_written_and_no_path_is_opened(leaf: Issued, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(os, "open", refuse)
    assert Credential.load(leaf.chain_pem, leaf.key_pem(PASSWORD), passphrase=PASSWORD)


def test_a_credential_cannot_be_copied_or_changed(leaf: Issued) -> None:
    loaded = credential(leaf)
    assert "localhost" in repr(loaded)
    assert "a chain of 1" in repr(loaded)
    for act in (pickle.dumps, copy.copy, lambda x: setattr(x, "name", 1), lambda x: type(x)()):
        with pytest.raises((TypeError, AttributeError)):
            act(loaded)


def test_the_callers_certificate_may_change_afterwards(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    certificate = crypto.X509.from_cryptography(leaf.certificate)
    loaded = Credential.load(certificate, leaf.key, leaf.chain)
    certificate.set_serial_number(1)
    assert shown(face, version, root, loaded)[0] == leaf.der


# -- failures, each of which says what it is ---------------------------------------------------------------------------

OTHER = new_root("another root").issue("elsewhere", kind="ec")

FAILURES: dict[str, tuple[Callable[[Issued], dict[str, Any]], str]] = {
    "wrong password, PEM": (
        lambda leaf: {"certificate": leaf.pem, "key": leaf.key_pem(PASSWORD), "passphrase": b"wrong"},
        r"private key \(bytes\) cannot be decrypted: the passphrase is wrong",
    ),
    "wrong password, DER": (
        lambda leaf: {"certificate": leaf.pem, "key": leaf.key_der(PASSWORD), "passphrase": b"wrong"},
        "the passphrase is wrong",
    ),
    "wrong password, PKCS#12": (
        lambda leaf: {"certificate": leaf.pkcs12(PASSWORD), "passphrase": "wrong"},
        "cannot be opened: the passphrase is wrong",
    ),
    "no password, PEM": (lambda leaf: {"certificate": leaf.pem, "key": leaf.key_pem(PASSWORD)}, "no passphrase was"),
    "no password, DER": (lambda leaf: {"certificate": leaf.pem, "key": leaf.key_der(PASSWORD)}, "no passphrase was"),
    "no password, PKCS#12": (lambda leaf: {"certificate": leaf.pkcs12(PASSWORD)}, "no passphrase was given"),
    "wrong key": (
        lambda leaf: {"certificate": leaf.pem, "key": OTHER.key},
        r"the private key \(EC\) does not belong to the certificate '/CN=localhost'",
    ),
    "wrong type of key": (
        lambda leaf: {"certificate": leaf.pem, "key": leaf.issue("x", kind="rsa").key},
        r"the private key \(RSA\) does not belong",
    ),
    "issuer first": (
        lambda leaf: {"certificate": [*leaf.chain, leaf.certificate], "key": leaf.key},
        "wrong order: the private key belongs to certificate 2, '/CN=localhost', and not to the first, '/CN=an inter",
    ),
    "root before intermediate": (
        lambda leaf: {"certificate": leaf.der, "key": leaf.key, "chain": [leaf.issuers[1].pem, leaf.issuers[0].pem]},
        "wrong order: certificate 2, '/CN=a root', is in the place of '/CN=an intermediate'",
    ),
    "mixed chain": (
        lambda leaf: {"certificate": leaf.chain_pem + OTHER.issuers[0].pem, "key": leaf.key},
        "mixed: certificate 3, '/CN=another root', has issued none",
    ),
    "same name, another key": (
        lambda leaf: {
            "certificate": leaf.der,
            "key": leaf.key,
            "chain": new_root().issue("an intermediate", authority=True).pem,
        },
        "mixed: certificate 2, '/CN=an intermediate', has issued none",
    ),
    "no key": (lambda leaf: {"certificate": leaf.chain_pem}, "the private key.* cannot be read"),
    "no certificate": (lambda leaf: {"certificate": leaf.key_pem()}, "has no certificate that can be read"),
    "rubbish": (lambda leaf: {"certificate": b"rubbish", "key": leaf.key}, "neither PEM nor DER certificates"),
    "rubbish after DER": (lambda leaf: {"certificate": leaf.der + b"\x30", "key": leaf.key}, "neither PEM nor DER"),
    "rubbish as key": (
        lambda leaf: {"certificate": leaf.pem, "key": b"rubbish"},
        "neither a PEM nor a DER key",
    ),
    "nothing": (lambda leaf: {"certificate": b"", "key": leaf.key}, "neither PEM nor DER"),
    "an empty list": (lambda leaf: {"certificate": [], "key": leaf.key}, "certificate has no certificates"),
    "an empty chain": (lambda leaf: {"certificate": leaf.pem, "key": leaf.key, "chain": ()}, "chain has no cert"),
    "damaged PEM": (
        lambda leaf: {"certificate": leaf.pem + leaf.issuers[0].pem.replace(b"M", b"?", 3), "key": leaf.key},
        "no certificate that can be read",
    ),
    "a public key": (
        lambda leaf: {"certificate": leaf.pem, "key": crypto.X509.from_cryptography(leaf.certificate).get_pubkey()},
        "is a public key",
    ),
}


@pytest.mark.parametrize(("source", "message"), FAILURES.values(), ids=FAILURES.keys())
def test_failures_say_which(leaf: Issued, source: Any, message: str) -> None:
    with pytest.raises(LoadError, match=message) as caught:
        Credential.load(**source(leaf))
    assert "PRIVATE KEY" not in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_file_that_is_not_there(leaf: Issued, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"missing\.pem"):
        Credential.load(tmp_path / "missing.pem", leaf.key)
    with pytest.raises(FileNotFoundError):
        Credential.load(leaf.pem, str(tmp_path / "missing.pem"))


def test_uris_that_cannot_be_loaded(leaf: Issued, tmp_path: Path) -> None:
    encrypted = f"file:{written(tmp_path, 'key.pem', leaf.key_pem(PASSWORD))}"
    certificate = f"file:{written(tmp_path, 'cert.pem', leaf.pem)}"
    cases: list[tuple[str, str | None, str]] = [
        (encrypted, "wrong", "the passphrase or PIN is wrong"),
        (encrypted, None, "no passphrase was given"),
        (certificate, None, "there is no private key"),
        ("file:/nowhere/key.pem", None, "it cannot be loaded"),
        ("pkcs11:object=mine;pin-value=1234", None, "no provider that OpenSSL has activated knows URIs of pkcs11:"),
        ("nonsense:", None, "no provider that OpenSSL has activated knows URIs of nonsense:"),
    ]
    for uri, passphrase, message in cases:
        with pytest.raises(LoadError, match=message):
            Credential.load(leaf.pem, uri, passphrase=passphrase)
    only_key = written(tmp_path, "only.pem", leaf.key_pem())
    with pytest.raises(LoadError, match="has no certificates"):
        Credential.load(f"file:{only_key}", leaf.key)
    with pytest.raises(ValueError, match="NUL"):
        Credential.load(leaf.pem, "file:a\0b")

    def fail() -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Credential.load(leaf.pem, encrypted, passphrase=fail)


def test_a_path_that_looks_like_a_uri(leaf: Issued, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "file:key.pem", leaf.key_pem())
    assert Credential.load(leaf.pem, "file:key.pem")


@pytest.mark.parametrize("wrong", [5, object(), 1.5])
def test_what_is_no_source(leaf: Issued, wrong: object) -> None:
    for arguments in ((wrong, leaf.key), (leaf.pem, wrong), (leaf.pem, leaf.key, wrong)):
        with pytest.raises(TypeError, match="is a path, bytes, or an object"):
            Credential.load(*arguments)


def test_passphrases_of_a_wrong_type_and_functions_that_raise(leaf: Issued) -> None:
    def fail() -> str:
        raise KeyboardInterrupt

    key = leaf.key_pem(PASSWORD)
    with pytest.raises(TypeError, match="a passphrase is a str or bytes, not int"):
        Credential.load(leaf.pem, key, passphrase=5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a passphrase is a str or bytes, not int"):
        Credential.load(leaf.pem, key, passphrase=lambda: 5)  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError, match="NUL"):
        Credential.load(leaf.pem, key, passphrase=b"a\0b")
    for source in ((leaf.pem, key), (leaf.pkcs12(PASSWORD),)):
        with pytest.raises(KeyboardInterrupt):
            Credential.load(*source, passphrase=fail)


# -- contexts ----------------------------------------------------------------------------------------------------------


def test_several_credentials_each_with_its_chain(face: Face, root: Issued) -> None:
    of_rsa = root.issue("for RSA", authority=True).issue("localhost", kind="rsa")
    of_ec = root.issue("for EC", authority=True).issue("localhost", kind="ec")
    server = face.server("1.2", credential(of_rsa), credential(of_ec))
    for ciphers, expected in ((b"ECDHE-RSA-AES128-GCM-SHA256", of_rsa), (b"ECDHE-ECDSA-AES128-GCM-SHA256", of_ec)):
        client = face.client("1.2", root)
        if hasattr(client, "set_cipher_list"):
            client.set_cipher_list(ciphers)
        else:
            client.set_ciphers(ciphers.decode())
        pair = face.pair(client, server).handshake()
        assert face.sent(pair.client) == [expected.der, expected.issuers[0].der]


def test_what_was_there_is_replaced_as_a_whole(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    of_rsa = root.issue("localhost", kind="rsa")
    server = face.server(version, credential(of_rsa), credential(leaf))
    server.use_credentials(credential(of_rsa))
    if face.error is SSL.Error:
        extra = crypto.X509.from_cryptography(leaf.issuers[0].certificate)
        server.add_extra_chain_cert(extra)
        assert len(face.sent(face.pair(face.client(version, root), server).handshake().client)) == 2
    server.use_credentials(credential(leaf))
    pair = face.pair(face.client(version, root), server).handshake()
    assert face.sent(pair.client) == [leaf.der, leaf.issuers[0].der]
    only_rsa = face.client("1.2", root)
    set_ciphers = getattr(only_rsa, "set_cipher_list", None) or only_rsa.set_ciphers
    set_ciphers(b"aRSA" if face.error is SSL.Error else "aRSA")
    with pytest.raises(face.error):
        face.pair(only_rsa, server).handshake()


def test_connections_keep_what_they_began_with(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    newer = root.issue("localhost")
    server = face.server(version, credential(leaf))
    before = face.pair(face.client(version, root), server)
    server.use_credentials(credential(newer))
    after = face.pair(face.client(version, root), server)
    assert face.sent(before.handshake().client)[0] == leaf.der
    assert face.sent(after.handshake().client)[0] == newer.der


def test_sessions_survive_a_rotation(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    server = face.server(version, credential(leaf))
    pair = face.pair(face.client(version, root), server).handshake()
    server.use_credentials(credential(root.issue("localhost")))
    assert face.reused(pair)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda _: (), ValueError),
        (lambda leaf: (leaf.pem,), TypeError),
        (lambda leaf: (credential(leaf), leaf.certificate), TypeError),
        (lambda leaf: (credential(leaf), credential(OTHER)), ValueError),
    ],
    ids=["none", "no credential", "one of two is none", "two of a type"],
)
def test_a_failure_keeps_the_old(
    face: Face, version: str, root: Issued, leaf: Issued, wrong: Any, error: type[Exception]
) -> None:
    server = face.server(version, credential(leaf))
    for _ in range(2):  # before use and after
        with pytest.raises(error):
            server.use_credentials(*wrong(root.issue("localhost")))
        assert face.sent(face.pair(face.client(version, root), server).handshake().client)[0] == leaf.der


def test_one_connection_alone(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    of_rsa, own = root.issue("localhost", kind="rsa"), root.issue("localhost")
    server = face.server(version, credential(of_rsa), credential(leaf))
    pair, sibling = (face.pair(face.client(version, root), server) for _ in range(2))
    pair.server.use_credentials(credential(own))
    assert face.sent(pair.handshake().client) == [own.der]
    assert face.sent(sibling.handshake().client) != [own.der]


def test_clients_have_credentials_too(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    server, client = face.server(version, credential(leaf)), face.client(version, root)
    face.trust(server, root)
    if face.error is SSL.Error:
        server.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    else:
        server.verify_mode = 2
    mine = root.issue("a client")
    client.use_credentials(credential(mine))
    server_end = face.pair(client, server).handshake().server
    if face.error is SSL.Error:
        assert server_end.get_peer_certificate().get_subject().CN == "a client"
    else:
        assert server_end.getpeercert(True) == mine.der


def test_rotations_under_load(face: Face, version: str, root: Issued) -> None:
    """1,000 rotations between credentials of different names, types of key and lengths of chain."""
    made = [
        root.issue("first", authority=True).issue("localhost"),
        root.issue("second", authority=True).issue("localhost", kind="ed25519"),
        root.issue("localhost"),
    ]
    credentials = [credential(issued) for issued in made]
    whole = [[issued.der, *(issuer.der for issuer in issued.issuers[:-1])] for issued in made]
    server, client = face.server(version, credentials[0]), face.client(version, root)
    over, problems, seen = threading.Event(), list[object](), set[int]()

    def handshakes() -> None:
        try:
            while not over.is_set():
                seen.add(whole.index(face.sent(face.pair(client, server).handshake().client)))
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=handshakes) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _, rotated in zip(range(1000), itertools.cycle(credentials), strict=False):
        server.use_credentials(rotated)
    while len(seen) < len(made) and not problems and threads[0].is_alive():
        for rotated in credentials:
            server.use_credentials(rotated)
    over.set()
    for thread in threads:
        thread.join(TIMEOUT)
    assert not problems
    assert seen == {0, 1, 2}
