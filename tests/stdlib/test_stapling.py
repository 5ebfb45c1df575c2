"""OCSP stapling of the stdlib's face: what a server gives, and what a client gets, asks for and judges."""

from __future__ import annotations

import datetime
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from openssl_bio import SSL, Credential, stdlib
from tests.contexts.pki import Issued, new_root
from tests.interop.peers import program, started
from tests.stdlib.helpers import Pair, of_version, ours
from tests.stdlib.test_sockets import connected, serving

FLAGS = {ssl.TLSVersion.TLSv1_2: "-tls1_2", ssl.TLSVersion.TLSv1_3: "-tls1_3"}


@pytest.fixture(scope="module")
def root() -> Issued:
    return new_root()


@pytest.fixture(scope="module")
def leaf(root: Issued) -> Issued:
    return root.issue("localhost")


@pytest.fixture(scope="module")
def response(root: Issued, leaf: Issued) -> bytes:
    """A signed word of the authority that the certificate is good."""
    now = datetime.datetime.now(datetime.UTC)
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=leaf.certificate,
        issuer=root.certificate,
        algorithm=hashes.SHA256(),
        cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=now - datetime.timedelta(hours=1),
        next_update=now + datetime.timedelta(days=1),
        revocation_time=None,
        revocation_reason=None,
    )
    builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, root.certificate)
    return builder.sign(root.key, hashes.SHA256()).public_bytes(Encoding.DER)


@pytest.fixture
def server(leaf: Issued, version: Any) -> Any:
    context = ours.SSLContext(ours.PROTOCOL_TLS_SERVER)
    context.use_credentials(Credential.load(leaf.certificate, leaf.key))
    return of_version(context, version)


@pytest.fixture
def client(root: Issued, version: Any) -> Any:
    """A client's context that asks."""
    context = ours.SSLContext(ours.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=root.der)
    context.request_ocsp = True
    return of_version(context, version)


# -- both ends --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes(client: Any, server: Any, response: bytes, kind: Any) -> None:
    server.ocsp_response = kind(response)
    assert server.ocsp_response == response
    pair = Pair(client, server)
    assert pair.client.ocsp_response is None
    pair.handshake()
    assert pair.client.ocsp_response == response
    assert pair.server.ocsp_response == response
    loaded = ocsp.load_der_ocsp_response(pair.client.ocsp_response)
    assert loaded.serial_number == x509.load_der_x509_certificate(pair.client.getpeercert(True)).serial_number


def test_a_callback(client: Any, server: Any, response: bytes) -> None:
    """It is called for each client that asks, with the connection, and may have nothing."""
    answers: list[bytes | None] = [None, response]
    asked: list[Any] = []

    def give(connection: Any) -> bytes | None:
        asked.append(connection)
        return answers.pop()

    server.ocsp_response = give
    assert server.ocsp_response is give
    pairs = [Pair(client, server).handshake() for _ in range(2)]
    assert [pair.client.ocsp_response for pair in pairs] == [response, None]
    assert asked == [pair.server for pair in pairs]


def test_who_does_not_ask_gets_nothing(client: Any, server: Any, response: bytes) -> None:
    client.request_ocsp = False
    server.ocsp_response = lambda _connection: pytest.fail("nobody has asked")
    assert Pair(client, server).handshake().client.ocsp_response is None


def test_nothing_more_is_stapled(client: Any, server: Any, response: bytes) -> None:
    server.ocsp_response = response
    Pair(client, server).handshake()
    server.ocsp_response = None
    assert Pair(client, server).handshake().client.ocsp_response is None


def test_a_resumed_session_has_none(client: Any, server: Any, response: bytes) -> None:
    """No certificate is sent, and the client's callback is not called."""
    server.ocsp_response = response
    seen: list[Any] = []
    client.ocsp_callback = lambda _connection, staple: not seen.append(staple)
    first = Pair(client, server).handshake()
    again = Pair(client, server, session=first.client.session).handshake()
    assert again.client.session_reused
    assert (seen, again.client.ocsp_response) == ([response], None)


def judge(_connection: Any, staple: bytes | None) -> bool:
    """One that insists."""
    return staple is not None


def resumed(client: Any, server: Any, session: Any, change: Any = None) -> bool:
    """Whether a session is resumed, by a client's connection that ``change`` is done to."""
    pair = Pair(client, server, session=session)
    if change is not None:
        change(pair.client)
    return bool(pair.handshake().client.session_reused)


