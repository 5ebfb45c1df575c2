"""TrustStores: what they are made from, who shares them, and who does not see whose changes."""

from __future__ import annotations

import copy
import datetime
import itertools
import os
import pickle
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from openssl_bio import SSL, LoadError, TrustStore, crypto, stdlib
from tests.contexts.faces import Face, credential
from tests.contexts.pki import Issued, new_root
from tests.programs import printed


def trusts(face: Face, version: str, context: Any, issued: Issued) -> bool:
    """Whether a connection from this client's context accepts a server with a certificate."""
    try:
        face.pair(context, face.server(version, credential(issued))).handshake()
    except face.error:
        return False
    return True


def add(face: Face, context: Any, *flags: int) -> None:
    """Add flags of verification to what a context trusts."""
    if face.error is SSL.Error:
        context.get_cert_store().set_flags(*flags)
    else:
        context.verify_flags |= flags[0]


def hashed(folder: Path, root: Issued) -> Path:
    """A directory of certificates by hash."""
    name = crypto.X509.from_cryptography(root.certificate).subject_name_hash()
    (folder / f"{name:08x}.0").write_bytes(root.pem)
    return folder


def file_of(folder: Path, root: Issued) -> Path:
    path = folder / "authorities.pem"
    path.write_bytes(root.pem)
    return path


SOURCES: dict[str, Callable[[Issued, Path], Any]] = {
    "PEM bytes": lambda root, _: root.pem,
    "PEM text": lambda root, _: root.pem.decode(),
    "DER": lambda root, _: root.der,
    "DER behind DER": lambda root, _: new_root("x").der + root.der,
    "cryptography": lambda root, _: root.certificate,
    "crypto.X509": lambda root, _: crypto.X509.from_cryptography(root.certificate),
    "a list": lambda root, _: [new_root("x").pem, [root.certificate]],
    "a path": lambda root, folder: file_of(folder, root),
    "a str": lambda root, folder: str(file_of(folder, root)),
    "a directory": lambda root, folder: hashed(folder, root),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_sources(face: Face, version: str, root: Issued, leaf: Issued, tmp_path: Path, source: Any) -> None:
    client = face.client(version)
    assert not trusts(face, version, client, leaf)
    client.use_trust_store(TrustStore(source(root, tmp_path)))
    assert trusts(face, version, client, leaf)
    assert not trusts(face, version, client, new_root().issue("localhost"))


WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "rubbish": (b"rubbish", LoadError, "neither PEM nor DER"),
    "only a key": (new_root().key_pem(), LoadError, "no certificate or CRL"),
    "a file that is not there": ("/nowhere/ca.pem", FileNotFoundError, "nowhere"),
    "an int": (5, TypeError, "is a path, bytes, or an object"),
    "None": (None, TypeError, "is a path, bytes, or an object"),
}


