"""The ClientHello: parsed from bytes, shown to a callback, and answered at once or later; certificates likewise."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openssl_bio import (
    SSL,
    SUSPEND,
    ClientHello,
    ClientHelloError,
    Credential,
    Suspended,
    parse_client_hello,
    stdlib,
)
from tests.contexts.faces import FACES, Face, credential
from tests.contexts.pki import Issued
from tests.helpers import Pair, carry

SNI, ALPN, GROUPS, POINTS, SIGNATURES, VERSIONS = 0, 16, 10, 11, 13, 43


def vector(size: int, data: bytes) -> bytes:
    return len(data).to_bytes(size) + data


def numbers(prefix: int, size: int, values: Sequence[int]) -> bytes:
    return vector(prefix, b"".join(value.to_bytes(size) for value in values))


def hello(
    extensions: Sequence[tuple[int, bytes]] = (), ciphers: Sequence[int] = (0x1301,), version: int = 0x0303
) -> bytes:
    """A ClientHello."""
    body = version.to_bytes(2) + bytes(32) + vector(1, b"") + numbers(2, 2, ciphers) + numbers(1, 1, [0])
    if extensions:
        body += vector(2, b"".join(kind.to_bytes(2) + vector(2, content) for kind, content in extensions))
    return b"\1" + vector(3, body)


def server_name(*names: bytes) -> tuple[int, bytes]:
    return SNI, vector(2, b"".join(b"\0" + vector(2, name) for name in names))


def alpn(*names: bytes) -> tuple[int, bytes]:
    return ALPN, vector(2, b"".join(vector(1, name) for name in names))


def first_flight(context: Any, name: str = "example.test") -> bytes:
    """What a client of Python's ssl sends."""
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


# -- the parser --------------------------------------------------------------------------------------------------------


def test_a_clienthello_of_openssl() -> None:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # that of Debian's Python is OpenSSL's own
    context.set_alpn_protocols(["h2", "http/1.1"])
    records = first_flight(context)
    found = parse_client_hello(records)
    assert found.raw == records[5:]
    assert found == parse_client_hello(bytearray(records)) == parse_client_hello(memoryview(found.raw))
    assert found.legacy_version == 0x0303
    assert len(found.random) == 32
    assert found.server_name == "example.test"
    assert found.server_names == ("example.test",)
    assert found.alpn_protocols == (b"h2", b"http/1.1")
    assert found.versions == (0x0304, 0x0303)
    assert {0x1301, 0x1302, 0x1303} <= set(found.cipher_suites)
    assert 29 in found.groups
    assert 0x0403 in found.signature_algorithms
    assert 0 in found.point_formats
    assert found.cookie is None
    assert found.extension(SNI) == server_name(b"example.test")[1]
    assert found.extension(9999) is None
    assert "example.test" not in repr(found)
    assert found.ja4.startswith(f"t13d{len(found.cipher_suites):02}{len(found.extensions):02}h2_")
    assert len(found.ja3_hash) == 32


def test_a_message_in_many_records() -> None:
    message = hello([server_name(b"a.test")])
    records = b"".join(b"\x16\x03\x01" + vector(2, message[i : i + 7]) for i in range(0, len(message), 7))
    assert parse_client_hello(records + b"\x14\x03\x03\0\1\1") == parse_client_hello(message)
    for size in range(len(records)):
        with pytest.raises(ClientHelloError):
            parse_client_hello(records[:size])


def test_nothing_offered() -> None:
    found = parse_client_hello(hello())
    assert (found.server_name, found.alpn_protocols, found.groups, found.point_formats) == (None, (), (), ())
    assert found.signature_algorithms == ()
    assert found.versions == (0x0303,)
    assert found.ja3 == "771,4865,,,"
    assert found.ja4 == "t12i010000_0f2cb44170f4_000000000000"


def test_ja3_as_published() -> None:
    """The example of JA3's own description."""
    ciphers = [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4]
    extensions = [server_name(b"a.test"), (GROUPS, numbers(2, 2, [23, 24, 25])), (POINTS, numbers(1, 1, [0]))]
    found = parse_client_hello(hello(extensions, ciphers, version=769))
    assert found.ja3 == "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0"
    assert found.ja3_hash == "ada70206e40642a3e4461f35503241d5"


