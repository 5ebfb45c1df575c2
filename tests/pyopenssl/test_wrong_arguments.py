"""Arguments that no program should give: a clear exception, before anything has been done."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import openssl_bio
from openssl_bio import SSL, crypto
from tests.helpers import Identity, Pair, new_key

CRYPTO: dict[str, tuple[Callable[[Identity], object], type[Exception], str]] = {
    "a digest that is no text": (lambda i: i.certificate.digest(5), TypeError, "digest must be a string"),  # type: ignore[arg-type]
    "a digest that nobody knows": (lambda i: i.certificate.digest("md1000"), ValueError, "No such digest method"),
    "an issuer that is no certificate": (
        lambda i: crypto.CRL().sign(i.key, i.key, b"sha256"),  # type: ignore[arg-type]
        TypeError,
        "issuer_cert must be an X509 instance",
    ),
    "no CRL": (lambda i: crypto.dump_crl(crypto.FILETYPE_PEM, i.certificate), TypeError, "crl must be a CRL instance"),  # type: ignore[arg-type]
    "no certificate": (
        lambda i: crypto.dump_certificate(crypto.FILETYPE_PEM, i.key),  # type: ignore[arg-type]
        TypeError,
        "cert must be an X509 instance",
    ),
    "no private key": (
        lambda i: crypto.dump_privatekey(crypto.FILETYPE_PEM, i.certificate.get_pubkey()),
        ValueError,
        "Key only has public part",
    ),
    "the end of a string in an extension": (
        lambda _: crypto.X509Extension(b"nsComment", False, b"one\0two"),
        ValueError,
        "embedded null byte",
    ),
    "a name pickled": (lambda i: pickle.dumps(i.certificate.get_subject()), TypeError, "cannot pickle an X509Name"),
    "a private attribute of a name": (lambda i: i.certificate.get_subject()._absent, AttributeError, "_absent"),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("what", CRYPTO)
def test_crypto(what: str, server_identity: Identity) -> None:
    call, kind, words = CRYPTO[what]
    with pytest.raises(kind, match=words):
        call(server_identity)


def test_a_file_type_that_there_is_not(server_identity: Identity) -> None:
    context = SSL.Context(SSL.TLS_METHOD)
    for setter, path in (
        (context.use_certificate_file, server_identity.certificate_file),
        (context.use_privatekey_file, server_identity.key_file),
    ):
        with pytest.raises(ValueError, match="filetype must be FILETYPE_PEM or FILETYPE_ASN1"):
            setter(path, crypto.FILETYPE_TEXT)


def test_a_name_that_is_copied_is_no_view(server_identity: Identity) -> None:
    """pyOpenSSL's way: what is set on a name made from another stays there."""
    name = crypto.X509Name(server_identity.certificate.get_subject())
    name.CN = "another"
    assert (name.CN, server_identity.certificate.get_subject().CN) == ("another", "example.test")


def test_extensions_that_cannot_all_be_added() -> None:
    """What is no extension among others: none of them is added."""
    certificate = crypto.X509()
    comment = crypto.X509Extension(b"nsComment", False, b"text")
    with pytest.raises((TypeError, ValueError)):
        certificate.add_extensions([comment, 5])  # type: ignore[list-item]
    assert certificate.get_extension_count() == 0


def test_a_cookie_verdict_that_is_none() -> None:
    server = SSL.Context(SSL.DTLS_METHOD)
    server.set_cookie_generate_callback(lambda _connection: b"cookie")
    server.set_cookie_verify_callback(lambda _connection, _cookie: "yes")  # type: ignore[arg-type,return-value]
    pair = Pair(SSL.Context(SSL.DTLS_METHOD), server)
    with pytest.raises(SSL.WantReadError):
        pair.client.do_handshake()
    pair.server.bio_write(pair.client.bio_read(65536))
    with pytest.raises(SSL.WantReadError):
        pair.server.DTLSv1_listen()
    pair.client.bio_write(pair.server.bio_read(65536))
    with pytest.raises(SSL.WantReadError):
        pair.client.do_handshake()
    pair.server.bio_write(pair.client.bio_read(65536))
    with pytest.raises(TypeError, match="the cookie callback must return a bool"):
        pair.server.DTLSv1_listen()


def test_datagrams_are_not_joined() -> None:
    """Nothing is sealed: the connection goes on as if it had not been asked."""
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_verify(SSL.VERIFY_NONE)
    connection = SSL.Connection(context)
    connection.set_connect_state()
    with pytest.raises(ValueError, match="datagrams are not joined: send them one by one"):
        connection.send_data_many([b"one", b"two"])
    assert connection.data_to_send()[:1] == b"\x16"  # its ClientHello


def test_what_there_is_one_of_says_its_name() -> None:
    assert repr(SSL.NO_OVERLAPPING_PROTOCOLS) == "NO_OVERLAPPING_PROTOCOLS"
    assert repr(openssl_bio.SUSPEND) == "openssl_bio.SUSPEND"
    assert {"SUSPEND", "TicketKeys", "fips_enabled", "__version__"} <= set(dir(openssl_bio))


def test_pkcs12_without_what_is_needed(server_identity: Identity) -> None:
    only_key, only_certificate = crypto.PKCS12(), crypto.PKCS12()
    only_key.set_privatekey(new_key())
    only_certificate.set_ca_certificates([server_identity.certificate])
    for content, missing in ((only_key, "certificates"), (only_certificate, "private key")):
        data: Any = content.export(b"secret")
        with pytest.raises(openssl_bio.LoadError, match=f"the PKCS#12 file has no {missing}"):
            openssl_bio.Credential.load(data, passphrase=b"secret")


def test_sessions_are_keys_of_dicts(pair: Pair) -> None:
    """What is equal has one hash, also after a copy and after its bytes were read."""
    session = pair.client.get_session()
    assert session is not None
    again = SSL.Session.from_bytes(session.to_bytes())
    assert again == session
    assert {session: 1}[again] == 1
    with pytest.raises(TypeError):
        copy.copy(pair.client)


def test_bytes_of_sessions_that_are_cut_or_longer(pair: Pair) -> None:
    session = pair.client.get_session()
    assert session is not None
    data = session.to_bytes()
    for wrong in (data + b"\0", *(data[:end] for end in range(0, len(data), 7))):
        with pytest.raises(openssl_bio.LoadError):
            SSL.Session.from_bytes(wrong)