@pytest.mark.parametrize(("wrong", "error", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_sources_add_nothing(root: Issued, wrong: Any, error: type[Exception], message: str) -> None:
    store = TrustStore()
    with pytest.raises(error, match=message):
        store.add(root.pem, wrong)
    assert len(store) == 0
    with pytest.raises(error, match=message):
        TrustStore(wrong)


def test_what_can_be_asked(root: Issued) -> None:
    store = TrustStore()
    assert store
    assert len(store) == 0
    store.add(root.pem, root.der)
    assert len(store) == 1
    assert repr(store) == "<TrustStore of 1 certificates>"
    for act in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            act(store)
    with pytest.raises(ValueError, match="flags"):
        store.set_flags(-1)
    with pytest.raises(TypeError, match=r"an openssl_bio\.TrustStore"):
        SSL.Context(SSL.TLS_METHOD).use_trust_store("a path")  # type: ignore[arg-type]


def test_it_replaces_what_was_trusted(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    other = new_root("another root")
    client = face.client(version, other)
    client.use_trust_store(TrustStore(root.pem))
    assert trusts(face, version, client, leaf)
    assert not trusts(face, version, client, other.issue("localhost"))


def test_a_context_in_use_can_be_given_another(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    client = face.client(version)
    server = face.server(version, credential(leaf))
    before = face.pair(client, server)
    client.use_trust_store(TrustStore(root.pem))
    face.pair(client, server).handshake()
    with pytest.raises(face.error):
        before.handshake()


def test_a_store_that_is_shared_does_not_carry_changes(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    other = new_root("another root")
    theirs = other.issue("localhost")
    store = TrustStore(root.pem)
    first, second = face.client(version), face.client(version)
    for client in (first, second):
        client.use_trust_store(store)
        assert trusts(face, version, client, leaf)
    face.trust(first, other)
    assert trusts(face, version, first, theirs)
    assert not trusts(face, version, second, theirs)
    store.add(other.pem)
    assert not trusts(face, version, second, theirs)
    second.use_trust_store(store)
    assert trusts(face, version, second, theirs)


def revocation_list(root: Issued, *revoked: Issued) -> x509.CertificateRevocationList:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(root.certificate.subject)
    builder = builder.last_update(now - datetime.timedelta(days=1)).next_update(now + datetime.timedelta(days=1))
    for one in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(one.certificate.serial_number)
        builder = builder.add_revoked_certificate(entry.revocation_date(now).build())
    return builder.sign(root.key, hashes.SHA256())


CRLS: dict[str, Callable[[x509.CertificateRevocationList], Any]] = {
    "cryptography": lambda crl: crl,
    "PEM": lambda crl: crl.public_bytes(Encoding.PEM),
    "DER": lambda crl: crl.public_bytes(Encoding.DER),
    "crypto.CRL": crypto.CRL.from_cryptography,
}


@pytest.mark.parametrize("form", CRLS.values(), ids=CRLS.keys())
def test_revocation_and_flags_that_stay_where_they_were_set(
    face: Face, version: str, root: Issued, form: Callable[[Any], Any]
) -> None:
    good, bad = root.issue("localhost"), root.issue("localhost")
    store = TrustStore(root.pem, form(revocation_list(root, bad)))
    checking, careless = face.client(version), face.client(version)
    checking.use_trust_store(store)
    careless.use_trust_store(store)
    add(face, checking, crypto.X509StoreFlags.CRL_CHECK)
    assert [trusts(face, version, checking, issued) for issued in (good, bad)] == [True, False]
    assert [trusts(face, version, careless, issued) for issued in (good, bad)] == [True, True]
    store.set_flags(crypto.X509StoreFlags.CRL_CHECK)
    careless.use_trust_store(store)
    assert [trusts(face, version, careless, issued) for issued in (good, bad)] == [True, False]


# -- bundles in files --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def crowd() -> list[Issued]:
    """As many authorities as make a bundle worth keeping."""
    return [new_root(f"authority {i}") for i in range(40)]


@pytest.fixture
def bundle(crowd: list[Issued], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A large file that the default paths name."""
    path = tmp_path / "bundle.pem"
    path.write_bytes(b"".join(authority.pem for authority in crowd))
    long_ago = time.time() - 1000
    os.utime(path, (long_ago, long_ago))
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return path


LOADERS: dict[str, Callable[[Face, Any, Path], object]] = {
    "default paths": lambda _face, context, _path: context.set_default_verify_paths(),
    "a file": lambda _face, context, path: context.load_verify_locations(str(path)),
    "a store": lambda _face, context, _path: context.use_trust_store(TrustStore.default()),
}


@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS.keys())
def test_a_bundle_is_parsed_once_and_again_when_it_changes(
    face: Face, version: str, crowd: list[Issued], bundle: Path, root: Issued, leaf: Issued, load: Any
) -> None:
    def client() -> Any:
        context = face.client(version)
        load(face, context, bundle)
        return context

    first, second = client(), client()
    assert first._trust.pointer == second._trust.pointer
    theirs = crowd[0].issue("localhost")
    assert trusts(face, version, first, theirs)
    face.trust(first, root)
    assert trusts(face, version, first, leaf)
    assert not trusts(face, version, second, leaf)
    looked = bundle.stat()
    text = bundle.read_bytes().replace(crowd[0].pem, root.pem)
    bundle.write_bytes(text)
    os.utime(bundle, ns=(looked.st_atime_ns, looked.st_mtime_ns))
    third = client()
    assert trusts(face, version, third, leaf)
    assert not trusts(face, version, third, theirs)
    bundle.unlink()
    if face.error is not SSL.Error and load is LOADERS["a file"]:
        with pytest.raises(FileNotFoundError):
            client()


def test_adding_what_is_trusted_changes_nothing(
    face: Face, version: str, crowd: list[Issued], bundle: Path, root: Issued, leaf: Issued, tmp_path: Path
) -> None:
    """Programs load the same file before each connection: the SSL_CTX stays, and sessions are resumed."""
    folder = tmp_path / "hashed"
    folder.mkdir()
    names = str(bundle), str(hashed(folder, root)), str(file_of(tmp_path, root))
    steps: list[Callable[[Any], object]] = [
        lambda context: context.load_verify_locations(names[0]),
        lambda context: context.load_verify_locations(None, names[1]),
        lambda context: context.load_verify_locations(names[2]),
        lambda context: context.set_default_verify_paths(),
        lambda context: face.trust(context, root, crowd[5]),
    ]
    client, server = face.client(version, new_root("x")), face.server(version, credential(leaf))
    for step in steps:
        step(client)
    pair = face.pair(client, server).handshake()
    compiled = client.ctx
    for step in steps[::-1] * 2:
        step(client)
        assert client.ctx == compiled
    assert face.reused(pair)
    face.trust(client, new_root("y"))
    face.pair(client, server).handshake()
    assert client.ctx != compiled


def test_adding_to_a_trust_store_what_it_has(root: Issued, tmp_path: Path) -> None:
    """Those who share it go on sharing."""
    revoked = revocation_list(root)
    store = TrustStore(root.pem, hashed(tmp_path, root))
    store.set_flags(crypto.X509StoreFlags.CRL_CHECK)
    before = store._trust.freeze()
    for again in (root.pem, root.der, root.certificate, tmp_path, [root.pem, root.der]):
        store.add(again)
        store.set_flags(crypto.X509StoreFlags.CRL_CHECK)
        assert store._trust.pointer == before
    for other in (new_root("x").pem, revoked):
        store.add(other)
        assert store._trust.freeze() != before
        before = store._trust.freeze()
    store.set_flags(crypto.X509StoreFlags.CRL_CHECK_ALL)
    assert store._trust.pointer != before


def test_a_bundle_behind_other_certificates(
    face: Face, version: str, crowd: list[Issued], bundle: Path, root: Issued, leaf: Issued
) -> None:
    client = face.client(version, root)
    client.set_default_verify_paths()
    assert trusts(face, version, client, leaf)
    assert trusts(face, version, client, crowd[-1].issue("localhost"))


def test_a_directory_beside_a_bundle(
    face: Face, version: str, crowd: list[Issued], bundle: Path, root: Issued, leaf: Issued, monkeypatch: Any
) -> None:
    folder = bundle.parent / "hashed"
    folder.mkdir()
    monkeypatch.setenv("SSL_CERT_DIR", str(hashed(folder, root)))
    for earlier in ((), (new_root("x"),)):
        client = face.client(version, *earlier)
        client.set_default_verify_paths()
        face.trust(client, new_root("y"))
        assert trusts(face, version, client, leaf)
        assert trusts(face, version, client, crowd[-1].issue("localhost"))


def test_many_bundles_are_not_all_kept(face: Face, version: str, crowd: list[Issued], tmp_path: Path) -> None:
    leaf = crowd[0].issue("localhost")
    for i, order in zip(range(8), itertools.permutations(crowd), strict=False):
        path = tmp_path / f"{i}.pem"
        path.write_bytes(b"".join(authority.pem for authority in order))
        client = face.client(version)
        client.load_verify_locations(str(path))
        assert trusts(face, version, client, leaf)


def test_certifi_and_the_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    certifi = pytest.importorskip("certifi", reason="certifi is not installed")
    store = TrustStore.certifi()
    assert len(store) > 100
    assert store._trust.pointer == TrustStore.certifi()._trust.pointer
    monkeypatch.setenv("SSL_CERT_FILE", certifi.where())
    assert len(TrustStore.default()) == len(store)
    context = stdlib.create_default_context(cafile=certifi.where())
    assert len(context.get_ca_certs()) == len(store)


def test_truststore_beside_us() -> None:
    """The package ``truststore`` in the place of ``ssl.SSLContext``, before us and after."""
    pytest.importorskip("truststore", reason="the package truststore is not installed")
    inject = "import truststore; truststore.inject_into_ssl()"
    use = """
from openssl_bio import stdlib
context = stdlib.create_default_context()
connection = context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname="localhost")
try:
    connection.do_handshake()
except stdlib.SSLWantReadError:
    print("works")
"""
    for program in (f"{inject}\n{use}", f"{use}\n{inject}\n{use}"):
        assert printed("-c", program).startswith("works")


def test_python_sees_our_flags() -> None:
    """`TrustStore.set_flags` takes what Python's ssl calls the flags."""
    TrustStore().set_flags(ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF)
