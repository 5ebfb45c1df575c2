"""Keys and passphrases of ``openssl_bio.crypto``."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519

from openssl_bio import crypto


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    """An RSA key of cryptography."""
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def encrypted(rsa_key: rsa.RSAPrivateKey) -> bytes:
    """The key as PEM, encrypted with b"secret"."""
    return rsa_key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def numbers(key: Any) -> Any:
    """What two equal private keys have in common."""
    return key.private_numbers()


@pytest.mark.parametrize(
    ("type", "bits", "expected"),
    [
        (crypto.TYPE_RSA, 2048, rsa.RSAPrivateKey),
        (crypto.TYPE_DSA, 1024, dsa.DSAPrivateKey),
        (crypto.TYPE_EC, 256, ec.EllipticCurvePrivateKey),
        (crypto.TYPE_EC, 384, ec.EllipticCurvePrivateKey),
        (crypto.TYPE_EC, 521, ec.EllipticCurvePrivateKey),
    ],
)
def test_generated_key_is_a_key_of_cryptography(type: int, bits: int, expected: type) -> None:
    """A generated key has the type and size asked for, and cryptography can use it."""
    key = crypto.PKey()
    assert (key.type(), key.bits()) == (0, 0)
    key.generate_key(type, bits)
    assert (key.type(), key.bits()) == (type, bits)
    converted = key.to_cryptography_key()
    assert isinstance(converted, expected)
    assert converted.key_size == bits


@pytest.mark.parametrize(
    ("type", "bits", "error"),
    [
        ("rsa", 2048, TypeError),
        (crypto.TYPE_RSA, "2048", TypeError),
        (crypto.TYPE_RSA, 0, ValueError),
        (crypto.TYPE_RSA, 16, crypto.Error),
        (crypto.TYPE_EC, 257, ValueError),
        (crypto.TYPE_DH, 2048, crypto.Error),
    ],
)
def test_generate_key_refuses(type: Any, bits: Any, error: type[Exception]) -> None:
    """Wrong arguments of generate_key are refused, and the key stays empty."""
    key = crypto.PKey()
    with pytest.raises(error):
        key.generate_key(type, bits)
    assert key.type() == 0


def test_check(rsa_key: rsa.RSAPrivateKey) -> None:
    """A good RSA key passes check; public keys and other types are a TypeError."""
    assert crypto.PKey.from_cryptography_key(rsa_key).check() is True
    with pytest.raises(TypeError, match="public key only"):
        crypto.PKey.from_cryptography_key(rsa_key.public_key()).check()
    with pytest.raises(TypeError, match="Only RSA keys can currently be checked"):
        crypto.PKey.from_cryptography_key(ec.generate_private_key(ec.SECP256R1())).check()


def test_from_and_to_cryptography(rsa_key: rsa.RSAPrivateKey) -> None:
    """Private and public keys survive the way to PKey and back."""
    assert numbers(crypto.PKey.from_cryptography_key(rsa_key).to_cryptography_key()) == numbers(rsa_key)
    public = crypto.PKey.from_cryptography_key(rsa_key.public_key()).to_cryptography_key()
    assert public == rsa_key.public_key()
    edwards = ed25519.Ed25519PrivateKey.generate()
    back = crypto.PKey.from_cryptography_key(edwards).to_cryptography_key()
    assert isinstance(back, ed25519.Ed25519PrivateKey)
    assert back.private_bytes_raw() == edwards.private_bytes_raw()


@pytest.mark.parametrize("wrong", [b"key", None, x25519.X25519PrivateKey.generate()])
def test_from_cryptography_refuses(wrong: Any) -> None:
    """What is no key that can sign is a TypeError."""
    with pytest.raises(TypeError, match="Unsupported key type"):
        crypto.PKey.from_cryptography_key(wrong)


@pytest.mark.parametrize("type", [crypto.FILETYPE_PEM, crypto.FILETYPE_ASN1])
def test_dump_and_load(type: int, rsa_key: rsa.RSAPrivateKey) -> None:
    """What is dumped can be loaded, private and public."""
    key = crypto.PKey.from_cryptography_key(rsa_key)
    loaded = crypto.load_privatekey(type, crypto.dump_privatekey(type, key))
    assert numbers(loaded.to_cryptography_key()) == numbers(rsa_key)
    public = crypto.load_publickey(type, crypto.dump_publickey(type, key))
    assert public.to_cryptography_key() == rsa_key.public_key()


def test_dump_as_text(rsa_key: rsa.RSAPrivateKey) -> None:
    """RSA keys have a text form, other keys have not."""
    text = crypto.dump_privatekey(crypto.FILETYPE_TEXT, crypto.PKey.from_cryptography_key(rsa_key))
    assert text.startswith(b"Private-Key: (2048 bit")
    other = crypto.PKey.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(TypeError, match="Only RSA keys are supported for FILETYPE_TEXT"):
        crypto.dump_privatekey(crypto.FILETYPE_TEXT, other)


def test_encrypted_dump_is_read_by_cryptography(rsa_key: rsa.RSAPrivateKey) -> None:
    """A key that is dumped with a cipher needs its passphrase; the callback is called with 1."""
    asked: list[int] = []

    def passphrase(writing: int) -> bytes:
        asked.append(writing)
        return b"secret"

    key = crypto.PKey.from_cryptography_key(rsa_key)
    pem = crypto.dump_privatekey(crypto.FILETYPE_PEM, key, "aes-256-cbc", passphrase)
    assert asked == [1]
    assert numbers(serialization.load_pem_private_key(pem, b"secret")) == numbers(rsa_key)


def test_dump_refuses(rsa_key: rsa.RSAPrivateKey) -> None:
    """Wrong arguments of dump_privatekey are refused with pyOpenSSL's messages."""
    key = crypto.PKey.from_cryptography_key(rsa_key)
    pem = crypto.FILETYPE_PEM
    with pytest.raises(ValueError, match="type argument must be FILETYPE_PEM, FILETYPE_ASN1, or FILETYPE_TEXT"):
        crypto.dump_privatekey(100, key)
    with pytest.raises(TypeError, match="pkey must be a PKey"):
        crypto.dump_privatekey(pem, "key")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="if a value is given for cipher one must also be given for passphrase"):
        crypto.dump_privatekey(pem, key, "aes-256-cbc")
    with pytest.raises(ValueError, match="Invalid cipher name"):
        crypto.dump_privatekey(pem, key, "zebra", b"x")
    with pytest.raises(ValueError, match="only FILETYPE_PEM key format supports encryption"):
        crypto.dump_privatekey(crypto.FILETYPE_ASN1, key, "aes-256-cbc", b"x")
    with pytest.raises(TypeError, match="Last argument must be a byte string or a callable"):
        crypto.dump_privatekey(pem, key, "aes-256-cbc", object())  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="passphrase returned by callback is too long"):
        crypto.dump_privatekey(pem, key, "aes-256-cbc", lambda _: b"x" * 5000)
    with pytest.raises(ValueError, match="Key is uninitialized"):
        crypto.dump_privatekey(pem, crypto.PKey())
    with pytest.raises(ValueError, match="type argument must be FILETYPE_PEM or FILETYPE_ASN1"):
        crypto.dump_publickey(100, key)