def test_ja4_as_published() -> None:
    """The example of JA4's own description: Chrome, with GREASE."""
    ciphers = "2a2a 1301 1302 1303 c02b c02f c02c c030 cca9 cca8 c013 c014 009c 009d 002f 0035"
    signatures = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]
    kinds = "001b 0033 0017 0005 002d ff01 0023 0012 4469 0015"
    extensions = [
        (0x5A5A, b""),
        server_name(b"a.test"),
        alpn(b"h2", b"http/1.1"),
        (GROUPS, numbers(2, 2, [0x1A1A, 29])),
        (POINTS, numbers(1, 1, [0])),
        (SIGNATURES, numbers(2, 2, signatures)),
        (VERSIONS, numbers(1, 2, [0x8A8A, 0x0304, 0x0303])),
        *((int(kind, 16), b"") for kind in kinds.split()),
    ]
    found = parse_client_hello(hello(extensions, [int(cipher, 16) for cipher in ciphers.split()]))
    assert found.ja4 == "t13d1516h2_8daaf6152771_e5627efa2ab1"
    assert "6682" not in found.ja3.split(",")[3]  # GREASE


@pytest.mark.parametrize(("name", "shown"), [(b"h", "hh"), (b"\xab\xcd", "ad"), (b"x\xff", "7f"), (b"http/1.1", "h1")])
def test_ja4_of_odd_protocols(name: bytes, shown: str) -> None:
    assert parse_client_hello(hello([alpn(name)])).ja4[8:10] == shown


WRONG: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "ends too early"),
    "a ServerHello": (b"\2" + hello()[1:], "no ClientHello"),
    "too long": (b"\1\xff\xff\xff", "too long"),
    "cut": (hello()[:-1], "ends too early"),
    "more behind": (hello() + b"x", "bytes behind"),
    "more behind the extensions": (b"\1" + vector(3, hello([(9, b"")])[4:] + b"x"), "bytes behind"),
    "half a cipher": (b"\1" + vector(3, b"\3\3" + bytes(33) + b"\0\3abc\1\0"), "middle of a number"),
    "an alert": (b"\x15\3\1\0\2\2\x28", "no ClientHello"),
    "another record between": (b"\x16\3\1\0\1\1\x15\3\1\0\1\1", "another type"),
}


@pytest.mark.parametrize(("data", "message"), WRONG.values(), ids=WRONG.keys())
def test_what_is_no_clienthello(data: bytes, message: str) -> None:
    with pytest.raises(ClientHelloError, match=message):
        parse_client_hello(data)


DAMAGED: dict[str, tuple[tuple[int, bytes], str]] = {
    "a name cut": ((SNI, b"\0\5\0\0\\9a"), "server_names"),
    "no name": (server_name(b""), "server_names"),
    "a name with NUL": (server_name(b"a\0b"), "server_names"),
    "a name of no ASCII": (server_name("ä".encode()), "server_names"),
    "protocols cut": ((ALPN, b"\0\3\5ab"), "alpn_protocols"),
    "an empty protocol": (alpn(b""), "alpn_protocols"),
    "half a version": ((VERSIONS, b"\3\3\4\3"), "versions"),
    "more behind groups": ((GROUPS, b"\0\2\0\x1dx"), "groups"),
    "no signatures": ((SIGNATURES, b""), "signature_algorithms"),
    "point formats cut": ((POINTS, b"\2\0"), "point_formats"),
}


