"""Certificates, names, extensions and trust stores of ``openssl_bio.crypto``."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from openssl_bio import crypto

UTC = datetime.UTC
BEGIN, END = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), datetime.datetime(2090, 6, 7, 8, 9, 10, tzinfo=UTC)


def issue(name: str, issuer: tuple[x509.Certificate, Any] | None = None, serial: int = 77) -> tuple[Any, Any]:
    """A certificate of cryptography and its key, self-signed unless an issuer is given."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    signer = issuer[1] if issuer else key
    builder = (
        x509.CertificateBuilder(issuer[0].subject if issuer else subject, subject, key.public_key(), serial, BEGIN, END)
        .add_extension(x509.BasicConstraints(issuer is None, None), critical=True)
        .add_extension(
            x509.KeyUsage(True, False, False, False, False, issuer is None, issuer is None, False, False), critical=True
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    )
    return builder.sign(signer, hashes.SHA256()), key


ROOT = issue("root")
LEAF = issue("leaf.example", ROOT, serial=78)


def converted(pair: tuple[Any, Any]) -> crypto.X509:
    """The certificate of a pair as an X509."""
    return crypto.X509.from_cryptography(pair[0])


def test_getters_agree_with_cryptography() -> None:
    """Every getter of a certificate says what cryptography says."""
    cert, certificate = converted(LEAF), LEAF[0]
    assert cert.get_version() == 2
    assert cert.get_serial_number() == 78
    assert cert.get_notBefore() == b"20200102030405Z"
    assert cert.get_notAfter() == b"20900607080910Z"
    assert cert.has_expired() is False
    assert cert.get_signature_algorithm() == b"ecdsa-with-SHA256"
    assert cert.digest("sha256").replace(b":", b"").decode().lower() == certificate.fingerprint(hashes.SHA256()).hex()
    assert cert.get_pubkey().to_cryptography_key() == LEAF[1].public_key()
    assert cert.get_subject().CN == "leaf.example"
    assert cert.get_issuer().commonName == "root"
    assert cert.get_subject().der() == certificate.subject.public_bytes()
    assert cert.subject_name_hash() == cert.get_subject().hash()
    assert cert.to_cryptography() == certificate


@pytest.mark.parametrize("type", [crypto.FILETYPE_PEM, crypto.FILETYPE_ASN1])
def test_dump_and_load(type: int) -> None:
    """A dumped certificate is what cryptography writes, and can be loaded."""
    encoding = serialization.Encoding.PEM if type == crypto.FILETYPE_PEM else serialization.Encoding.DER
    data = crypto.dump_certificate(type, converted(LEAF))
    assert data == LEAF[0].public_bytes(encoding)
    assert crypto.load_certificate(type, data).to_cryptography() == LEAF[0]


def test_load_and_dump_refuse() -> None:
    """Wrong types and malformed certificates are refused; an Error has records."""
    assert crypto.dump_certificate(crypto.FILETYPE_TEXT, converted(LEAF)).startswith(b"Certificate:\n")
    with pytest.raises(ValueError, match="type argument must be FILETYPE_PEM, FILETYPE_ASN1, or FILETYPE_TEXT"):
        crypto.dump_certificate(100, converted(LEAF))
    with pytest.raises(ValueError, match="type argument must be FILETYPE_PEM or FILETYPE_ASN1"):
        crypto.load_certificate(100, b"")
    for type in (crypto.FILETYPE_PEM, crypto.FILETYPE_ASN1):
        with pytest.raises(crypto.Error) as caught:
            crypto.load_certificate(type, "rubbish")
        assert caught.value.args[0]
        assert str(caught.value).startswith(str(caught.value.args[0]))
    with pytest.raises(crypto.Error) as caught:
        crypto.load_certificate(crypto.FILETYPE_PEM, b"rubbish")
    assert caught.value.args == ([("PEM routines", "", "no start line")],)


def test_built_certificate_verifies() -> None:
    """A certificate that is built and signed here is read, and its signature checked, by cryptography."""
    key = crypto.PKey()
    key.generate_key(crypto.TYPE_EC, 256)
    cert = crypto.X509()
    cert.set_version(2)
    cert.set_serial_number(2**100 + 1)
    cert.gmtime_adj_notBefore(-10)
    cert.gmtime_adj_notAfter(3600)
    cert.get_subject().CN = "käse"
    cert.set_issuer(cert.get_subject())
    cert.set_pubkey(key)
    cert.add_extensions([crypto.X509Extension(b"basicConstraints", True, b"CA:TRUE")])
    cert.sign(key, "sha256")
    certificate = cert.to_cryptography()
    certificate.verify_directly_issued_by(certificate)
    assert certificate.serial_number == 2**100 + 1
    assert certificate.subject.rfc4514_string() == "CN=käse"
    assert certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert cert.has_expired() is False


@pytest.mark.parametrize("serial", [0, 1, 255, 256, -5, 2**159])
def test_serial_number(serial: int) -> None:
    """A serial number is read as it was set."""
    cert = crypto.X509()
    cert.set_serial_number(serial)
    assert cert.get_serial_number() == serial


def test_times() -> None:
    """Times are read as they were set, absent when new, and malformed ones refused."""
    cert = crypto.X509()
    assert cert.get_notBefore() is None
    with pytest.raises(ValueError, match="Unable to determine notAfter"):
        cert.has_expired()
    cert.set_notBefore(b"20010203040506Z")
    cert.set_notAfter(b"20020203040506Z")
    assert (cert.get_notBefore(), cert.get_notAfter()) == (b"20010203040506Z", b"20020203040506Z")
    assert cert.has_expired() is True
    with pytest.raises(ValueError, match="Invalid string"):
        cert.set_notAfter(b"tomorrow")
    with pytest.raises(TypeError, match="when must be a byte string"):
        cert.set_notAfter("20020203040506Z")  # type: ignore[arg-type]


def test_setters_refuse() -> None:
    """Setters refuse what they cannot take, with pyOpenSSL's messages."""
    cert: Any = crypto.X509()
    public = crypto.PKey.from_cryptography_key(LEAF[1].public_key())
    private = crypto.PKey.from_cryptography_key(LEAF[1])
    for call, argument in (
        (cert.set_version, "2"),
        (cert.set_serial_number, "2"),
        (cert.set_pubkey, None),
        (cert.set_subject, "CN=x"),
        (cert.set_issuer, "CN=x"),
        (cert.gmtime_adj_notAfter, b"1"),
        (crypto.X509.from_cryptography, b"x"),
    ):
        with pytest.raises(TypeError):
            call(argument)
    with pytest.raises(ValueError, match="Key only has public part"):
        cert.sign(public, "sha256")
    with pytest.raises(ValueError, match="Key is uninitialized"):
        cert.sign(crypto.PKey(), "sha256")
    with pytest.raises(ValueError, match="No such digest method"):
        cert.sign(private, "md-none")
    with pytest.raises(ValueError, match="No such digest method"):
        cert.digest("md-none")
    with pytest.raises(ValueError, match="Undefined signature algorithm"):
        cert.get_signature_algorithm()
    with pytest.raises(crypto.Error):
        cert.get_pubkey()
    with pytest.raises(crypto.Error):
        cert.set_pubkey(crypto.PKey())


def test_name_is_a_view() -> None:
    """A certificate's name reads from and writes to the certificate; a copy does not."""
    cert = crypto.X509()
    name = cert.get_subject()
    assert name.CN is None
    name.CN, name.C, name.O = "first", "DE", "Größe"
    copy = crypto.X509Name(name)
    name.CN = "second"
    assert cert.get_subject().CN == "second"
    assert copy.commonName == "first"
    assert copy != name
    assert copy.get_components() == [(b"CN", b"first"), (b"C", b"DE"), (b"O", "Größe".encode())]
    cert.set_issuer(copy)
    assert cert.get_issuer() == copy
    assert cert.get_issuer().O == "Größe"


def test_name_compares_and_shows() -> None:
    """Names are ordered and shown as pyOpenSSL does it, and have no hash."""
    one, two = crypto.X509().get_subject(), crypto.X509().get_subject()
    one.CN, two.CN = "a", "b"
    assert one < two
    assert two >= one
    assert one != "a"
    assert repr(one) == "<X509Name object '/CN=a'>"
    with pytest.raises(TypeError):
        hash(one)


def test_name_refuses() -> None:
    """Unknown parts are an AttributeError, impossible values an error, and the name stays as it was."""
    name = crypto.X509().get_subject()
    name.C = "DE"
    with pytest.raises(AttributeError, match="No such attribute"):
        name.nonesuch = "x"
    with pytest.raises(AttributeError, match="No such attribute"):
        _ = name.nonesuch
    with pytest.raises(TypeError):
        name.CN = 5
    with pytest.raises(crypto.Error):
        name.C = "much too long"
    assert name.C == "DE"
    with pytest.raises(TypeError):
        crypto.X509Name("CN=x")  # type: ignore[arg-type]


def test_extensions() -> None:
    """Extensions are counted, read, and shown."""
    cert = converted(LEAF)
    assert cert.get_extension_count() == 3
    found = [cert.get_extension(i) for i in range(3)]
    assert [e.get_short_name() for e in found] == [b"basicConstraints", b"keyUsage", b"subjectAltName"]
    assert [e.get_critical() for e in found] == [True, True, False]
    assert str(found[2]) == "DNS:leaf.example"
    assert found[0].get_data() == LEAF[0].extensions[0].value.public_bytes()
    for index in (3, -1):
        with pytest.raises(IndexError, match="extension index out of bounds"):
            cert.get_extension(index)


def test_new_extensions() -> None:
    """An extension may refer to its subject; unknown ones and wrong types are refused."""
    key_id = crypto.X509Extension(b"subjectKeyIdentifier", False, b"hash", subject=converted(LEAF))
    digest = x509.SubjectKeyIdentifier.from_public_key(LEAF[1].public_key()).digest
    assert key_id.get_data() == b"\x04\x14" + digest
    for name, value in ((b"nonesuch", b"x"), (b"basicConstraints", b"rubbish"), (b"subjectKeyIdentifier", b"hash")):
        with pytest.raises(crypto.Error):
            crypto.X509Extension(name, False, value)
    with pytest.raises(TypeError):
        crypto.X509Extension(b"basicConstraints", False, b"CA:TRUE", issuer="x")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="One of the elements is not an X509Extension"):
        crypto.X509().add_extensions(["x"])  # type: ignore[list-item]


