"""What ``crypto`` and ``Context`` share: trust stores that are copied when changed, chains, files, passphrases."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from openssl_bio import crypto
from openssl_bio._core import trust as trust_module
from openssl_bio._core.passphrase import PassphraseRequest
from openssl_bio._core.pem import load_certificates, load_private_key, read_file
from openssl_bio._core.trust import Trust, default_paths
from openssl_bio.pyopenssl._crypto_errors import CRYPTO_ERRORS
from tests.pyopenssl.test_crypto_certificates import LEAF, ROOT, converted, issue

LEAF_PEM, ROOT_PEM = (pair[0].public_bytes(serialization.Encoding.PEM) for pair in (LEAF, ROOT))


def trusts(trust: Trust, leaf: tuple[Any, Any] = LEAF) -> bool:
    """Whether a certificate verifies against a store."""
    try:
        crypto.X509StoreContext(crypto.X509Store._wrap(trust), converted(leaf)).verify_certificate()
    except crypto.X509StoreContextError:
        return False
    return True


def test_frozen_store_is_copied(tmp_path: Path) -> None:
    """A change after freeze makes a new store with the old content, directories and flags; one copy is enough."""
    hashed = tmp_path / f"{converted(ROOT).subject_name_hash():08x}.0"
    hashed.write_bytes(ROOT_PEM)
    trust = Trust(CRYPTO_ERRORS)
    trust.add_directory(tmp_path)
    first = trust.freeze()
    assert trust.pointer == first
    assert trust.freeze() == first
    other = issue("other")
    trust.add_certificates([converted(other)._x509])
    second = trust.pointer
    assert second != first
    trust.set_flags(crypto.X509StoreFlags.CRL_CHECK)
    assert trust.pointer == second
    trust.freeze()
    trust.set_time(1_600_000_000)
    assert trust.pointer != second
    with pytest.raises(crypto.X509StoreContextError, match="unable to get certificate CRL"):
        crypto.X509StoreContext(crypto.X509Store._wrap(trust), converted(LEAF)).verify_certificate()


def test_copy_keeps_the_content() -> None:
    """A copy trusts what the original trusted, and the original does not learn of what is added."""
    trust = Trust(CRYPTO_ERRORS)
    trust.load_pem(ROOT_PEM, "the root")
    trust.freeze()
    trust.add_certificates([converted(issue("other"))._x509])
    assert trusts(trust)


def test_failed_change_leaves_a_frozen_store() -> None:
    """A change that fails leaves the very same store, still frozen."""
    trust = Trust(CRYPTO_ERRORS)
    pointer = trust.freeze()
    with pytest.raises(crypto.Error, match="there is no certificate or CRL in the empty text"):
        trust.load_pem(b"", "the empty text")
    with pytest.raises(crypto.Error):
        trust.load_pem(ROOT_PEM + LEAF_PEM[:99], "half")
    assert trust.pointer == pointer
    trust.load_pem(ROOT_PEM, "the root")
    assert trust.pointer != pointer


def test_default_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE and SSL_CERT_DIR say what is trusted, and what does not exist is no error."""
    file = tmp_path / "root.pem"
    file.write_bytes(ROOT_PEM)
    monkeypatch.setenv("SSL_CERT_DIR", os.pathsep.join([str(tmp_path / "absent"), str(tmp_path)]))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    trust = Trust(CRYPTO_ERRORS)
    trust.load_default_paths()
    assert not trusts(trust)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    trust.load_default_paths()
    assert trusts(trust)
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.delenv("SSL_CERT_DIR")
    Trust(CRYPTO_ERRORS).load_default_paths()


def test_bundles_where_libcrypto_looks_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel's libcrypto has defaults that do not exist: the first bundle that does is used, unless others are named.

    Whether this libcrypto's defaults exist, depends on the system; so the environment stands for them.
    """
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    bundle = tmp_path / "bundle.pem"
    bundle.write_bytes(ROOT_PEM)
    monkeypatch.setattr(trust_module, "_BUNDLES", (str(tmp_path / "absent"), str(bundle)))
    monkeypatch.setattr(trust_module, "_string", lambda text: f"/absent/{text}")
    assert default_paths() == (str(bundle), [])
    store = Trust(CRYPTO_ERRORS)
    store.load_default_paths()
    assert trusts(store)
    monkeypatch.undo()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "absent"))
    assert default_paths() == (None, [])


def test_windows_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is trusted for servers is, rubbish is left out; only a Windows can tell whether its stores are like this."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    der = ssl.PEM_cert_to_DER_cert(ROOT_PEM.decode())
    rows: list[tuple[bytes, str, bool | set[str]]] = [(b"rubbish", "x509_asn", True), (der, "pkcs_7_asn", True)]
    monkeypatch.setattr(ssl, "enum_certificates", lambda store: rows if store == "ROOT" else [], raising=False)
    monkeypatch.setattr(sys, "platform", "win32")

    def loaded() -> bool:
        store = Trust(CRYPTO_ERRORS)
        store.load_windows_stores("1.3.6.1.5.5.7.3.1")
        return trusts(store)

    assert not loaded()
    rows.append((der, "x509_asn", {"1.3.6.1.5.5.7.3.2"}))
    assert not loaded()
    rows.append((der, "x509_asn", {"1.3.6.1.5.5.7.3.1"}))
    assert loaded()
    monkeypatch.setenv("SSL_CERT_FILE", "/absent")
    assert not loaded()


def test_chain() -> None:
    """A chain is read to its end; nothing, rubbish, and a malformed later block are errors."""
    assert len(load_certificates(LEAF_PEM + b"text\n" + ROOT_PEM + b"text", CRYPTO_ERRORS, "chain")) == 2
    for wrong in (b"", b"rubbish", LEAF_PEM + ROOT_PEM[:150], LEAF_PEM + ROOT_PEM.replace(b"M", b"!", 1)):
        with pytest.raises(crypto.Error, match=r"chain\.pem") as caught:
            load_certificates(wrong, CRYPTO_ERRORS, "chain.pem")
        assert caught.value.args[0]


def test_read_file(tmp_path: Path) -> None:
    """A file is read by any kind of path; the error names the path and the reason."""
    path = tmp_path / "file"
    path.write_bytes(b"content")
    for form in (path, str(path), bytes(path)):
        assert read_file(form, CRYPTO_ERRORS) == b"content"
    with pytest.raises(crypto.Error, match="absent") as caught:
        read_file(tmp_path / "absent", CRYPTO_ERRORS)
    assert caught.value.args == ([("system library", "", "No such file or directory")],)
    with pytest.raises(TypeError):
        read_file(5, CRYPTO_ERRORS)  # type: ignore[arg-type]


def test_truncated_passphrase() -> None:
    """With truncate a passphrase that is too long is cut to what OpenSSL has room for."""
    pem = LEAF[1].private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x" * 1023),
    )
    rooms: list[int] = []

    def ask(maxlen: int, writing: bool) -> bytes:
        assert writing is False
        rooms.append(maxlen)
        return b"y" * (maxlen + 1)

    with pytest.raises(crypto.Error, match="key"):
        load_private_key(pem, True, PassphraseRequest(ask, truncate=True), CRYPTO_ERRORS, "key")
    with pytest.raises(ValueError, match="passphrase returned by callback is too long"):
        load_private_key(pem, True, PassphraseRequest(ask), CRYPTO_ERRORS, "key")
    assert len(rooms) == 2
    assert rooms[0] >= 1023
