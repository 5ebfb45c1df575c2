"""Items 10 to 27 of pyOpenSSL's behaviours, and 60 to 63: contexts and modules. The number in a name is the item's.

Items 23 and 26, what wrong files and wrong lists do, are in test_context_setters.py.
"""

from __future__ import annotations

import gc
import importlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SSL, crypto
from tests.helpers import Identity, Pair, context_of, new_authority


@pytest.fixture
def context() -> SSL.Context:
    """A fresh context."""
    return SSL.Context(SSL.TLS_METHOD)


# -- methods and defaults ----------------------------------------------------------------------------------------------

METHODS = {
    "SSLv23": 3,
    "TLSv1": 4,
    "TLSv1_1": 5,
    "TLSv1_2": 6,
    "TLS": 7,
    "TLS_SERVER": 8,
    "TLS_CLIENT": 9,
    "DTLS": 10,
    "DTLS_SERVER": 11,
    "DTLS_CLIENT": 12,
}


@pytest.mark.parametrize("name", METHODS)
def test_10_methods(name: str) -> None:
    """Each has its number, and makes a context."""
    method = getattr(SSL, f"{name}_METHOD")
    assert method == METHODS[name]
    SSL.Context(method)


@pytest.mark.parametrize("number", [1, 2, 0, -1, 13, 2**80, True], ids=repr)
def test_10_no_such_protocol(number: int) -> None:
    """SSLv2 and SSLv3 are gone; a bool is an int."""
    with pytest.raises(ValueError) as caught:
        SSL.Context(number)
    assert caught.value.args == ("No such protocol",)


def test_10_one_version_only(ca: Identity, server_identity: Identity) -> None:
    """TLSv1_2_METHOD is TLS with this version as the lowest and the highest."""
    server = SSL.Context(SSL.TLSv1_2_METHOD)
    server.use_certificate(server_identity.certificate)
    server.use_privatekey(server_identity.key)
    pair = Pair(SSL.Context(SSL.TLS_METHOD), server).handshake()
    assert pair.client.get_protocol_version() == SSL.TLS1_2_VERSION
    with pytest.raises(SSL.Error):
        Pair(context_of(SSL.TLS1_3_VERSION), server).handshake()


def test_11_defaults(context: SSL.Context) -> None:
    """Partial writes, moving buffers and auto-retry; what libssl presets, and nothing else."""
    assert context.set_mode(0) == 0x7
    assert context.set_options(0) == 0x120000
    assert context.get_verify_mode() == SSL.VERIFY_NONE
    assert context.get_verify_depth() == -1
    assert context.get_session_cache_mode() == SSL.SESS_CACHE_SERVER == 2
    assert context.get_timeout() == 7200


def test_12_masks_are_added_and_the_new_one_returned(context: SSL.Context) -> None:
    assert context.set_options(SSL.OP_NO_TICKET) == 0x120000 | SSL.OP_NO_TICKET
    assert context.set_options(SSL.OP_NO_TLSv1_3) == 0x120000 | SSL.OP_NO_TICKET | SSL.OP_NO_TLSv1_3
    assert context.set_mode(SSL.MODE_RELEASE_BUFFERS) == 0x7 | SSL.MODE_RELEASE_BUFFERS
    assert context.clear_mode(0x1) == 0x6 | SSL.MODE_RELEASE_BUFFERS
    assert context.clear_mode(~0x2) == 0x2


def test_12_previous_values_are_returned(context: SSL.Context) -> None:
    assert context.set_session_cache_mode(SSL.SESS_CACHE_BOTH) == SSL.SESS_CACHE_SERVER
    assert context.set_session_cache_mode(SSL.SESS_CACHE_OFF) == SSL.SESS_CACHE_BOTH
    assert context.set_timeout(1234) == 7200
    assert context.set_timeout(1) == 1234


def test_13_used_context_may_be_changed(client: SSL.Context, server: SSL.Context) -> None:
    """pyOpenSSL refuses that since 26.2; see test_context_setters.py for each setter."""
    Pair(client, server).handshake()
    other = SSL.Connection(server)
    other.set_context(client)
    for context in (client, server):
        context.set_options(SSL.OP_NO_TICKET)
        context.set_app_data("data")
    Pair(client, server).handshake()


