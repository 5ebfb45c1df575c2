"""Requests, signed keys, signatures and PKCS#7, compared with ``cryptography`` and the ``openssl`` command."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

from openssl_bio import crypto
from tests.helpers import TIMEOUT, new_key
from tests.pyopenssl.test_crypto_certificates import LEAF, ROOT, converted

TYPES = [crypto.FILETYPE_PEM, crypto.FILETYPE_ASN1]
KEY = new_key()


def openssl(*arguments: str, data: bytes = b"") -> bytes:
    """What the openssl command says, on both of its outputs."""
    command = shutil.which("openssl")
    assert command, "these tests compare with the openssl command"
    done = subprocess.run([command, *arguments], input=data, capture_output=True, timeout=TIMEOUT, check=True)
    return done.stdout + done.stderr


def new_request(*extensions: crypto.X509Extension, key: crypto.PKey = KEY) -> crypto.X509Req:
    """A signed request."""
    request = crypto.X509Req()
    request.get_subject().CN = "käse"
    request.set_pubkey(key)
    request.add_extensions(extensions)
    request.sign(key, "sha256")
    return request


def test_request_agrees_with_others() -> None:
    """A request made here verifies elsewhere, and says the same."""
    request = new_request(crypto.X509Extension(b"subjectAltName", False, b"DNS:example.test"))
    other = request.to_cryptography()
    assert other.is_signature_valid
    assert other.subject.rfc4514_string() == "CN=käse"
    names = other.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["example.test"]
    pem = crypto.dump_certificate_request(crypto.FILETYPE_PEM, request)
    assert b"verify OK" in openssl("req", "-verify", "-noout", data=pem)
    assert request.verify(KEY) is True
    assert request.get_pubkey().to_cryptography_key() == KEY.to_cryptography_key().public_key()  # type: ignore[union-attr]
    assert crypto.X509Req.from_cryptography(other).to_cryptography() == other
    text = crypto.dump_certificate_request(crypto.FILETYPE_TEXT, request)
    assert text.startswith(b"Certificate Request:\n")


@pytest.mark.parametrize("type", TYPES)
def test_request_dump_and_load(type: int) -> None:
    """A dumped request is loaded again with its subject, version and extensions."""
    data = crypto.dump_certificate_request(type, new_request(crypto.X509Extension(b"keyUsage", True, b"cRLSign")))
    request = crypto.load_certificate_request(type, data)
    assert crypto.dump_certificate_request(type, request) == data
    assert request.get_subject().CN == "käse"
    assert request.get_version() == 0
    (extension,) = request.get_extensions()
    assert (extension.get_short_name(), extension.get_critical(), str(extension)) == (b"keyUsage", True, "CRL Sign")


def test_request_extensions_add_up() -> None:
    """What is added by two calls is all there, and read by others too."""
    request = crypto.X509Req()
    assert request.get_extensions() == []
    request.set_pubkey(KEY)
    request.add_extensions([crypto.X509Extension(b"basicConstraints", True, b"CA:FALSE")])
    request.add_extensions([crypto.X509Extension(b"keyUsage", False, b"digitalSignature")])
    request.sign(KEY, "sha256")
    assert [e.get_short_name() for e in request.get_extensions()] == [b"basicConstraints", b"keyUsage"]
    assert len(request.to_cryptography().extensions) == 2
    with pytest.raises(ValueError, match="not an X509Extension"):
        request.add_extensions([crypto.X509Extension(b"keyUsage", False, b"cRLSign"), object()])  # type: ignore[list-item]
    assert len(request.get_extensions()) == 2


def test_request_subject_is_a_view() -> None:
    """The subject of a request outlives the variable of the request, and changes it."""
    request = crypto.X509Req()
    subject = request.get_subject()
    subject.O = "here"
    assert request.get_subject().get_components() == [(b"O", b"here")]
    del request
    subject.CN = "there"
    assert subject.get_components() == [(b"O", b"here"), (b"CN", b"there")]


def test_request_refuses() -> None:
    """Wrong arguments and wrong keys have their exceptions; an Error says what."""
    request, other = new_request(), new_key()
    public = crypto.load_publickey(crypto.FILETYPE_PEM, crypto.dump_publickey(crypto.FILETYPE_PEM, KEY))
    for wrong in (other, crypto.PKey()):
        with pytest.raises(crypto.Error) as caught:
            request.verify(wrong)
        assert caught.value.args[0]
    with pytest.raises(crypto.Error):
        request.set_pubkey(crypto.PKey())
    with pytest.raises(ValueError, match="Key only has public part"):
        request.sign(public, "sha256")
    with pytest.raises(ValueError, match="Key is uninitialized"):
        request.sign(crypto.PKey(), "sha256")
    for digest in ("no such", "sha256\0", "é"):
        with pytest.raises(ValueError, match="No such digest method"):
            request.sign(KEY, digest)
    for version in (1, -1, 2**70):
        with pytest.raises(ValueError, match="Invalid version"):
            request.set_version(version)
    for call in (request.verify, request.set_pubkey, request.set_version):
        with pytest.raises(TypeError):
            call(None)  # type: ignore[arg-type]
    with pytest.raises(crypto.Error) as caught:
        crypto.dump_certificate_request(crypto.FILETYPE_ASN1, crypto.X509Req())
    assert caught.value.args[0]
    with pytest.raises(ValueError, match="FILETYPE_TEXT"):
        crypto.dump_certificate_request(9, request)
    with pytest.raises(TypeError, match="X509Req"):
        crypto.dump_certificate_request(crypto.FILETYPE_PEM, None)  # type: ignore[arg-type]
    assert request.verify(KEY)


def test_spki() -> None:
    """A signed key verifies here and by ``openssl spkac``, and not with another key."""
    spki = crypto.NetscapeSPKI()
    for incomplete in (spki.b64_encode, spki.get_pubkey):
        with pytest.raises(crypto.Error) as caught:
            incomplete()
        assert caught.value.args[0]
    spki.set_pubkey(KEY)
    spki.sign(KEY, "sha256")
    assert spki.verify(KEY) is True
    assert spki.get_pubkey().to_cryptography_key() == KEY.to_cryptography_key().public_key()  # type: ignore[union-attr]
    assert b"Signature OK" in openssl("spkac", "-verify", "-noout", data=b"SPKAC=" + spki.b64_encode() + b"\n")
    with pytest.raises(crypto.Error) as caught:
        spki.verify(new_key())
    assert caught.value.args[0]
    with pytest.raises(ValueError, match="Key is uninitialized"):
        spki.sign(crypto.PKey(), "sha256")
    with pytest.raises(TypeError):
        spki.set_pubkey(None)  # type: ignore[arg-type]


def test_signatures(tmp_path: Path) -> None:
    """``sign`` agrees with cryptography and ``openssl dgst``, and ``verify`` refuses everything else."""
    key, certificate = crypto.PKey.from_cryptography_key(LEAF[1]), converted(LEAF)
    signature = crypto.sign(key, b"data", "sha256")
    LEAF[1].public_key().verify(signature, b"data", ec.ECDSA(hashes.SHA256()))
    crypto.verify(certificate, signature, b"data", "sha256")
    crypto.verify(certificate, LEAF[1].sign(b"", ec.ECDSA(hashes.SHA384())), b"", "sha384")
    public, signed = tmp_path / "public.pem", tmp_path / "signature"
    public.write_bytes(crypto.dump_publickey(crypto.FILETYPE_PEM, key))
    signed.write_bytes(signature)
    assert b"OK" in openssl("dgst", "-sha256", "-verify", str(public), "-signature", str(signed), data=b"data")
    wrong = [(signature, b"other", "sha256"), (signature, b"data", "sha384"), (b"", b"data", "sha256")]
    wrong += [(signature[:-1], b"data", "sha256"), (b"\0" * 80, b"data", "sha256")]
    for arguments in wrong:
        with pytest.raises(crypto.Error) as caught:
            crypto.verify(certificate, *arguments)
        assert caught.value.args[0]
    with pytest.raises(crypto.Error):
        crypto.verify(converted(ROOT), signature, b"data", "sha256")
    with pytest.raises(InvalidSignature):
        ROOT[1].public_key().verify(signature, b"data", ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize("bits", [512, 1024])
def test_short_dsa_keys(bits: int) -> None:
    """DSA keys as short as old programs have them can be made, and sign."""
    key = crypto.PKey()
    key.generate_key(crypto.TYPE_DSA, bits)
    assert (key.type(), key.bits()) == (crypto.TYPE_DSA, bits)
    request = new_request(key=key)
    assert request.verify(key)
    assert request.to_cryptography().public_key().key_size == bits  # type: ignore[union-attr]


def test_signatures_refuse() -> None:
    """Text is warned about; wrong types, digests and keys have their exceptions."""
    key, certificate = crypto.PKey.from_cryptography_key(LEAF[1]), converted(LEAF)
    with pytest.warns(DeprecationWarning, match="str for data is no longer accepted, use bytes"):
        signature = crypto.sign(key, "data", "sha256")
    with pytest.warns(DeprecationWarning, match="str for data"):
        crypto.verify(certificate, signature, "data", "sha256")
    for call in (lambda d: crypto.sign(key, b"", d), lambda d: crypto.verify(certificate, b"", b"", d)):
        with pytest.raises(ValueError, match="No such digest method"):
            call("strange")
    for unfit in (crypto.PKey(), certificate.get_pubkey()):
        with pytest.raises(crypto.Error, match=r"Key is uninitialized|Key only has public part"):
            crypto.sign(unfit, b"", "sha256")
    with pytest.raises(TypeError):
        crypto.sign(None, b"", "sha256")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        crypto.sign(key, 1, "sha256")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        crypto.verify(None, b"", b"", "sha256")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        crypto.verify(certificate, "", b"", "sha256")  # type: ignore[arg-type]


@pytest.mark.parametrize("type", TYPES)
def test_pkcs7(type: int) -> None:
    """A message's type is told, as cryptography made it."""
    encoding = serialization.Encoding.PEM if type == crypto.FILETYPE_PEM else serialization.Encoding.DER
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"data").add_signer(LEAF[0], LEAF[1], hashes.SHA256())
    message = crypto.load_pkcs7_data(type, builder.sign(encoding, []))
    assert message.get_type_name() == b"pkcs7-signedData"
    assert message.type_is_signed() is True
    assert message.type_is_enveloped() is False
    assert message.type_is_signedAndEnveloped() is False
    assert message.type_is_data() is False


