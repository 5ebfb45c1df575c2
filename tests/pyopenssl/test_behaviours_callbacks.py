"""Items 24 and 28 to 34 of pyOpenSSL's behaviours: callbacks. The number in a test's name is the item's.

What an exception does in each callback is in test_callbacks.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import SSL, crypto
from tests.helpers import Identity, Pair, digest


class Boom(Exception):
    """What callbacks raise here."""


def refuse(*_arguments: object) -> Any:
    raise Boom


@pytest.fixture
def encrypted(server_identity: Identity, tmp_path: Path) -> Path:
    """A key file with the passphrase b"secret"."""
    path = tmp_path / "key.pem"
    path.write_bytes(crypto.dump_privatekey(crypto.FILETYPE_PEM, server_identity.key, "aes128", b"secret"))
    return path


# -- passphrases -------------------------------------------------------------------------------------------------------


def test_24_passphrase_callback_is_called_with(encrypted: Path) -> None:
    """(maxlen, verify, userdata): 1024, the int 0, and what was given, None by default."""
    calls: list[tuple[object, ...]] = []

    def ask(*arguments: object) -> bytes:
        calls.append(arguments)
        return b"secret"

    data = object()
    for userdata in ((), (data,)):
        context = SSL.Context(SSL.TLS_METHOD)
        context.set_passwd_cb(ask, *userdata)
        context.use_privatekey_file(encrypted)
    assert calls == [(1024, 0, None), (1024, 0, data)]
    assert type(calls[0][1]) is int


@pytest.mark.parametrize("answer", ["secret", None, 5, bytearray(b"secret")])
def test_24_passphrase_must_be_bytes(encrypted: Path, answer: object) -> None:
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_passwd_cb(lambda *_: answer)  # type: ignore[arg-type, return-value]
    with pytest.raises(ValueError) as caught:
        context.use_privatekey_file(encrypted)
    assert caught.value.args == ("Bytes expected",)


def test_24_long_passphrase(server_identity: Identity, tmp_path: Path, encrypted: Path) -> None:
    """It is cut to maxlen for use_privatekey_file, and refused by load_privatekey."""
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_passwd_cb(lambda *_: b"x" * 1025)
    with pytest.raises(SSL.Error):
        context.use_privatekey_file(encrypted)
    path = tmp_path / "long.pem"
    path.write_bytes(crypto.dump_privatekey(crypto.FILETYPE_PEM, server_identity.key, "aes128", b"x" * 1024))
    context.use_privatekey_file(path)
    with pytest.raises(ValueError) as caught:
        crypto.load_privatekey(crypto.FILETYPE_PEM, path.read_bytes(), lambda *_: b"x" * 1025)
    assert caught.value.args == ("passphrase returned by callback is too long",)


# -- what the peer is told ---------------------------------------------------------------------------------------------

ALERTS: dict[str, tuple[str, Callable[[SSL.Context, SSL.Context], object], str]] = {
    "verify": ("client", lambda c, s: c.set_verify(SSL.VERIFY_PEER, refuse), "unknown ca"),
    "alpn": ("server", lambda c, s: s.set_alpn_select_callback(refuse), "no application protocol"),
    "ocsp server": ("server", lambda c, s: s.set_ocsp_server_callback(refuse), "internal error"),
    "ocsp client": ("client", lambda c, s: c.set_ocsp_client_callback(refuse), "internal error"),
    "servername": ("server", lambda c, s: s.set_tlsext_servername_callback(refuse), "unrecognized name"),
}


@pytest.mark.parametrize("name", ALERTS)
def test_a3_alert_after_an_exception(ca: Identity, server: SSL.Context, version: int, name: str) -> None:
    """The exception is raised where the callback ran, and the other end reads pyOpenSSL's alert."""
    client = SSL.Context(SSL.TLS_METHOD)
    client.set_max_proto_version(version)
    client.set_alpn_protos([b"h2"])
    end, install, alert = ALERTS[name]
    install(client, server)
    pair = Pair(client, server)
    pair.client.request_ocsp()
    with pytest.raises(Boom):
        pair.handshake()
    pair.move()
    with pytest.raises(SSL.Error) as caught:
        (pair.server if end == "client" else pair.client).do_handshake()
    assert alert in caught.value.args[0][-1][-1]


# -- verify ------------------------------------------------------------------------------------------------------------


def test_28_verify_callback_arguments(client: SSL.Context, server: SSL.Context, server_identity: Identity) -> None:
    """(Connection, X509, errnum, depth, ok), once per certificate when all is well."""
    calls: list[tuple[Any, ...]] = []
    client.set_verify(SSL.VERIFY_PEER, lambda *arguments: not calls.append(arguments))  # type: ignore[func-returns-value]
    pair = Pair(client, server).handshake()
    assert [call[3] for call in calls] == [1, 0]
    for connection, certificate, error, depth, ok in calls:
        assert connection is pair.client
        assert type(certificate) is crypto.X509
        assert (type(error), type(depth), type(ok)) == (int, int, int)
        assert (error, ok) == (0, 1)
    assert digest(calls[-1][1]) == digest(server_identity.certificate)