def test_sessions_that_nobody_judged(client: Any, server: Any, response: bytes) -> None:
    """A session is resumed by those who ask no more than was asked when it was made."""
    server.ocsp_response = response
    unjudged = Pair(client, server).handshake().client.session
    assert resumed(client, server, unjudged)
    assert not resumed(client, server, unjudged, lambda end: setattr(end, "ocsp_callback", judge))
    client.ocsp_callback = judge
    assert not resumed(client, server, unjudged)
    judged = Pair(client, server).handshake().client.session
    assert resumed(client, server, judged)
    judged = Pair(client, server).handshake().client.session
    assert not resumed(client, server, judged, lambda end: setattr(end, "ocsp_callback", lambda *_: True))
    judged = Pair(client, server).handshake().client.session
    assert resumed(client, server, judged, lambda end: setattr(end, "ocsp_callback", None))


def test_sessions_from_elsewhere_are_judged_by_nobody(client: Any, server: Any, response: bytes) -> None:
    server.ocsp_response, client.ocsp_callback = response, judge
    travelled = stdlib.SSLSession.from_bytes(Pair(client, server).handshake().client.session.to_bytes())
    assert not resumed(client, server, travelled)


def test_with_pyopenssls_face(client: Any, leaf: Issued, response: bytes) -> None:
    """The other face's server, and its callback."""
    from tests.contexts.faces import PyOpenSSL, credential

    version = "1.3" if client.minimum_version == ssl.TLSVersion.TLSv1_3 else "1.2"
    context = PyOpenSSL().server(version, credential(leaf))
    context.set_ocsp_server_callback(lambda _connection, _data: response)
    bios = stdlib.MemoryBIO(), stdlib.MemoryBIO()
    near = client.wrap_bio(*bios, server_hostname="localhost")
    far = SSL.Connection(context)
    far.set_accept_state()
    for _ in range(4):
        for end in (near, far):
            with suppress(ssl.SSLWantReadError, SSL.WantReadError):
                end.do_handshake()
            if data := bios[1].read():
                far.bio_write(data)
            try:
                bios[0].write(far.bio_read(1 << 20))
            except SSL.WantReadError:
                continue
    assert near.version()
    assert near.ocsp_response == response


# -- the client's judgement -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stapled", [False, True])
def test_accepted(client: Any, server: Any, response: bytes, stapled: bool) -> None:
    """Setting the callback asks for a response."""
    seen: list[Any] = []
    client.request_ocsp = False
    client.ocsp_callback = lambda connection, staple: (seen.append((connection, staple)), True)[1]
    assert client.request_ocsp
    if stapled:
        server.ocsp_response = response
    pair = Pair(client, server).handshake()
    assert seen == [(pair.client, response if stapled else None)]


def test_refused(client: Any, server: Any, response: bytes) -> None:
    """Both ends fail."""
    server.ocsp_response = response
    client.ocsp_callback = lambda _connection, _staple: False
    failed = Pair(client, server).outcome()
    assert failed["client"].reason == "INVALID_STATUS_RESPONSE"  # type: ignore[attr-defined]
    assert "BAD_CERTIFICATE_STATUS_RESPONSE" in failed["server"].reason  # type: ignore[attr-defined]


@pytest.mark.parametrize("answer", [None, 1, "yes", b""])
def test_other_answers_fail_closed(client: Any, server: Any, answer: Any) -> None:
    client.ocsp_callback = lambda _connection, _staple: answer
    with pytest.raises(TypeError, match="an OCSP callback returns True or False"):
        Pair(client, server).handshake()


def test_what_would_make_the_callback_silent(client: Any) -> None:
    client.ocsp_callback = print
    with pytest.raises(ValueError, match="Cannot switch request_ocsp off when there is an ocsp_callback"):
        client.request_ocsp = False
    end = client.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname="localhost")
    with pytest.raises(ValueError, match="Cannot switch request_ocsp off when there is an ocsp_callback"):
        end.request_ocsp = False
    client.ocsp_callback = end.ocsp_callback = None
    client.request_ocsp = end.request_ocsp = False


def test_a_certificate_that_nobody_trusts_is_refused_anyway(server: Any, version: Any, response: bytes) -> None:
    """A good word about it changes nothing."""
    client = of_version(ours.SSLContext(ours.PROTOCOL_TLS_CLIENT), version)
    server.ocsp_response = response
    client.ocsp_callback = lambda _connection, _staple: True
    with pytest.raises(ssl.SSLCertVerificationError):
        Pair(client, server).handshake()