def test_passphrase(encrypted: bytes, rsa_key: rsa.RSAPrivateKey) -> None:
    """An encrypted key is opened with bytes, or with a callable that is called once with 0."""
    asked: list[int] = []

    def passphrase(writing: int) -> bytes:
        asked.append(writing)
        return b"secret"

    for given in (b"secret", passphrase):
        loaded = crypto.load_privatekey(crypto.FILETYPE_PEM, encrypted.decode(), given)
        assert numbers(loaded.to_cryptography_key()) == numbers(rsa_key)
    assert asked == [0]


@pytest.mark.parametrize("wrong", [b"wrong", b"", lambda _: b""])
def test_wrong_passphrase(wrong: Any, encrypted: bytes) -> None:
    """A wrong passphrase is an Error with records."""
    with pytest.raises(crypto.Error) as caught:
        crypto.load_privatekey(crypto.FILETYPE_PEM, encrypted, wrong)
    assert caught.value.args[0]
    assert all(len(record) == 3 for record in caught.value.args[0])


def test_no_passphrase_never_asks_the_terminal(encrypted: bytes) -> None:
    """Without a passphrase an encrypted key is an Error that says so."""
    with pytest.raises(crypto.Error, match="the private key is encrypted and no passphrase was given") as caught:
        crypto.load_privatekey(crypto.FILETYPE_PEM, encrypted)
    library, function, reason = caught.value.args[0][-1]
    assert (bool(library), function, bool(reason)) == (True, "", True)