def store_of(*pairs: tuple[Any, Any]) -> crypto.X509Store:
    """A store that trusts these certificates."""
    store = crypto.X509Store()
    for pair in pairs:
        store.add_cert(converted(pair))
    return store


def test_verify() -> None:
    """A certificate verifies against a store that trusts its issuer, and not against an empty one."""
    context = crypto.X509StoreContext(store_of(ROOT, ROOT), converted(LEAF))
    context.verify_certificate()
    assert [c.to_cryptography() for c in context.get_verified_chain()] == [LEAF[0], ROOT[0]]
    context.set_store(crypto.X509Store())
    with pytest.raises(crypto.X509StoreContextError, match="unable to get local issuer certificate") as caught:
        context.verify_certificate()
    assert caught.value.errors == [20, 0, "unable to get local issuer certificate"]
    assert caught.value.certificate.get_subject().CN == "leaf.example"


def test_verify_with_an_untrusted_chain() -> None:
    """Untrusted certificates lead to the trusted one; they must be X509s."""
    middle = issue("middle")  # a CA, signed by the root below
    key = middle[1]
    ca = (
        x509.CertificateBuilder(ROOT[0].subject, middle[0].subject, key.public_key(), 5, BEGIN, END)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .sign(ROOT[1], hashes.SHA256())
    )
    leaf = issue("deep", (ca, key))
    chain = [crypto.X509.from_cryptography(ca)]
    found = crypto.X509StoreContext(store_of(ROOT), converted(leaf), chain).get_verified_chain()
    assert [c.get_subject().CN for c in found] == ["deep", "middle", "root"]
    with pytest.raises(TypeError, match="One of the elements is not an X509 instance"):
        crypto.X509StoreContext(store_of(ROOT), converted(leaf), [ca])