def test_14_check_privatekey(server: SSL.Context, context: SSL.Context, server_identity: Identity) -> None:
    server.check_privatekey()
    for reason, call in (
        ("no certificate assigned", lambda: None),
        ("no private key assigned", lambda: context.use_certificate(server_identity.certificate)),
    ):
        call()
        with pytest.raises(SSL.Error) as caught:
            context.check_privatekey()
        assert caught.value.args == ([("SSL routines", "", reason)],)


# -- arguments ---------------------------------------------------------------------------------------------------------

WRONG: list[tuple[str, Callable[[SSL.Context, SSL.Connection], object]]] = [
    ("options must be an integer", lambda x, _: x.set_options("1")),
    ("mode must be an integer", lambda x, _: x.set_mode("1")),
    ("mode must be an integer", lambda x, _: x.set_verify("1")),
    ("mode must be an integer", lambda x, _: x.set_session_cache_mode("1")),
    ("callback must be callable", lambda x, _: x.set_info_callback(1)),
    ("callback must be callable", lambda x, _: x.set_verify(0, 1)),
    ("depth must be an integer", lambda x, _: x.set_verify_depth("1")),
    ("timeout must be an integer", lambda x, _: x.set_timeout("1")),
    ("filetype must be an integer", lambda x, _: x.use_privatekey_file("file", "1")),
    ("filetype must be an integer", lambda x, _: x.use_certificate_file("file", "1")),
    ("cipher_list must be a byte string.", lambda x, _: x.set_cipher_list(1)),
    ("ciphersuites must be a byte string.", lambda x, _: x.set_tls13_ciphersuites(1)),
    ("client CAs must be X509Name objects, not str objects", lambda x, _: x.set_client_ca_list(["name"])),
    ("Must be a certificate", lambda x, _: x.use_certificate("x")),
    ("Must be a certificate", lambda x, _: x.add_extra_chain_cert("x")),
    ("Unsupported key type", lambda x, _: x.use_privatekey("x")),
    ("name must be a byte string", lambda _, c: c.set_tlsext_host_name("name")),
    ("name must not contain NUL byte", lambda _, c: c.set_tlsext_host_name(b"a\0b")),
    ("session must be a Session instance", lambda _, c: c.set_session(1)),
    ("context must be a Context instance", lambda _, c: c.set_context(1)),
    ("context must be a Context instance", lambda *_: SSL.Connection(1)),
    ("state must be an integer", lambda _, c: c.set_shutdown("1")),
    ("bufsiz must be an integer", lambda _, c: c.bio_read("1")),
    ("a bytes-like object is required, not 'int'", lambda _, c: c.bio_write(1)),
    ("method must be an integer", lambda *_: SSL.Context("7")),
    ("method must be an integer", lambda *_: SSL.Context(7.0)),
    ("version must be an integer", lambda x, _: x.set_min_proto_version("1")),
    ("version must be an integer", lambda x, _: x.set_max_proto_version(None)),
    ("mode must be an integer", lambda x, _: x.clear_mode("1")),
    ("mode must be an integer", lambda _, c: c.set_verify("1")),
    ("callback must be callable", lambda x, _: x.set_passwd_cb(None)),
    ("callback must be callable", lambda x, _: x.set_keylog_callback(1)),
    ("callback must be callable", lambda x, _: x.set_tlsext_servername_callback(1)),
    ("callback must be callable", lambda x, _: x.set_ocsp_server_callback(1)),
    ("callback must be callable", lambda x, _: x.set_ocsp_client_callback(1)),
    ("callback must be callable", lambda _, c: c.set_verify(0, 1)),
    ("cipher_list must be a byte string.", lambda x, _: x.set_cipher_list(bytearray(b"ALL"))),
    ("ciphersuites must be a byte string.", lambda x, _: x.set_tls13_ciphersuites("TLS_AES_128_GCM_SHA256")),
    ("Must be a certificate", lambda x, _: x.add_client_ca("x")),
    ("protocols must be bytes, not str", lambda x, _: x.set_alpn_protos(["h2"])),
    ("protocols must be a list of byte strings", lambda _, c: c.set_alpn_protos(b"h2")),
    ("expected str, bytes or os.PathLike object, not int", lambda x, _: x.use_certificate_file(1)),
    ("expected str, bytes or os.PathLike object, not int", lambda x, _: x.use_certificate_chain_file(1)),
    ("expected str, bytes or os.PathLike object, not int", lambda x, _: x.use_privatekey_file(1)),
    ("expected str, bytes or os.PathLike object, not int", lambda x, _: x.load_verify_locations(1)),
    ("expected str, bytes or os.PathLike object, not int", lambda x, _: x.load_client_ca(1)),
]  # fmt: skip