def test_28_accepting_resets_the_error(version: int, server: SSL.Context) -> None:
    """A truthy result accepts the certificate and makes the verify result OK."""
    client = SSL.Context(SSL.TLS_METHOD)
    client.set_max_proto_version(version)
    errors: list[int] = []

    def accept(_connection: SSL.Connection, _x509: crypto.X509, error: int, _depth: int, _ok: int) -> Any:
        errors.append(error)
        return "truthy"

    client.set_verify(SSL.VERIFY_PEER, accept)
    pair = Pair(client, server).handshake()
    assert any(errors)
    assert pair.client.get_verify_result() == SSL.X509VerificationCodes.OK


@pytest.mark.parametrize("result", [False, 0, None, b"", []], ids=repr)
def test_28_falsy_result_refuses(client: SSL.Context, server: SSL.Context, result: Any) -> None:
    client.set_verify(SSL.VERIFY_PEER, lambda *_: result)
    with pytest.raises(SSL.Error) as caught:
        Pair(client, server).handshake()
    assert caught.value.args == ([("SSL routines", "", "certificate verify failed")],)


def test_28_verify_callback_is_called_under_verify_none(client: SSL.Context, server: SSL.Context) -> None:
    """It may even say no: then the handshake goes on."""
    calls: list[object] = []
    client.set_verify(SSL.VERIFY_NONE, lambda *_: bool(calls.append(None)))  # type: ignore[func-returns-value]
    Pair(client, server).handshake()
    assert calls


# -- ALPN --------------------------------------------------------------------------------------------------------------


def test_29_alpn_callback(client: SSL.Context, server: SSL.Context) -> None:
    """(Connection, list of bytes) -> bytes, or NO_OVERLAPPING_PROTOCOLS to go on without."""
    calls: list[tuple[Any, ...]] = []
    choice: list[Any] = [b"b"]

    def select(*arguments: Any) -> Any:
        calls.append(arguments)
        return choice[0]

    client.set_alpn_protos([b"a", b"b"])
    server.set_alpn_select_callback(select)
    pair = Pair(client, server).handshake()
    assert calls == [(pair.server, [b"a", b"b"])]
    assert pair.client.get_alpn_proto_negotiated() == b"b"
    choice[0] = SSL.NO_OVERLAPPING_PROTOCOLS
    assert Pair(client, server).handshake().client.get_alpn_proto_negotiated() == b""


@pytest.mark.parametrize("choice", ["a", None, 5, [b"a"], bytearray(b"a")], ids=repr)
def test_29_alpn_choice_of_another_type(client: SSL.Context, server: SSL.Context, choice: object) -> None:
    client.set_alpn_protos([b"a"])
    server.set_alpn_select_callback(lambda *_: choice)  # type: ignore[arg-type, return-value]
    with pytest.raises(TypeError) as caught:
        Pair(client, server).handshake()
    assert caught.value.args == (
        "ALPN callback must return a bytestring or the special NO_OVERLAPPING_PROTOCOLS sentinel value.",
    )


def test_29_empty_alpn_choice_is_fatal(client: SSL.Context, server: SSL.Context) -> None:
    client.set_alpn_protos([b"a"])
    server.set_alpn_select_callback(lambda *_: b"")
    with pytest.raises(SSL.Error) as caught:
        Pair(client, server).handshake()
    assert caught.value.args[0]


def test_29_only_what_was_offered_can_be_chosen(client: SSL.Context, server: SSL.Context) -> None:
    """pyOpenSSL sends it all the same, and the client fails, or does not notice."""
    client.set_alpn_protos([b"a"])
    server.set_alpn_select_callback(lambda *_: b"c")
    with pytest.raises(ValueError, match="which the client did not offer"):
        Pair(client, server).handshake()


def test_29_alpn_callback_must_be_callable(server: SSL.Context) -> None:
    """pyOpenSSL takes None, and fails each handshake."""
    with pytest.raises(TypeError, match="callback must be callable"):
        server.set_alpn_select_callback(None)  # type: ignore[arg-type]


# -- server names, OCSP ------------------------------------------------------------------------------------------------


def test_30_servername_callback(client: SSL.Context, server: SSL.Context) -> None:
    """One argument, the Connection; called without a name as well; what it returns does not matter."""
    seen: list[tuple[Any, bytes | None]] = []

    def on_name(connection: SSL.Connection) -> object:
        seen.append((connection, connection.get_servername()))
        return 2  # SSL_TLSEXT_ERR_ALERT_FATAL, were it heeded

    server.set_tlsext_servername_callback(on_name)  # type: ignore[arg-type]
    without, named = Pair(client, server), Pair(client, server)
    named.client.set_tlsext_host_name(b"example.test")
    without.handshake()
    named.handshake()
    assert seen == [(without.server, None), (named.server, b"example.test")]


