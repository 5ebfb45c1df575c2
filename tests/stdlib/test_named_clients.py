"""Clients that are given their server's name: most go a short way, which does what the long one does."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from openssl_bio import SSL, parse_client_hello, stdlib
from tests import helpers
from tests.helpers import Identity
from tests.stdlib.helpers import Pair, client_context, modules, ours, server_context, wants_read

LABEL = "a" * 63

# On both sides of what is plainly a name: lengths, dots, characters, and what could be an address.
NAMES = {
    *("a", "A", "a.b", "localhost", "LocalHost.Example", "xn--strae-oqa.de", "a-b", "-a", "a-", "--", "-"),
    *(
        "host1",
        "1host",
        "under_score",
        "1_",
        "1.2.3.x",
        "x.1",
        "0x7f.1",
        "1",
        "1234",
        "1.2",
        "1.2.3",
        "1.2.3.4.5",
    ),
    *("127.0.0.1", "1.2.3.4", "0.0.0.0", "255.255.255.255", "256.1.1.1", "1.1.1.256", "1.2.3.4a", "1.2.3.4/8"),
    *("1.2.3.4\0", "1.2.3.4\0a", "::1\0", "::1\0a", "1.2.3.", ".1.2.3", "1..2.3"),
    *("::", "::1", "1::", "1::8", "1:2:3:4:5:6:7:8", "0::1", "::01", "2001:db8::1", "2001:DB8::1", "2001:0db8::1"),
    *("1:0:0:4:0:0:0:8", "1::4:0:0:0:8", "1:0:0:4::8", "1:2:3:4:5:6:7::", "::ffff:1.2.3.4", "::ffff:102:304"),
    *("fe80::1%eth0", "[::1]", "a:b", "a:1", "1:", ":1", ":::", "1::2::3", "12345::", "::g", "::1/64"),
    *("1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "1:2:3:4::5:6:7:8", "::1%eth0"),
    *("a_b", "_a", "*.a", "a b", " a", "a ", "a\t", "a/b", "a@b", "a\x7f", "!", "~a", "a\0", "a\0b", "\0"),
    *("", ".", "..", ".a", "a.", "a..", "a..b", "a.b.", "a.b..", "1.", "127.0.0.1."),
    *(LABEL, LABEL + "b", LABEL + ".", LABEL + ".b", "b." + LABEL, "b." + LABEL + "b", "b" * 62 + ".", LABEL + "b.c"),
    *(
        ".".join([LABEL] * 4),
        ".".join([LABEL] * 4) + ".",
        ".".join([LABEL] * 4)[1:] + ".",
        ".".join([LABEL] * 4) + ".b",
    ),
    *("é", "a.é", "ß"),
}
# What Python raises for what it refuses: its codec, its own checks, or libssl.
REFUSED = (ValueError, TypeError, ssl.SSLError)


def unverified(module: Any) -> Any:
    """A client's context that verifies no name: OpenSSL 4.0 refuses those that no certificate could have."""
    context = module.SSLContext(module.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return context


def told(module: Any, context: Any, name: Any) -> tuple[Any, Any]:
    """What a connection calls its server, and what its ClientHello does; what is refused sends nothing."""
    outgoing = module.MemoryBIO()
    try:
        connection = context.wrap_bio(module.MemoryBIO(), outgoing, server_hostname=name)
    except REFUSED:
        assert outgoing.pending == 0
        return "refused", None
    assert wants_read(connection.do_handshake)
    return connection.server_hostname, parse_client_hello(outgoing.read()).server_name


@pytest.mark.parametrize("kind", [str, str.encode, type("Text", (str,), {})], ids=["str", "bytes", "a subclass of str"])
def test_names_are_sent_as_by_python(kind: Any) -> None:
    """The same names are refused, and the others are sent as they are, but for addresses."""
    contexts = [(module, unverified(module)) for module in modules()]
    for name in sorted(NAMES):
        if kind is str.encode or name.isascii():  # ours knows IDNA 2008
            found, expected = (told(module, context, kind(name)) for module, context in contexts)
            assert found == expected, name


def test_whether_a_name_is_verified_changes_nothing_of_what_is_sent() -> None:
    plain, checked = unverified(ours), ours.SSLContext(ours.PROTOCOL_TLS_CLIENT)
    for name in sorted(NAMES):
        found = told(ours, checked, name)
        if "%" in name:  # libssl has no such address
            assert found == ("refused", None)
        elif found[0] != "refused" or ours.OPENSSL_VERSION_INFO < (4,):
            assert found == told(ours, plain, name), name


def test_the_longest_name(ca: Identity, server_identity: Identity) -> None:
    """255 characters; one more is refused, and says so."""
    server = server_context(server_identity)
    asked: list[Any] = []
    server.sni_callback = lambda _end, sent, _context: asked.append(sent)
    context = client_context(ca)
    context.check_hostname = False
    longest = ".".join([LABEL] * 4)
    assert len(longest) == 255
    Pair(context, server, server_hostname=longest).handshake()
    assert asked == [longest]
    with pytest.raises(ssl.SSLError, match="the server name has 256 bytes, and may have 1 to 255"):
        Pair(context, server, server_hostname=longest + ".")


# -- what is verified --------------------------------------------------------------------------------------------------

# What the certificate is for, and which names it is for then, or not.
ISSUED = b"DNS:a.test,DNS:1234,DNS:*.wild.test,DNS:host1,DNS:under_score.test,DNS:xn--bcher-kva.test,IP:1.2.3.4"
MATCHING = {
    "a.test": True,
    "A.Test": True,
    "b.test": False,
    "a.test.b": False,
    "x.wild.test": True,
    "X.WILD.TEST": True,
    "x.y.wild.test": False,
    "wild.test": False,
    "host1": True,
    "host2": False,
    "under_score.test": True,
    "1234": True,
    "1235": False,
    "bücher.test": True,
    "xn--bcher-kva.test": True,
    "1.2.3.4": True,
    "1.2.3.5": False,
}


def test_names_are_verified(ca: Identity, tmp_path: Any, version: Any) -> None:
    """As by Python, whichever way a name takes."""
    number = ssl.TLSVersion(version)
    server = server_context(ca.issue("only.a.common.name", tmp_path, ISSUED), version=number)
    client = client_context(ca, version=number)
    for name, matches in MATCHING.items():
        pair = Pair(client, server, server_hostname=name)
        assert pair.client.check_hostname is True
        failed = pair.outcome().get("client")
        assert (failed is None) is matches, name
        if failed is not None:
            assert isinstance(failed, ssl.SSLCertVerificationError)
            assert "mismatch, certificate is not valid for" in str(failed)


def test_flags_of_names_are_the_contexts(ca: Identity, tmp_path: Any) -> None:
    """A common name counts where there is no DNS name, and the context says so when the connection is made."""
    server = server_context(ca.issue("common.test", tmp_path, b"email:a@example.test"))
    client = client_context(ca)
    assert Pair(client, server, server_hostname="common.test").outcome() == {}
    client.hostname_checks_common_name = False
    assert "mismatch" in str(Pair(client, server, server_hostname="common.test").outcome()["client"])
    client.hostname_checks_common_name = True
    assert Pair(client, server, server_hostname="common.test").outcome() == {}


@pytest.mark.parametrize("way", ["of the other face", "of another context"])
def test_sessions_stand_for_the_flags_of_their_names(ca: Identity, tmp_path: Any, version: Any, way: str) -> None:
    """A session of a connection for which the common name counts is not resumed where it does not."""
    number = ssl.TLSVersion(version)
    server = server_context(ca.issue("common.test", tmp_path, b"email:a@example.test"), version=number)
    client, other = client_context(ca, version=number), client_context(ca, version=number)
    client.check_hostname = client.hostname_checks_common_name = False
    pair = Pair(client if way == "of the other face" else other, server, server_hostname="common.test")
    if way == "of the other face":
        pair.client.connection.set_verify_host("common.test")
    else:
        pair.client.context = client
    session = pair.handshake().client.session
    same = Pair(client, server, server_hostname="common.test")
    same.client.connection.set_verify_host("common.test")
    same.client.session = session
    assert same.handshake().client.session_reused
    for names in (("check_hostname", "session"), ("session", "check_hostname")):
        stricter = Pair(client, server, server_hostname="common.test")
        for name in names:
            setattr(stricter.client, name, {"check_hostname": True, "session": session}[name])
        assert "mismatch" in str(stricter.outcome()["client"])


def test_anything_true_means_verify(ca: Identity, server_identity: Identity) -> None:
    """A subclass may have a property of its own, which says 1, or anything else that is true."""

    class Own(stdlib.SSLContext):
        said: Any = 1

        @property
        def check_hostname(self) -> Any:
            return self.said

        @check_hostname.setter
        def check_hostname(self, value: object) -> None:
            raise AssertionError

    client: Any = Own(stdlib.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(ca.certificate_file)
    server = server_context(server_identity)
    for client.said, is_refused in (("yes", True), ([0], True), ([], False), (0, False)):
        pair = Pair(client, server, server_hostname="other.test")
        assert pair.client.check_hostname is is_refused
        assert bool(pair.outcome()) is is_refused


@pytest.mark.parametrize("host", ["localhost", "1234", "127.0.0.1", "::1"])
def test_verification_is_turned_off_and_on(ca: Identity, tmp_path: Any, version: Any, host: str) -> None:
    """On one connection, before its handshake; the last word counts."""
    number = ssl.TLSVersion(version)
    server = server_context(ca.issue("x", tmp_path, b"DNS:b.test"), version=number)
    client = client_context(ca, version=number)
    for words, is_refused in (((False,), False), ((False, True), True), ((False, True, False), False), ((True,), True)):
        pair = Pair(client, server, server_hostname=host)
        for word in words:
            pair.client.check_hostname = word
            assert pair.client.check_hostname is word
        assert bool(pair.outcome()) is is_refused, words


# -- sessions ----------------------------------------------------------------------------------------------------------


def test_sessions_are_for_the_host_that_was_verified(ca: Identity, server_identity: Identity, version: Any) -> None:
    """Hosts take turns on one context; a session is resumed for its own host, in any case of letters."""
    number = ssl.TLSVersion(version)
    client, server = client_context(ca, version=number), server_context(server_identity, version=number)
    asked: list[Any] = []
    server.sni_callback = lambda _end, sent, _context: asked.append(sent)
    hosts = ("localhost", "example.test")
    sessions = {host: Pair(client, server, server_hostname=host).handshake().client.session for host in hosts}
    for host in (*hosts, "LOCALHOST", "localhost"):
        for other, session in sessions.items():
            pair = Pair(client, server, server_hostname=host, session=session).handshake()
            assert pair.client.session_reused is (other == host.lower()), (host, other)
            assert asked.pop().lower() == host.lower()  # libssl may tell the session's
    free = Pair(client, server, server_hostname="localhost")
    free.client.check_hostname = False
    free.client.session = sessions["localhost"]
    assert free.handshake().client.session_reused


def test_sessions_are_for_the_address_that_was_verified(ca: Identity, tmp_path: Any, version: Any) -> None:
    """However it is written, and not for a name."""
    number = ssl.TLSVersion(version)
    issued = ca.issue("addresses", tmp_path, b"DNS:a.test,IP:2001:db8::1,IP:2001:db8::2")
    client, server = client_context(ca, version=number), server_context(issued, version=number)
    same = ("2001:db8::1", "2001:DB8::1", "2001:db8:0::1", "2001:db8:0:0:0:0:0:1")
    for host in same:
        session = Pair(client, server, server_hostname=host).handshake().client.session
        for other in (*same, "2001:db8::2", "a.test"):
            pair = Pair(client, server, server_hostname=other, session=session).handshake()
            assert pair.client.session_reused is (other in same), (host, other)
            assert pair.client.server_hostname == other


def test_a_session_of_no_host_is_for_no_host(ca: Identity, server_identity: Identity, version: Any) -> None:
    number = ssl.TLSVersion(version)
    client, server = client_context(ca, version=number), server_context(server_identity, version=number)
    first = Pair(client, server, server_hostname="localhost")
    first.client.check_hostname = False
    session = first.handshake().client.session
    assert not Pair(client, server, server_hostname="localhost", session=session).handshake().client.session_reused
    again = Pair(client, server, server_hostname="localhost", session=session)
    again.client.check_hostname = False
    again.client.session = session
    assert again.handshake().client.session_reused


def test_what_is_demanded_for_a_host_is_the_contexts_at_that_time(
    ca: Identity, server_identity: Identity, version: Any
) -> None:
    """After each change of the context, for the same host as before."""
    number = ssl.TLSVersion(version)
    client, server = client_context(ca, version=number), server_context(server_identity, version=number)
    for _ in range(2):
        for mode in (ssl.CERT_REQUIRED, ssl.CERT_NONE):
            client.check_hostname = False
            client.verify_mode = mode
            client.check_hostname = mode != ssl.CERT_NONE
            pair = Pair(client, server, server_hostname="localhost").handshake()
            assert pair.client.verify_mode == mode
            assert pair.client.check_hostname is (mode != ssl.CERT_NONE)
            session = pair.client.session
            assert Pair(client, server, server_hostname="localhost", session=session).handshake().client.session_reused


# -- pyOpenSSL's method ------------------------------------------------------------------------------------------------


SENT = (b"a", b"localhost", b"1.2.3.4", b"::1", b".", b".a", b"a.", b"a..b", b"\xff\x01 a", b"a" * 255, b"x.1")


def test_any_bytes_are_sent(client: SSL.Context, server: SSL.Context) -> None:
    """pyOpenSSL's method looks at nothing but the length, as libssl does: addresses are sent, too."""
    asked: list[bytes | None] = []
    server.set_tlsext_servername_callback(lambda connection: asked.append(connection.get_servername()))
    for name in SENT:
        for given, named in (([name], {}), ([], {"name": name})):
            pair = helpers.Pair(client, server)
            pair.client.set_tlsext_host_name(b"before")
            pair.client.set_tlsext_host_name(*given, **named)
            pair.handshake()
            assert asked.pop() == name


def test_a_refused_name_leaves_the_one_before(client: SSL.Context, server: SSL.Context) -> None:
    pair = helpers.Pair(client, server)
    pair.client.set_tlsext_host_name(b"before")
    refused: list[tuple[Any, type[Exception], str]] = [
        (b"", SSL.Error, "the server name has 0 bytes, and may have 1 to 255"),
        (b"x" * 256, SSL.Error, "the server name has 256 bytes, and may have 1 to 255"),
        (b"a\0b", TypeError, "NUL"),
        ("text", TypeError, "byte string"),
        (bytearray(b"x"), TypeError, "byte string"),
        (None, TypeError, "byte string"),
    ]
    for name, error, text in refused:
        with pytest.raises(error, match=text):
            pair.client.set_tlsext_host_name(name)
    with pytest.raises(TypeError):
        pair.client.set_tlsext_host_name()  # type: ignore[call-arg]
    pair.handshake()
    assert pair.server.get_servername() == b"before"


def test_the_name_of_the_other_faces_connection(ca: Identity, server_identity: Identity) -> None:
    """A view sets it on the connection that it is of."""
    pair = Pair(client_context(ca), server_context(server_identity))
    pair.client.connection.set_tlsext_host_name(b"example.test")
    pair.handshake()
    assert pair.server.connection.get_servername() == b"example.test"