@pytest.mark.parametrize(("text", "call"), WRONG, ids=[f"item-15-{i}-{text}" for i, (text, _) in enumerate(WRONG)])
def test_15_wrong_types(text: str, call: Callable[[Any, Any], object], context: SSL.Context) -> None:
    with pytest.raises(TypeError) as caught:
        call(context, SSL.Connection(context))
    assert str(caught.value) == text


STRINGS: dict[str, Callable[[Any], object]] = {
    "cipher_list": lambda c: c.set_cipher_list("ALL"),
    "buf": lambda c: c.set_session_id("\u00e9"),
}


@pytest.mark.parametrize("name", STRINGS)
def test_16_str_is_taken_with_a_warning(name: str, context: SSL.Context) -> None:
    """As UTF-8; the warning points at the caller."""
    with pytest.warns(DeprecationWarning, match=f"^str for {name} is no longer accepted, use bytes$") as caught:
        STRINGS[name](context)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("kind", [str, os.fsencode, Path])
def test_17_paths(kind: Callable[[Path], Any], server_identity: Identity, ca: Identity, tmp_path: Path) -> None:
    """str, bytes and os.PathLike, also with names outside ASCII."""
    certificate, key = tmp_path / "z\u00e9rtifikat.pem", tmp_path / "k\u00e9y.pem"
    certificate.write_bytes(server_identity.certificate_file.read_bytes())
    key.write_bytes(server_identity.key_file.read_bytes())
    context = SSL.Context(SSL.TLS_METHOD)
    context.use_certificate_chain_file(kind(certificate))
    context.use_certificate_file(kind(certificate))
    context.use_privatekey_file(kind(key))
    if kind is str:
        with pytest.warns(DeprecationWarning, match="^str for cafile is no longer accepted, use bytes$"):
            context.load_client_ca(str(certificate))
    else:
        context.load_client_ca(kind(certificate))
    context.load_verify_locations(kind(certificate), kind(tmp_path))
    context.check_privatekey()


def test_18_alpn_protocols(context: SSL.Context) -> None:
    """At least one, each of 1 to 255 bytes, together at most 65535."""
    for setter in (context.set_alpn_protos, SSL.Connection(context).set_alpn_protos):
        for nothing in ([], (), None):
            with pytest.raises(ValueError) as caught:
                setter(nothing)  # type: ignore[arg-type]
            assert caught.value.args == ("at least one protocol must be specified",)
        with pytest.raises(ValueError, match="1 to 255 bytes, not 256"):
            setter([b"h2", b"x" * 256])
        with pytest.raises(ValueError, match="65535"):
            setter([b"x" * 255] * 257)
        with pytest.raises(SSL.Error, match="a protocol name cannot be empty"):
            setter([b"h2", b""])
        setter([b"x" * 255, bytearray(b"h2")])  # type: ignore[list-item]
        setter((b"h2",))  # type: ignore[arg-type]


def test_19_verify_callback_is_optional(context: SSL.Context) -> None:
    """Without one, libssl's own verdict counts, also after a callback was set."""
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    context.set_verify(SSL.VERIFY_PEER)
    assert context.get_verify_mode() == SSL.VERIFY_PEER


def test_19_callback_is_gone_after_another_set_verify(version: int, server: SSL.Context) -> None:
    client = context_of(version)
    client.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    Pair(client, server).handshake()
    client.set_verify(SSL.VERIFY_PEER)
    with pytest.raises(SSL.Error, match="certificate verify failed"):
        Pair(client, server).handshake()