@pytest.mark.parametrize("data", [(), ("data",)], ids=["default", "given"])
def test_31_ocsp_callbacks(client: SSL.Context, server: SSL.Context, data: tuple[str, ...]) -> None:
    """(Connection, data) -> bytes, and (Connection, bytes, data) -> bool; data is None by default."""
    staple = b"\x30\x03\x0a\x01\x03"
    calls: list[tuple[Any, ...]] = []
    server.set_ocsp_server_callback(lambda *arguments: calls.append(arguments) or staple, *data)  # type: ignore[func-returns-value]
    client.set_ocsp_client_callback(lambda *arguments: not calls.append(arguments), *data)  # type: ignore[func-returns-value]
    pair = Pair(client, server)
    pair.client.request_ocsp()
    pair.handshake()
    expected = data[0] if data else None
    assert calls == [(pair.server, expected), (pair.client, staple, expected)]


def test_31_ocsp_only_where_it_was_requested(client: SSL.Context, server: SSL.Context) -> None:
    """A client connection that did not call request_ocsp gets no staple, and its callback sees b""."""
    calls: list[bytes] = []
    server.set_ocsp_server_callback(lambda *_: pytest.fail("nobody asked"))
    client.set_ocsp_client_callback(lambda _c, response, _d: not calls.append(response))  # type: ignore[func-returns-value]
    Pair(client, server).handshake()
    assert calls in ([], [b""])


@pytest.mark.parametrize("result", ["staple", None, bytearray(b"staple")], ids=repr)
def test_31_ocsp_server_callback_must_return_bytes(client: SSL.Context, server: SSL.Context, result: object) -> None:
    server.set_ocsp_server_callback(lambda *_: result)  # type: ignore[arg-type, return-value]
    pair = Pair(client, server)
    pair.client.request_ocsp()
    with pytest.raises(TypeError) as caught:
        pair.handshake()
    assert caught.value.args == ("OCSP callback must return a bytestring.",)


@pytest.mark.parametrize("result", [False, 0, None], ids=repr)
def test_31_falsy_judgement_refuses(client: SSL.Context, server: SSL.Context, result: Any) -> None:
    """Error 'invalid status response', and the server is told bad_certificate_status_response."""
    server.set_ocsp_server_callback(lambda *_: b"\x30\x03\x0a\x01\x03")
    client.set_ocsp_client_callback(lambda *_: result)
    pair = Pair(client, server)
    pair.client.request_ocsp()
    with pytest.raises(SSL.Error) as caught:
        pair.handshake()
    assert caught.value.args[0][-1] == ("SSL routines", "", "invalid status response")
    pair.move()
    with pytest.raises(SSL.Error) as told:
        pair.server.recv(1)
    assert "bad certificate status response" in told.value.args[0][-1][-1]


# -- info and key log --------------------------------------------------------------------------------------------------


def test_33_info_callback(client: SSL.Context, server: SSL.Context) -> None:
    """(Connection, where, value), from the start of the handshake to its end."""
    calls: list[tuple[Any, ...]] = []
    client.set_info_callback(lambda *arguments: calls.append(arguments))
    pair = Pair(client, server).handshake()
    assert all(connection is pair.client for connection, _, _ in calls)
    assert all(type(where) is int and type(value) is int for _, where, value in calls)
    wheres = [where for _, where, _ in calls]
    assert wheres[0] == SSL.SSL_CB_HANDSHAKE_START
    assert SSL.SSL_CB_HANDSHAKE_DONE in wheres
    assert SSL.SSL_CB_CONNECT_LOOP in wheres


def test_33_keylog_callback(version: int, client: SSL.Context, server: SSL.Context) -> None:
    """(Connection, line): bytes without a newline, in the NSS key log format."""
    calls: list[tuple[Any, ...]] = []
    server.set_keylog_callback(lambda *arguments: calls.append(arguments))
    pair = Pair(client, server).handshake()
    assert all(connection is pair.server for connection, _ in calls)
    lines = [line for _, line in calls]
    assert all(type(line) is bytes and b"\n" not in line for line in lines)
    label = {SSL.TLS1_2_VERSION: b"CLIENT_RANDOM ", SSL.TLS1_3_VERSION: b"CLIENT_TRAFFIC_SECRET_0 "}[version]
    random = (pair.server.client_random() or b"").hex().encode()
    assert any(line.startswith(label + random) for line in lines)


def test_34_subclass_is_what_callbacks_get(client: SSL.Context, server: SSL.Context) -> None:
    """The very object, whatever its class; nothing keeps a connection alive for the sake of callbacks."""

    class Mine(SSL.Connection):
        pass

    seen: list[type] = []
    client.set_info_callback(lambda connection, *_: seen.append(type(connection)))
    pair = Pair(client, server)
    pair.client = Mine(client)
    pair.client.set_connect_state()
    pair.handshake()
    assert set(seen) == {Mine}