def test_store_time() -> None:
    """A store with a time verifies as of that time."""
    store = store_of(ROOT)
    store.set_time(datetime.datetime(2091, 1, 1))
    with pytest.raises(crypto.X509StoreContextError, match="certificate has expired"):
        crypto.X509StoreContext(store, converted(LEAF)).verify_certificate()


def test_crl() -> None:
    """A revoked certificate does not verify when CRLs are checked."""
    now = datetime.datetime.now(UTC)
    revoked = x509.RevokedCertificateBuilder(78, now - datetime.timedelta(1)).build()
    crl = x509.CertificateRevocationListBuilder(
        ROOT[0].subject, now - datetime.timedelta(1), now + datetime.timedelta(1), revoked_certificates=[revoked]
    ).sign(ROOT[1], hashes.SHA256())
    store = store_of(ROOT)
    store.add_crl(crl)
    crypto.X509StoreContext(store, converted(LEAF)).verify_certificate()
    store.set_flags(crypto.X509StoreFlags.CRL_CHECK)
    with pytest.raises(crypto.X509StoreContextError, match="certificate revoked"):
        crypto.X509StoreContext(store, converted(LEAF)).verify_certificate()
    with pytest.raises(TypeError, match=r"CRL must be of type cryptography\.x509\.CertificateRevocationList"):
        store.add_crl(b"crl")  # type: ignore[arg-type]