def test_pkcs7_without_type() -> None:
    """A message that was not loaded has no type."""
    assert crypto.PKCS7().get_type_name() == b"UNDEF"
    assert not crypto.PKCS7().type_is_signed()


def test_subject_alternative_names_in_full() -> None:
    """The text of subjectAltName has what follows a NUL, which libcrypto's own text leaves out."""
    extension = crypto.X509Extension(b"subjectAltName", False, b"DNS:a.test,email:me@a.test,URI:http://a.test,IP:::1")
    assert str(extension) == "DNS:a.test, email:me@a.test, URI:http://a.test, IP Address:0:0:0:0:0:0:0:1"
    der = x509.SubjectAlternativeName([x509.DNSName("a.test\0b.test")]).public_bytes().hex().encode()
    assert str(crypto.X509Extension(b"subjectAltName", False, b"DER:" + der)) == "DNS:a.test\0b.test"
    broken = crypto.X509Extension(b"subjectAltName", False, b"DER:3003020101")
    with pytest.raises(crypto.Error) as caught:
        str(broken)
    assert caught.value.args[0]


def test_aliases() -> None:
    """The old names are the same classes."""
    for name in ("CRL", "NetscapeSPKI", "PKCS12", "PKCS7", "PKey", "X509", "X509Name", "X509Req", "X509Store"):
        assert getattr(crypto, f"{name}Type") is getattr(crypto, name)
    assert crypto.X509ExtensionType is crypto.X509Extension


def test_without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs ``cryptography`` says so if it is not installed; everything else works."""
    monkeypatch.setitem(sys.modules, "cryptography", None)
    request = new_request()
    with pytest.raises(ImportError, match=r"X509Req\.to_cryptography needs the package cryptography"):
        request.to_cryptography()
    with pytest.raises(ImportError, match=r"PKey\.to_cryptography_key needs the package cryptography"):
        KEY.to_cryptography_key()