@pytest.mark.parametrize(("extension", "name"), DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_extension_hides_no_other(extension: tuple[int, bytes], name: str) -> None:
    found = parse_client_hello(hello([(9999, b"here"), extension]))
    assert found.extension(9999) == b"here"
    with pytest.raises(ClientHelloError):
        getattr(found, name)


def test_what_is_no_bytes() -> None:
    for wrong in ("text", None, 5):
        with pytest.raises(TypeError):
            parse_client_hello(wrong)  # type: ignore[arg-type]


def looked_at(data: bytes, *, dtls: bool) -> None:
    """Parse, and ask for everything; nothing but ClientHelloError may come of it."""
    try:
        found = parse_client_hello(data, dtls=dtls)
    except ClientHelloError:
        return
    for name in ("server_name", "alpn_protocols", "versions", "groups", "signature_algorithms", "point_formats"):
        try:
            getattr(found, name)
        except ClientHelloError:
            continue
    for name in ("ja3", "ja3_hash", "ja4"):
        try:
            assert isinstance(getattr(found, name), str)
        except ClientHelloError:
            continue


WHOLE = hello(
    [
        server_name(b"a.test"),
        alpn(b"h2"),
        (GROUPS, numbers(2, 2, [29])),
        (POINTS, numbers(1, 1, [0])),
        (SIGNATURES, numbers(2, 2, [0x0403])),
        (VERSIONS, numbers(1, 2, [0x0304])),
    ]
)


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes(data: bytes, dtls: bool) -> None:
    for start in (b"", b"\1", b"\x16\3\1"):
        looked_at(start + data, dtls=dtls)


@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=8), st.booleans())
def test_changed_bytes(changes: list[tuple[int, int]], in_record: bool) -> None:
    data = bytearray(WHOLE)
    for position, value in changes:
        data[position] = value
    looked_at(b"\x16\3\1" + vector(2, bytes(data)) if in_record else bytes(data), dtls=False)


@given(st.lists(st.tuples(st.sampled_from([0, 10, 11, 13, 16, 43, 9999]), st.binary(max_size=40)), max_size=6))
def test_any_extensions(extensions: list[tuple[int, bytes]]) -> None:
    looked_at(hello(extensions), dtls=False)


# -- the callback ------------------------------------------------------------------------------------------------------