def test_passphrase_callback_that_fails(encrypted: bytes) -> None:
    """What a callback raises comes out, even a KeyboardInterrupt; what it returns must be bytes, and short enough."""

    def interrupted(_: int) -> bytes:
        raise KeyboardInterrupt("stop")

    with pytest.raises(KeyboardInterrupt, match="stop"):
        crypto.load_privatekey(crypto.FILETYPE_PEM, encrypted, interrupted)
    with pytest.raises(ValueError, match="Bytes expected"):
        crypto.load_privatekey(crypto.FILETYPE_PEM, encrypted, lambda _: "secret")  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match="passphrase returned by callback is too long"):
        crypto.load_privatekey(crypto.FILETYPE_PEM, encrypted, lambda _: b"s" * 5000)


def test_callback_error_leaves_no_cycle(encrypted: bytes) -> None:
    """The exception of a callback is freed by reference counting alone."""

    class Oops(Exception):
        pass

    seen: list[weakref.ref[BaseException]] = []

    def passphrase(_: int) -> bytes:
        error = Oops()
        seen.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    gc.collect()
    gc.disable()
    try:
        try:
            crypto.load_privatekey(crypto.FILETYPE_PEM, encrypted, passphrase)
            raised = False
        except Oops:
            raised = True
        assert raised
        assert seen[0]() is None
    finally:
        gc.enable()


def test_load_refuses(encrypted: bytes) -> None:
    """Wrong arguments of the loaders are refused with pyOpenSSL's messages."""
    with pytest.raises(ValueError, match="type argument must be FILETYPE_PEM or FILETYPE_ASN1"):
        crypto.load_privatekey(100, encrypted)
    with pytest.raises(ValueError, match="only FILETYPE_PEM key format supports encryption"):
        crypto.load_privatekey(crypto.FILETYPE_ASN1, encrypted, b"secret")
    with pytest.raises(TypeError, match="Last argument must be a byte string or a callable"):
        crypto.load_privatekey(crypto.FILETYPE_PEM, encrypted, object())  # type: ignore[arg-type]
    for load in (crypto.load_privatekey, crypto.load_publickey):
        for type in (crypto.FILETYPE_PEM, crypto.FILETYPE_ASN1):
            for wrong in (b"", b"rubbish", "text", encrypted[:200]):
                with pytest.raises(crypto.Error) as caught:
                    load(type, wrong)
                assert caught.value.args[0], "never an empty list"


def test_elliptic_curves() -> None:
    """Curves are found by name, equal, hashable, and an unknown one is a ValueError."""
    curve = crypto.get_elliptic_curve("prime256v1")
    assert curve.name == "prime256v1"
    assert repr(curve) == "<Curve 'prime256v1'>"
    assert curve in crypto.get_elliptic_curves()
    with pytest.raises(ValueError, match="unknown curve name"):
        crypto.get_elliptic_curve("nonesuch")