class Curve:
    """Anything with a name will do."""

    def __init__(self, name: str) -> None:
        self.name = name


@pytest.mark.parametrize(("name", "group"), [("prime256v1", "secp256r1"), ("secp256r1", "secp256r1")])
def test_20_tmp_ecdh(name: str, group: str, client: SSL.Context, server: SSL.Context) -> None:
    """The group of the key exchange; an unknown one is an Error, and not ignored."""
    server.set_tmp_ecdh(Curve(name))
    pair = Pair(client, server).handshake()
    assert (pair.client.get_group_name() or "").lower() in (group, name)
    with pytest.raises(SSL.Error) as caught:
        server.set_tmp_ecdh(Curve("nonsense"))
    assert caught.value.args[0]
    with pytest.raises(AttributeError):
        server.set_tmp_ecdh("prime256v1")  # type: ignore[arg-type]


def test_20_tmp_dh(tmp_path: Path, context: SSL.Context) -> None:
    """What is no PEM of parameters is an Error that names the file."""
    path = tmp_path / "dh.pem"
    for content in (None, b"", b"garbage"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(SSL.Error, match=r"dh\.pem") as caught:
            context.load_tmp_dh(path)
        assert caught.value.args[0]


# -- trust -------------------------------------------------------------------------------------------------------------


def test_21_default_verify_paths(ca: Identity, server: SSL.Context, version: int, monkeypatch: Any) -> None:
    """SSL_CERT_FILE and SSL_CERT_DIR take the place of libcrypto's defaults, and need not exist."""
    monkeypatch.setenv("SSL_CERT_DIR", "/does/not/exist")
    for file, trusted in (("/does/not/exist.pem", False), (str(ca.certificate_file), True)):
        monkeypatch.setenv("SSL_CERT_FILE", file)
        client = context_of(version)
        client.set_verify(SSL.VERIFY_PEER)
        client.set_default_verify_paths()
        pair = Pair(client, server)
        if trusted:
            pair.handshake()
        else:
            with pytest.raises(SSL.Error, match="certificate verify failed"):
                pair.handshake()


def test_22_store_outlives_its_context(ca: Identity) -> None:
    """pyOpenSSL's points at freed memory then."""
    store = SSL.Context(SSL.TLS_METHOD).get_cert_store()
    gc.collect()
    for _ in range(50):
        SSL.Context(SSL.TLS_METHOD)
    store.add_cert(ca.certificate)
    crypto.X509StoreContext(store, ca.certificate).verify_certificate()


def test_22_store_is_the_contexts(version: int, ca: Identity, server: SSL.Context) -> None:
    """What is added to it is trusted by the context, before and after use, through each object that it gave."""
    client = context_of(version)
    client.set_verify(SSL.VERIFY_PEER)
    store = client.get_cert_store()
    with pytest.raises(SSL.Error, match="certificate verify failed"):
        Pair(client, server).handshake()
    store.add_cert(ca.certificate)
    Pair(client, server).handshake()
    crypto.X509StoreContext(client.get_cert_store(), ca.certificate).verify_certificate()


# -- client CAs, constants ---------------------------------------------------------------------------------------------


def test_26_client_ca_lists(context: SSL.Context, tmp_path: Path) -> None:
    """set and load replace, add appends, the order is kept, and a TypeError in the middle leaves the old list."""
    one, two, three = (new_authority(tmp_path, name) for name in ("one", "two", "three"))
    three.certificate_file.write_bytes(
        b"".join(crypto.dump_certificate(crypto.FILETYPE_PEM, x.certificate) for x in (three, two))
    )

    def names() -> list[str | None]:
        connection = SSL.Connection(context)
        connection.set_accept_state()
        return [name.CN for name in connection.get_client_ca_list()]

    assert names() == []
    context.set_client_ca_list([x.certificate.get_subject() for x in (two, one)])
    assert names() == ["two", "one"]
    context.add_client_ca(three.certificate)
    context.add_client_ca(two.certificate)
    assert names() == ["two", "one", "three", "two"]
    with pytest.raises(TypeError) as caught:
        context.set_client_ca_list([one.certificate.get_subject(), one.certificate])  # type: ignore[list-item]
    assert caught.value.args == ("client CAs must be X509Name objects, not X509 objects",)
    assert names() == ["two", "one", "three", "two"]
    context.load_client_ca(three.certificate_file)
    assert names() == ["three", "two"]
    context.set_client_ca_list([])
    assert names() == []


def test_27_version() -> None:
    """SSLeay is the old name; the result is bytes, also for a number that means nothing."""
    assert SSL.SSLeay_version is SSL.OpenSSL_version
    assert SSL.OpenSSL_version(SSL.OPENSSL_VERSION).startswith(b"OpenSSL ")
    assert SSL.OpenSSL_version(99) == b"not available"
    assert SSL.SSLEAY_VERSION == SSL.OPENSSL_VERSION
    for name in ("OP_NO_RENEGOTIATION", "OP_IGNORE_UNEXPECTED_EOF", "OP_LEGACY_SERVER_CONNECT", "OP_COOKIE_EXCHANGE"):
        assert isinstance(getattr(SSL, name), int)


# -- modules and crypto ------------------------------------------------------------------------------------------------


def test_60_63_modules() -> None:
    """`SSL` and `crypto` are modules; FILETYPE_PEM is in both; the manual's other names of the classes are there."""
    for module, name in ((SSL, "openssl_bio.SSL"), (crypto, "openssl_bio.crypto")):
        assert importlib.import_module(name) is module
    assert SSL.FILETYPE_PEM == crypto.FILETYPE_PEM == 1
    assert (SSL.ContextType, SSL.ConnectionType) == (SSL.Context, SSL.Connection)


def test_61_crypto_arguments(server_identity: Identity) -> None:
    pem = server_identity.key_file.read_bytes()
    der = crypto.dump_privatekey(crypto.FILETYPE_ASN1, server_identity.key)
    wrong: list[tuple[type[Exception], str, Callable[[], object]]] = [
        (ValueError, "type argument must be FILETYPE_PEM or FILETYPE_ASN1", lambda: crypto.load_privatekey(7, pem)),
        (ValueError, "type argument must be FILETYPE_PEM or FILETYPE_ASN1", lambda: crypto.load_certificate(7, pem)),
        (
            ValueError,
            "only FILETYPE_PEM key format supports encryption",
            lambda: crypto.load_privatekey(crypto.FILETYPE_ASN1, der, b"secret"),
        ),
        (
            TypeError,
            "Last argument must be a byte string or a callable.",
            lambda: crypto.load_privatekey(crypto.FILETYPE_PEM, pem, 5),  # type: ignore[arg-type]
        ),
        (ValueError, "Undefined signature algorithm", lambda: crypto.X509().get_signature_algorithm()),
        (AttributeError, "No such attribute", lambda: setattr(crypto.X509().get_subject(), "nonsense", "x")),
    ]
    for error, text, call in wrong:
        with pytest.raises(error) as caught:
            call()
        assert str(caught.value) == text
    crypto.load_privatekey(crypto.FILETYPE_PEM, pem.decode())  # type: ignore[arg-type]
    subject = server_identity.certificate.get_subject()
    assert subject.O is None
    assert repr(subject) == "<X509Name object '/CN=example.test'>"


def test_62_store(ca: Identity, server_identity: Identity) -> None:
    """What is added twice is no error, no X509 is a bare TypeError, and a failure tells code, depth and certificate."""
    store = crypto.X509Store()
    with pytest.raises(TypeError) as refused:
        store.add_cert(5)  # type: ignore[arg-type]
    assert refused.value.args == ()
    with pytest.raises(crypto.X509StoreContextError) as caught:
        crypto.X509StoreContext(store, server_identity.certificate).verify_certificate()
    text = "unable to get local issuer certificate"
    assert caught.value.args == (text,)
    assert caught.value.errors == [20, 0, text]
    assert caught.value.certificate.get_subject().CN == "example.test"
    store.add_cert(ca.certificate)
    store.add_cert(ca.certificate)
    crypto.X509StoreContext(store, server_identity.certificate).verify_certificate()