# -- what fails -------------------------------------------------------------------------------------------------------

BAD = [b"", b"nonsense", b"\x30\x00", b"\x30\x03\x02\x01\x00"]


@pytest.mark.parametrize("bad", BAD)
def test_bytes_that_are_no_response(client: Any, server: Any, response: bytes, bad: bytes) -> None:
    """Refused where they are given; also by a callback, before anything is sent."""
    server.ocsp_response = response
    with pytest.raises(ValueError, match="the bytes are no OCSPResponse in DER"):
        server.ocsp_response = bad
    assert server.ocsp_response == response
    server.ocsp_response = lambda _connection: bad
    failed = Pair(client, server).outcome()
    assert isinstance(failed["server"], ValueError)
    assert isinstance(failed["client"], ssl.SSLError)


def test_a_response_that_is_cut_or_goes_on(server: Any, response: bytes) -> None:
    for bad in (response[:-1], response + b"\0"):
        with pytest.raises(ValueError, match="the bytes are no OCSPResponse in DER"):
            server.ocsp_response = bad


@pytest.mark.parametrize("bad", ["text", 5, [b"one"]])
def test_what_is_no_bytes(client: Any, server: Any, bad: Any) -> None:
    with pytest.raises(TypeError, match=f"an OCSP response is bytes in DER, not {type(bad).__name__}"):
        server.ocsp_response = bad
    server.ocsp_response = lambda _connection: bad
    with pytest.raises(TypeError, match=f"an OCSP response is bytes in DER, not {type(bad).__name__}"):
        Pair(client, server).handshake()


def test_sides() -> None:
    client, server = (ours.SSLContext(protocol) for protocol in (ours.PROTOCOL_TLS_CLIENT, ours.PROTOCOL_TLS_SERVER))
    with pytest.raises(ValueError, match="ocsp_response is for servers to set"):
        client.ocsp_response = b""
    for name in ("request_ocsp", "ocsp_callback"):
        with pytest.raises(ValueError, match=f"{name} is for clients"):
            setattr(server, name, None)
    with pytest.raises(TypeError, match="callback must be callable"):
        client.ocsp_callback = 5
    assert (client.request_ocsp, client.ocsp_callback, client.ocsp_response) == (False, None, None)


# -- with openssl's programs, over sockets ----------------------------------------------------------------------------


def test_our_staple_at_s_client(server: Any, version: Any, response: bytes, root: Issued, tmp_path: Path) -> None:
    """It prints what it was given, and verifies it."""
    given: list[Any] = []
    server.ocsp_response = lambda connection: (given.append(connection), response)[1]
    authority = tmp_path / "ca.pem"
    authority.write_bytes(root.pem)
    heard: list[Any] = []

    def talk(connection: Any) -> None:
        heard.append(connection)
        while connection.recv(100):
            pass

    with serving(server, talk) as (_, port):
        command = [
            program("openssl", "openssl"),
            "s_client",
            "-connect",
            f"127.0.0.1:{port}",
            "-CAfile",
            str(authority),
        ]
        with started([*command, FLAGS[version], "-status"], tmp_path / "log") as running:
            assert running.line("OCSP Response Status: successful")
            assert running.line("Cert Status: good")
            assert running.line("Verify return code: 0 (ok)")
            running.write(b"Q\n")
            running.line("DONE")
    assert given == heard


@pytest.mark.parametrize("stapling", [True, False])
def test_the_staple_of_s_server(
    client: Any, version: Any, leaf: Issued, response: bytes, tmp_path: Path, stapling: bool
) -> None:
    """Byte for byte, to the callback, and afterwards."""
    for name, data in (("cert", leaf.pem), ("key", leaf.key_pem()), ("response", response)):
        (tmp_path / name).write_bytes(data)
    options = ["-status_file", "response"] if stapling else []
    command = [program("openssl", "openssl"), "s_server", "-accept", "127.0.0.1:0", FLAGS[version], *options]
    seen: list[Any] = []
    client.ocsp_callback = lambda connection, staple: not seen.append((connection, staple))
    with started([*command, "-cert", "cert", "-key", "key"], tmp_path / "log", tmp_path) as running:
        line = running.line("ACCEPT")
        assert line is not None
        with connected(client, ("127.0.0.1", int(line.rpartition(":")[2]))) as connection:
            expected = response if stapling else None
            assert connection.ocsp_response == expected
            assert seen == [(connection, expected)]
