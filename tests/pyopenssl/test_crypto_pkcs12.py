"""PKCS#12 files, both ways with ``cryptography`` and ``openssl pkcs12``."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from openssl_bio import crypto
from tests.helpers import new_key
from tests.pyopenssl.test_crypto_certificates import LEAF, ROOT, converted
from tests.pyopenssl.test_crypto_requests import openssl

KEY = crypto.PKey.from_cryptography_key(LEAF[1])


def full() -> crypto.PKCS12:
    """A key, its certificate, another certificate and a name."""
    p12 = crypto.PKCS12()
    p12.set_privatekey(KEY)
    p12.set_certificate(converted(LEAF))
    p12.set_ca_certificates([converted(ROOT)])
    p12.set_friendlyname("Käse".encode())
    return p12


def is_full(p12: crypto.PKCS12) -> bool:
    """Whether this holds what `full` does."""
    key, certificate, others = p12.get_privatekey(), p12.get_certificate(), p12.get_ca_certificates()
    assert key is not None
    assert certificate is not None
    assert others is not None
    assert certificate.to_cryptography() == LEAF[0]
    assert [other.to_cryptography() for other in others] == [ROOT[0]]
    assert key.to_cryptography_key().public_key() == LEAF[1].public_key()  # type: ignore[union-attr]
    return p12.get_friendlyname() == "Käse".encode()


def test_written_here_read_elsewhere() -> None:
    """An exported file is read by cryptography and by openssl, and is well encrypted."""
    data = full().export(b"secret")
    key, certificate, others = pkcs12.load_key_and_certificates(data, b"secret")
    assert key is not None
    assert (certificate, others) == (LEAF[0], [ROOT[0]])
    assert key.public_key() == LEAF[1].public_key()  # type: ignore[union-attr]
    said = openssl("pkcs12", "-info", "-nokeys", "-passin", "pass:secret", data=data)
    assert said.count(b"BEGIN CERTIFICATE") == 2
    assert b"PBES2, PBKDF2, AES-256-CBC, Iteration 2048" in said
    assert b"MAC: sha256, Iteration 2048" in said
    assert is_full(crypto.load_pkcs12(data, b"secret"))


def test_written_elsewhere_read_here(tmp_path: Path) -> None:
    """Files of cryptography and of openssl are read."""
    encryption = serialization.BestAvailableEncryption(b"secret")
    data = pkcs12.serialize_key_and_certificates("Käse".encode(), LEAF[1], LEAF[0], [ROOT[0]], encryption)
    assert is_full(crypto.load_pkcs12(data, b"secret"))
    parts = tmp_path / "all.pem"
    parts.write_bytes(
        crypto.dump_privatekey(crypto.FILETYPE_PEM, KEY)
        + b"".join(crypto.dump_certificate(crypto.FILETYPE_PEM, converted(pair)) for pair in (LEAF, ROOT))
    )
    for options in ([], ["-keypbe", "PBE-SHA1-3DES", "-certpbe", "PBE-SHA1-3DES", "-macalg", "sha1"]):
        data = openssl("pkcs12", "-export", "-in", str(parts), "-name", "Käse", "-passout", "pass:secret", *options)
        assert is_full(crypto.load_pkcs12(data, b"secret"))


def test_legacy_algorithms_are_named(tmp_path: Path) -> None:
    """A file that is encrypted with RC2-40 is refused with what is missing, unless OpenSSL's legacy provider is on."""
    parts = tmp_path / "leaf.pem"
    parts.write_bytes(
        crypto.dump_privatekey(crypto.FILETYPE_PEM, KEY) + crypto.dump_certificate(crypto.FILETYPE_PEM, converted(LEAF))
    )
    try:
        data = openssl("pkcs12", "-export", "-legacy", "-in", str(parts), "-passout", "pass:secret")
    except subprocess.CalledProcessError:
        pytest.skip("the openssl command has no legacy provider, so it cannot write such a file")
    with pytest.raises(crypto.Error, match="legacy provider") as caught:
        crypto.load_pkcs12(data, b"secret")
    assert caught.value.args[0]