class Answering:
    """A callback that keeps what it was called with."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.calls: list[tuple[Any, ...]] = []

    def __call__(self, *arguments: Any) -> Any:
        self.calls.append(arguments)
        return self.answer


def asking(face: Face, version: str, root: Issued, answering: Callable[..., Any], *credentials: Credential) -> Any:
    """A pair whose server asks about the ClientHello."""
    server = face.server(version, *credentials)
    server.set_client_hello_callback(answering)
    return face.pair(face.client(version, root), server)


def test_the_callback_sees_the_offer(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    answering = Answering()
    pair = asking(face, version, root, answering, credential(leaf)).handshake()
    ((connection, offer),) = answering.calls
    assert connection is pair.server
    assert isinstance(offer, ClientHello)
    assert max(offer.versions) == {"1.2": 0x0303, "1.3": 0x0304}[version]
    if face is FACES["ssl"]:
        assert offer.server_name == "localhost"
    assert face.sent(pair.client)[0] == leaf.der


def test_it_chooses_a_context(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    other = root.issue("localhost")
    pair = asking(face, version, root, Answering(face.server(version, credential(other))), credential(leaf))
    assert face.sent(pair.handshake().client) == [other.der]


def test_it_chooses_credentials(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    other = root.issue("localhost")
    of_rsa = root.issue("localhost", kind="rsa")
    for answer, shown in (
        (credential(other), [other]),
        ([credential(of_rsa)], [of_rsa]),
        ((credential(of_rsa), credential(other)), [other, of_rsa]),
    ):
        pair = asking(face, version, root, Answering(answer), credential(leaf)).handshake()
        assert face.sent(pair.client)[0] in [issued.der for issued in shown]


def test_a_server_without_a_certificate_of_its_own(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    pair = asking(face, version, root, Answering(credential(leaf))).handshake()
    assert face.sent(pair.client)[0] == leaf.der


def test_acme_and_h2_on_one_name(version: str, root: Issued, leaf: Issued) -> None:
    """RFC 8737: the same server name, told apart by ALPN alone."""
    face, challenge = FACES["ssl"], root.issue("localhost")

    def choose(_connection: Any, offer: ClientHello) -> Any:
        return credential(challenge) if b"acme-tls/1" in offer.alpn_protocols else None

    for protocol, expected in (("acme-tls/1", challenge), ("h2", leaf)):
        server, client = face.server(version, credential(leaf)), face.client(version, root)
        server.set_client_hello_callback(choose)
        server.set_alpn_protocols(["acme-tls/1", "h2"])
        client.set_alpn_protocols([protocol])
        pair = face.pair(client, server).handshake()
        assert pair.client.selected_alpn_protocol() == protocol
        assert face.sent(pair.client)[0] == expected.der


def test_it_refuses_with_an_alert(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    pair = asking(face, version, root, Answering(112), credential(leaf))
    with pytest.raises(face.error):
        pair.handshake()
    getattr(pair, "move", lambda: 0)()
    with pytest.raises(face.error, match=r"(?i)unrecognized.name"):
        pair.client.do_handshake()


@pytest.mark.parametrize(
    ("answer", "error"),
    [(True, TypeError), ("h2", TypeError), ([], TypeError), (0, ValueError), (256, ValueError), ([1], TypeError)],
    ids=repr,
)
def test_other_answers_fail_closed(
    face: Face, version: str, root: Issued, leaf: Issued, answer: object, error: type[Exception]
) -> None:
    pair = asking(face, version, root, Answering(answer), credential(leaf))
    with pytest.raises(error):
        pair.handshake()
    with pytest.raises(face.error):
        pair.server.do_handshake()


def test_another_faces_context_is_refused(version: str, root: Issued, leaf: Issued) -> None:
    for one, other in (("ssl", "pyOpenSSL"), ("pyOpenSSL", "ssl")):
        pair = asking(FACES[one], version, root, Answering(FACES[other].server(version)), credential(leaf))
        with pytest.raises(TypeError):
            pair.handshake()


def test_exceptions_surface(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    problem = KeyboardInterrupt()

    def fail(*_arguments: object) -> None:
        raise problem

    with pytest.raises(KeyboardInterrupt) as caught:
        asking(face, version, root, fail, credential(leaf)).handshake()
    assert caught.value is problem


def test_it_answers_later(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    answering = Answering(SUSPEND)
    for answer, shown in ((None, leaf), (credential(other := root.issue("localhost")), other)):
        pair = asking(face, version, root, answering, credential(leaf))
        for _ in range(2):
            with pytest.raises(Suspended) as caught:
                pair.handshake()
            assert isinstance(caught.value, face.error)
            assert caught.value.what == pair.server.suspended == "client_hello"
        with pytest.raises(TypeError):
            pair.server.resume_handshake("wrong")
        pair.server.resume_handshake(answer)
        assert face.sent(pair.handshake().client)[0] == shown.der
    assert len(answering.calls) == 2
    pair = asking(face, version, root, answering, credential(leaf))
    with pytest.raises(Suspended):
        pair.handshake()
    pair.server.resume_handshake(80)
    with pytest.raises(face.error):
        pair.handshake()


def test_a_second_clienthello(root: Issued, leaf: Issued) -> None:
    """After a HelloRetryRequest."""
    answering = Answering()
    face = FACES["pyOpenSSL"]
    pair = asking(face, "1.3", root, answering, credential(leaf))
    pair.server.set_groups(b"P-384")
    pair.handshake()
    assert len(answering.calls) == 2
    assert answering.calls[0][1].random == answering.calls[1][1].random


def test_datagrams(leaf: Issued) -> None:
    answering = Answering()
    server = SSL.Context(SSL.DTLS_METHOD)
    server.use_credentials(credential(leaf))
    server.set_client_hello_callback(answering)
    pair = Pair(SSL.Context(SSL.DTLS_METHOD), server)
    with pytest.raises(SSL.WantReadError):
        pair.client.do_handshake()
    datagram = pair.client.bio_read(2000)
    pair.server.bio_write(datagram)
    with pytest.raises(SSL.WantReadError):
        pair.server.do_handshake()
    ((_, offer),) = answering.calls
    assert offer == parse_client_hello(datagram, dtls=True)
    assert offer.cookie == b""
    assert offer.ja4.startswith("dd2i")
    carry(pair.server, pair.client)


def test_one_connection_alone(version: str, root: Issued, leaf: Issued) -> None:
    face, answering = FACES["pyOpenSSL"], Answering()
    server = face.server(version, credential(leaf))
    pair, sibling = (face.pair(face.client(version, root), server) for _ in range(2))
    pair.server.set_client_hello_callback(answering)
    sibling.handshake()
    assert not answering.calls
    pair.handshake()
    assert answering.calls[0][0] is pair.server


def test_messages_beside_it(version: str, root: Issued, leaf: Issued) -> None:
    """The message callback has one place in libssl, and two users here."""
    face = FACES["ssl"]
    answering, messages = Answering(), Answering()
    server, client = face.server(version, credential(leaf)), face.client(version, root)
    for change, called in (
        (lambda: setattr(server, "_msg_callback", messages), False),
        (lambda: server.set_client_hello_callback(answering), True),
        (lambda: setattr(server, "_msg_callback", None), True),
        (lambda: setattr(server, "_msg_callback", messages), True),
        (lambda: server.set_client_hello_callback(None), False),
    ):
        change()
        before = len(answering.calls), len(messages.calls)
        face.pair(client, server).handshake()
        assert (len(answering.calls) > before[0]) is called
        assert (len(messages.calls) > before[1]) is (server._msg_callback is not None)


# -- the callback for certificates -------------------------------------------------------------------------------------


def test_a_server_chooses_its_certificate(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    for answer, shown in ((None, leaf), (credential(other := root.issue("localhost")), other)):
        server, answering = face.server(version, credential(leaf)), Answering(answer)
        server.set_certificate_callback(answering)
        pair = face.pair(face.client(version, root), server).handshake()
        assert face.sent(pair.client)[0] == shown.der
        assert answering.calls == [(pair.server,)]


def test_a_client_chooses_its_certificate_later(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    mine, answering = root.issue("a client"), Answering(SUSPEND)
    server, client = face.server(version, credential(leaf)), face.client(version, root)
    face.trust(server, root)
    if face.error is SSL.Error:
        server.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
    else:
        server.verify_mode = ssl.CERT_REQUIRED
    client.set_certificate_callback(answering)
    pair = face.pair(client, server)
    for _ in range(2):
        with pytest.raises(Suspended) as caught:
            pair.handshake()
        assert caught.value.what == "certificate"
        assert isinstance(caught.value, face.error)
    pair.client.resume_handshake(credential(mine))
    pair.handshake()
    assert len(answering.calls) == 1
    if face.error is SSL.Error:
        assert isinstance(caught.value, SSL.WantX509LookupError)
        assert pair.server.get_peer_certificate().get_subject().CN == "a client"
    else:
        assert pair.server.getpeercert(True) == mine.der


def test_a_server_chooses_later(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    server = face.server(version)
    server.set_certificate_callback(Answering(SUSPEND))
    pair = face.pair(face.client(version, root), server)
    with pytest.raises(Suspended):
        pair.handshake()
    with pytest.raises(TypeError):
        pair.server.resume_handshake(server)
    pair.server.resume_handshake(credential(leaf))
    assert face.sent(pair.handshake().client)[0] == leaf.der


def test_wrong_certificates_fail_closed(face: Face, version: str, root: Issued, leaf: Issued) -> None:
    for wrong in (leaf.pem, 5, True):
        server = face.server(version, credential(leaf))
        server.set_certificate_callback(Answering(wrong))
        pair = face.pair(face.client(version, root), server)
        with pytest.raises(TypeError):
            pair.handshake()
        with pytest.raises(face.error):
            pair.server.do_handshake()


def test_one_connections_certificate(version: str, root: Issued, leaf: Issued) -> None:
    face, other = FACES["pyOpenSSL"], root.issue("localhost")
    server = face.server(version, credential(leaf))
    pair, sibling = (face.pair(face.client(version, root), server) for _ in range(2))
    pair.server.set_certificate_callback(Answering(credential(other)))
    pair.server.set_keylog_callback(Answering())
    assert face.sent(sibling.handshake().client)[0] == leaf.der
    assert face.sent(pair.handshake().client)[0] == other.der


def test_other_callbacks_cannot_exchange_credentials(version: str, root: Issued, leaf: Issued) -> None:
    """libssl may have chosen what they would free."""
    face = FACES["pyOpenSSL"]
    server = face.server(version, credential(leaf))
    server.set_info_callback(lambda connection, *_: connection.use_credentials(credential(leaf)))
    with pytest.raises(RuntimeError, match="a callback cannot use other credentials"):
        face.pair(face.client(version, root), server).handshake()


def test_setters(version: str) -> None:
    client = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    with pytest.raises(ValueError, match="no ClientHello"):
        client.set_client_hello_callback(Answering())
    for face in FACES.values():
        for setter in ("set_client_hello_callback", "set_certificate_callback"):
            with pytest.raises(TypeError, match="callable"):
                getattr(face.server(version), setter)(5)