def test_load_locations(tmp_path: Path) -> None:
    """Certificates come from a file, or from a directory of files named by hash."""
    pem = ROOT[0].public_bytes(serialization.Encoding.PEM)
    file = tmp_path / "root.pem"
    file.write_bytes(b"a comment\n" + pem)
    hashed = tmp_path / "hashed"
    hashed.mkdir()
    (hashed / f"{converted(ROOT).subject_name_hash():08x}.0").write_bytes(pem)
    for cafile, capath in ((file, None), (str(file), None), (None, hashed), (None, bytes(hashed))):
        store = crypto.X509Store()
        store.load_locations(cafile, capath)
        crypto.X509StoreContext(store, converted(LEAF)).verify_certificate()


def test_store_refuses(tmp_path: Path) -> None:
    """Wrong arguments are refused, and the message names the file."""
    store: Any = crypto.X509Store()
    with pytest.raises(TypeError):
        store.add_cert(None)
    with pytest.raises(TypeError):
        store.load_locations(5)
    with pytest.raises(crypto.Error):
        store.load_locations(None)
    with pytest.raises(crypto.Error, match=r"No such file or directory.*absent\.pem"):
        store.load_locations(tmp_path / "absent.pem")
    empty = tmp_path / "empty.pem"
    pem = ROOT[0].public_bytes(serialization.Encoding.PEM)
    for content in (b"", b"text", pem[:150], pem + pem[:150]):
        empty.write_bytes(content)
        with pytest.raises(crypto.Error, match=r"empty\.pem"):
            store.load_locations(empty)
    with pytest.raises(crypto.X509StoreContextError):  # a file that is half good adds nothing
        crypto.X509StoreContext(store, converted(LEAF)).verify_certificate()