@pytest.mark.parametrize("passphrase", [None, b""])
def test_without_passphrase(passphrase: bytes | None) -> None:
    """No passphrase and an empty one can be read as each other."""
    data = full().export(passphrase)
    assert is_full(crypto.load_pkcs12(data))
    assert is_full(crypto.load_pkcs12(data, b""))


def test_parts() -> None:
    """Any part can be missing, but not all; what is not there is None."""
    empty = crypto.PKCS12()
    assert empty.get_certificate() is empty.get_privatekey() is empty.get_friendlyname() is None
    with pytest.raises(crypto.Error) as caught:
        empty.export(b"x")
    assert caught.value.args[0]
    p12 = full()
    p12.set_ca_certificates(None)
    p12.set_friendlyname(None)
    loaded = crypto.load_pkcs12(p12.export(b"x"), b"x")
    assert loaded.get_ca_certificates() is loaded.get_friendlyname() is None
    only = crypto.PKCS12()
    only.set_ca_certificates([converted(ROOT)])
    loaded = crypto.load_pkcs12(only.export(b"x"), b"x")
    assert loaded.get_privatekey() is loaded.get_certificate() is None
    others = loaded.get_ca_certificates()
    assert others is not None
    assert others[0].to_cryptography() == ROOT[0]


def test_wrong_passphrase_and_missing_checksum() -> None:
    """Neither a wrong passphrase nor a file without a checksum is let through."""
    data = full().export(b"secret")
    for passphrase in (b"wrong", b"", None):
        with pytest.raises(crypto.Error) as caught:
            crypto.load_pkcs12(data, passphrase)
        assert ("PKCS12 routines", "", "mac verify failure") in caught.value.args[0]
    with pytest.raises(crypto.Error, match="the file has no checksum"):
        crypto.load_pkcs12(full().export(b"secret", maciter=-1), b"secret")
    assert is_full(crypto.load_pkcs12(full().export(b"secret", 1, 1), b"secret"))


def test_refused() -> None:
    """Wrong types, NULs, numbers out of range and keys of others have their exceptions."""
    p12 = full()
    wrong: list[Any] = [p12.set_certificate, p12.set_privatekey, p12.set_friendlyname, p12.set_ca_certificates]
    for call in wrong:
        with pytest.raises(TypeError):
            call(1)
    with pytest.raises(TypeError, match="iterable must only contain X509 instances"):
        p12.set_ca_certificates([converted(ROOT), KEY])  # type: ignore[list-item]
    for call in (p12.set_friendlyname, p12.export, lambda text: crypto.load_pkcs12(b"", text)):
        with pytest.raises(ValueError, match="must not contain NUL byte"):
            call(b"a\0b")
    for call in (p12.export, lambda text: crypto.load_pkcs12(b"", text)):
        with pytest.raises(TypeError, match="passphrase must be a byte string or None"):
            call(7)
    with pytest.raises(TypeError, match="iter must be an integer"):
        p12.export(b"", "1")  # type: ignore[arg-type]
    for numbers in ((-1, 1), (2**31, 1), (1, -2)):
        with pytest.raises(OverflowError):
            p12.export(b"", *numbers)
    with pytest.warns(DeprecationWarning, match="str for passphrase is no longer accepted, use bytes"):
        data = p12.export("secret")  # type: ignore[arg-type]
    with pytest.warns(DeprecationWarning, match="str for passphrase") as caught:
        assert is_full(crypto.load_pkcs12(data, "secret"))  # type: ignore[arg-type]
    assert [warning.filename for warning in caught] == [__file__]
    p12.set_privatekey(new_key())
    with pytest.raises(crypto.Error) as caught:
        p12.export(b"")
    assert caught.value.args[0]
    p12.set_privatekey(crypto.PKey())
    with pytest.raises(ValueError, match="Key is uninitialized"):
        p12.export(b"")
