"""SSLObject: items 71 to 101 of the contract. Where the running Python's ssl can, it answers the same questions."""

from __future__ import annotations

import copy
import gc
import pickle
import socket
import ssl
import weakref
from contextlib import nullcontext
from typing import Any

import pytest

from openssl_bio import stdlib
from tests.helpers import Identity
from tests.stdlib.helpers import Pair, as_newer_ones, client_context, ours, python, server_context, told, wants_read


def answer(call: Any, *arguments: Any) -> Any:
    """What a call returns, or what its exception tells."""
    try:
        return call(*arguments)
    except Exception as error:
        return told(error)


def both(ca: Identity, identity: Identity, version: Any = None, **options: Any) -> list[Pair]:
    """The same pair of ours and of Python's."""
    return [
        Pair(
            client_context(ca, module, version), server_context(identity, module, version), module.MemoryBIO, **options
        )
        for module in (ours, python)
    ]


# -- 71 to 78: making one ---------------------------------------------------------------------------------------------


def test_71_no_public_constructor() -> None:
    class Sub(stdlib.SSLObject):
        pass

    with pytest.raises(TypeError, match=r"^SSLObject does not have a public constructor"):
        stdlib.SSLObject()
    with pytest.raises(TypeError, match=r"^Sub does not have a public constructor"):
        Sub()


@pytest.mark.parametrize("where", ["class", "instance"])
def test_71_sslobject_class(where: str) -> None:
    class Sub(stdlib.SSLObject):
        def __init__(self) -> None:
            raise AssertionError("it is never called")

    class Context(stdlib.SSLContext):
        pass

    context = Context(stdlib.PROTOCOL_TLS_CLIENT)
    (Context if where == "class" else context).sslobject_class = Sub
    assert type(context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname="localhost")) is Sub


@pytest.mark.parametrize("module", [ssl, stdlib], ids=["Python's", "ours"])
def test_71_sslobject_class_with_its_own_create(module: Any) -> None:
    """It is called with two arguments by position, and the others by name."""

    class Sub(module.SSLObject):  # type: ignore[misc]
        @classmethod
        def _create(cls, incoming: Any, outgoing: Any, *, server_hostname: Any, **options: Any) -> Any:
            assert sorted(options) == ["context", "server_side", "session"]
            return super()._create(incoming, outgoing, server_hostname=f"{server_hostname}.test", **options)

    context = module.SSLContext(module.PROTOCOL_TLS_CLIENT)
    context.sslobject_class = Sub
    assert context.wrap_bio(module.MemoryBIO(), module.MemoryBIO(), server_hostname="a").server_hostname == "a.test"


@pytest.mark.parametrize("checks", [True, False])
def test_check_hostname_of_a_subclass(checks: bool) -> None:
    """What a subclass says of itself is in force, also where there is no name."""

    class Sub(stdlib.SSLContext):
        check_hostname = checks  # type: ignore[assignment]

    context = Sub(stdlib.PROTOCOL_TLS_CLIENT)
    stdlib.SSLContext.check_hostname.__set__(context, not checks)  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="check_hostname requires server_hostname") if checks else nullcontext():
        context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO())


@pytest.mark.parametrize("module", [ssl, stdlib], ids=["Python's", "ours"])
def test_callbacks_of_what_has_no_owner(ca: Identity, server_identity: Identity, module: Any) -> None:
    """They are given the socket."""
    given: list[Any] = []
    server, client = server_context(server_identity, module), client_context(ca, module)
    server.sni_callback = lambda *arguments: given.append(arguments[0])
    to_server = module.MemoryBIO()
    hello = client.wrap_bio(module.MemoryBIO(), to_server, server_hostname="localhost")
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        wrapped = server._wrap_socket(near, True)
        assert wants_read(hello.do_handshake)
        far.sendall(to_server.read())
        assert wants_read(wrapped.do_handshake)
    assert given == [near]


def wrap(module: Any, protocol: str, bio: Any = None, **options: Any) -> Any:
    context = module.SSLContext(getattr(module, protocol))
    context.check_hostname = False
    made = context.wrap_bio(bio or module.MemoryBIO(), module.MemoryBIO(), **options)
    return made.server_side, made.server_hostname, made.session, made.session_reused, made.version(), made.cipher()


WRAPS: dict[str, tuple[str, dict[str, Any]]] = {
    "72 name on a server": ("PROTOCOL_TLS_SERVER", {"server_side": True, "server_hostname": "a"}),
    "72 session on a server": ("PROTOCOL_TLS_SERVER", {"server_side": True, "session": 5}),
    "74 server of a client's context": ("PROTOCOL_TLS_CLIENT", {"server_side": True}),
    "74 client of a server's context": ("PROTOCOL_TLS_SERVER", {}),
    "75 name": ("PROTOCOL_TLS_CLIENT", {"server_hostname": "example.test"}),
    "75 case": ("PROTOCOL_TLS_CLIENT", {"server_hostname": "LOCALHOST"}),
    "75 final dot": ("PROTOCOL_TLS_CLIENT", {"server_hostname": "example.test."}),
    "75 odd characters": ("PROTOCOL_TLS_CLIENT", {"server_hostname": "a b_*"}),
    "75 IDNA": ("PROTOCOL_TLS_CLIENT", {"server_hostname": "pythön.org"}),
    "75 compatibility": ("PROTOCOL_TLS_CLIENT", {"server_hostname": "①.com"}),
    "75 bytes": ("PROTOCOL_TLS_CLIENT", {"server_hostname": b"example.test"}),
    "75 bytes outside ASCII": ("PROTOCOL_TLS_CLIENT", {"server_hostname": b"\xff"}),
    "75 int": ("PROTOCOL_TLS_CLIENT", {"server_hostname": 5}),
    "75 empty": ("PROTOCOL_TLS_CLIENT", {"server_hostname": ""}),
    "75 leading dot": ("PROTOCOL_TLS_CLIENT", {"server_hostname": ".example.test"}),
    "75 long label": ("PROTOCOL_TLS_CLIENT", {"server_hostname": "a" * 64}),
    "76 IPv4": ("PROTOCOL_TLS_CLIENT", {"server_hostname": "127.0.0.1"}),
    "76 IPv6": ("PROTOCOL_TLS_CLIENT", {"server_hostname": "::1"}),
}


# The newest Python's; this one may not know it.
NEW = {
    "72 name on a server": (ValueError, None, None, None, "server_hostname can only be specified in client mode"),
    "72 session on a server": (ValueError, None, None, None, "session can only be specified in client mode"),
}


@pytest.mark.parametrize("name", WRAPS)
def test_72_to_76_arguments_of_wrap_bio(name: str) -> None:
    protocol, options = WRAPS[name]
    mine, original = (answer(lambda m=module: wrap(m, protocol, **options)) for module in (ours, python))
    assert mine == NEW.get(name, original)


def test_72_hostname_is_demanded() -> None:
    context = client = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    assert context.check_hostname
    for name in (None, ""):
        with pytest.raises(ValueError, match=r"check_hostname requires server_hostname|label empty"):
            client.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname=name)


@pytest.mark.parametrize("bio", [5, None, b"", bytearray()])
def test_73_wrong_bio(bio: Any) -> None:
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER)
    with pytest.raises(TypeError, match=r"argument 'incoming' must be _ssl.MemoryBIO, not "):
        context.wrap_bio(bio, stdlib.MemoryBIO(), server_side=True)
    with pytest.raises(TypeError, match=r"argument 'outgoing' must be _ssl.MemoryBIO, not "):
        context.wrap_bio(stdlib.MemoryBIO(), bio, server_side=True)


def test_75_zero_byte() -> None:
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    with pytest.raises(TypeError):
        context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname="a\0b")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_76_server_name_is_sent_for_names_alone(ca: Identity, server_identity: Identity, host: str) -> None:
    told_names = []
    for module in (ours, python):
        server = server_context(server_identity, module)
        server.sni_callback = lambda _connection, name, _context: told_names.append(name)
        Pair(client_context(ca, module), server, module.MemoryBIO, server_hostname=host).handshake()
    assert told_names == ([host, host] if host == "localhost" else [None, None])


def test_77_write_seals_all(done: Pair) -> None:
    assert done.client.write(bytes(300000)) == 300000
    received = 0
    while received < 300000:
        received += len(done.server.read(1 << 20))


def test_77_servers_that_verify_can_resume(ca: Identity, server_identity: Identity, client_identity: Identity) -> None:
    client, server = client_context(ca), server_context(server_identity)
    client.load_cert_chain(client_identity.certificate_file, client_identity.key_file)
    server.verify_mode = ours.CERT_REQUIRED
    server.load_verify_locations(ca.certificate_file)
    session = Pair(client, server).handshake().client.session
    again = Pair(client, server, session=session).handshake()
    assert again.client.session_reused
    assert again.server.session_reused


def test_78_lifetimes(done: Pair) -> None:
    context = weakref.ref(done.client.context)
    connection = weakref.ref(done.client)
    done.client.any_attribute = 1
    gc.disable()
    try:
        done.client = None
        assert connection() is None
        assert context() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("function", [copy.copy, pickle.dumps], ids=["copy", "pickle"])
def test_78_neither_copied_nor_pickled(done: Pair, function: Any) -> None:
    for thing in (done.client, done.client.context, done.client.session, done.to_client):
        with pytest.raises(TypeError):
            function(thing)


# -- 79 to 91: input and output ---------------------------------------------------------------------------------------

# What two connected ends answer to a number of calls, one after the other.
SCRIPTS: dict[str, list[Any]] = {
    "79 want read": [lambda p: p.client.read(10)],
    "82 lengths": [
        lambda p: p.server.write(b"hello"),
        lambda p: p.client.read(0),
        lambda p: p.client.read(-1),
        lambda p: p.client.read(2),
        lambda p: p.client.pending(),
        lambda p: p.client.read(True),
        lambda p: p.client.read(),
    ],
    "82 into a buffer": [
        lambda p: p.server.write(b"hello world"),
        lambda p: p.client.read(5, bytearray(3)),
        lambda p: p.client.read(2, bytearray(10)),
        lambda p: p.client.read(0, bytearray(1)),
        lambda p: p.client.read(-7, bytearray(2)),
        lambda p: p.client.read(9, bytearray(0)),
        lambda p: p.client.read(9, b"read only"),
        lambda p: p.client.read(9, 5)[0],
        lambda p: p.client.read(99, memoryview(bytearray(99))),
    ],
    "83 close": [
        lambda p: p.server.unwrap(),
        lambda p: p.client.read(10),
        lambda p: p.client.read(10, bytearray(10)),
        lambda p: p.client.write(b"half open"),
        lambda p: p.server.read(10),
        lambda p: p.client.unwrap(),
        lambda p: p.client.read(10),
        lambda p: p.client.read(10, bytearray(10)),
        lambda p: p.server.unwrap(),
        lambda p: p.server.read(10),
    ],
    "84 cut": [
        lambda p: p.to_client.write_eof(),
        lambda p: p.client.read(10),
    ],
    "86 nothing to write": [lambda p: p.client.write(b""), lambda p: p.to_server.pending],
    "86 wrong types": [lambda p: p.client.write("text")[0], lambda p: p.client.write(5)[0]],
    "87 write after the peer's end": [lambda p: p.to_client.write_eof(), lambda p: p.client.write(b"x")],
    "87 write after unwrap": [
        lambda p: p.client.unwrap(),
        lambda p: p.server.unwrap(),
        lambda p: p.client.unwrap(),
        lambda p: p.client.write(b"x"),
    ],
    "88 pending data at unwrap": [lambda p: p.server.write(b"x"), lambda p: p.client.unwrap()],
    "88 peer has closed": [lambda p: p.server.unwrap(), lambda p: p.client.unwrap(), lambda p: p.server.unwrap()],
    "88 end at unwrap": [lambda p: p.to_client.write_eof(), lambda p: p.client.unwrap()],
    "89 handshake again": [lambda p: p.client.do_handshake(), lambda p: p.client.pending()],
    "92 certificates": [
        lambda p: p.client.getpeercert(),
        lambda p: p.client.getpeercert(True),
        lambda p: p.client.getpeercert(binary_form=True),
        lambda p: p.server.getpeercert(),
        lambda p: p.server.getpeercert(True),
    ],
    "94 negotiated": [
        lambda p: (p.client.cipher(), p.server.cipher()),
        lambda p: (p.client.version(), p.server.version()),
        lambda p: (p.client.compression(), p.client.selected_alpn_protocol()),
        lambda p: (p.client.shared_ciphers(), p.server.shared_ciphers()),
    ],
    "95 bindings": [lambda p: p.client.get_channel_binding("other")],
    "97 session": [
        lambda p: p.client.session is p.client.session,
        lambda p: p.client.session == p.client.session,
        lambda p: p.client.session != p.client.session,
        lambda p: p.client.session == 5,
        lambda p: hash(p.client.session),
        lambda p: (p.client.session.has_ticket, p.client.session.timeout, p.client.session.ticket_lifetime_hint),
        lambda p: (type(p.client.session.time), len(p.client.session.id)),
        lambda p: p.client.session < p.client.session,
    ],
    "98 setting a session": [
        lambda p: setattr(p.client, "session", 5),
        lambda p: setattr(p.client, "session", None),
        lambda p: setattr(p.client, "session", p.client.session),
        lambda p: setattr(p.server, "session", p.server.session),
    ],
    "100 setting a context": [
        lambda p: setattr(p.client, "context", 5),
        lambda p: setattr(p.client, "context", None),
        lambda p: setattr(p.client, "context", p.client.context),
    ],
    "100 read-only": [
        lambda p: setattr(p.client, "server_side", 5),
        lambda p: setattr(p.client, "server_hostname", 5),
        lambda p: setattr(p.client, "session_reused", 5),
    ],
    "101 asking for a certificate": [
        lambda p: p.server.verify_client_post_handshake(),
        lambda p: p.client.verify_client_post_handshake(),
    ],
}
# Texts of Python itself that name the type or the method; what counts is the type of the exception.
UNTOLD = {"82 into a buffer", "86 wrong types", "97 session", "98 setting a session", "100 read-only"}
BEFORE: dict[str, list[Any]] = {
    "85 a message that is none": [
        lambda p: p.client.do_handshake(),
        lambda p: p.to_server.read() and None,
        lambda p: p.to_server.write(b"GET / HTTP/1.0\r\n\r\n"),
        lambda p: p.server.do_handshake(),
    ],
    "86 write begins the handshake": [lambda p: p.client.write(b"x"), lambda p: p.to_server.pending > 0],
    "86 read begins the handshake": [lambda p: p.client.read(1), lambda p: p.to_server.pending > 0],
    "88 unwrap before the handshake": [lambda p: p.client.unwrap()],
    "84 end in the handshake": [
        lambda p: p.client.do_handshake(),
        lambda p: p.to_client.write_eof(),
        lambda p: p.client.do_handshake(),
    ],
    "92 before the handshake": [
        lambda p: p.client.getpeercert(),
        lambda p: (p.client.version(), p.client.cipher(), p.client.compression(), p.client.session),
        lambda p: (p.client.selected_alpn_protocol(), p.client.shared_ciphers(), p.client.session_reused),
        lambda p: (p.client.get_channel_binding(), p.client.pending()),
    ],
    "101 before the handshake": [lambda p: p.server.verify_client_post_handshake()],
}


@as_newer_ones
@pytest.mark.parametrize("name", SCRIPTS)
def test_79_to_101_as_the_original(name: str, ca: Identity, server_identity: Identity, version: Any) -> None:
    pairs = [pair.handshake() for pair in both(ca, server_identity, version)]
    for step, call in enumerate(SCRIPTS[name]):
        mine, original = (answer(call, pair) for pair in pairs)
        if name in UNTOLD and isinstance(mine, tuple) and isinstance(mine[0], type):
            mine, original = mine[:1], original[:1]
        assert mine == original, step


@as_newer_ones
@pytest.mark.parametrize("name", BEFORE)
def test_84_to_101_before_the_handshake(name: str, ca: Identity, server_identity: Identity, version: Any) -> None:
    pairs = both(ca, server_identity, version)
    for step, call in enumerate(BEFORE[name]):
        mine, original = (answer(call, pair) for pair in pairs)
        assert mine == original, step


def test_79_errors_have_attributes(done: Pair) -> None:
    with pytest.raises(ssl.SSLWantReadError) as caught:
        done.client.read(1)
    error = caught.value
    assert (error.errno, error.strerror) == (ssl.SSL_ERROR_WANT_READ, "The operation did not complete (read)")
    assert (error.library, error.reason, str(error)) == (None, None, error.strerror)
    assert type(error.errno) is int


def test_82_read_takes_several_records(done: Pair) -> None:
    """A difference: Python's stops after one record."""
    for data in (b"abc", b"def", b"ghi"):
        done.server.write(data)
    assert done.client.read(7) == b"abcdefg"
    assert done.client.read(7) == b"hi"


def test_83_half_close(done: Pair) -> None:
    """After our unwrap() wanted to read, the peer's data still comes."""
    assert wants_read(done.client.unwrap)
    assert done.server.read(1) == b""
    done.server.write(b"still here")
    assert done.client.read(100) == b"still here"


@pytest.mark.parametrize("into", [False, True], ids=["bytes", "buffer"])
def test_83_an_end_behind_data_is_pending(ca: Identity, server_identity: Identity, version: Any, into: bool) -> None:
    """Who reads as long as something is in the BIO or pending, as uvloop does, comes to the end; Python's as well."""
    for pair in both(ca, server_identity, version):
        pair.handshake()
        pair.server.write(b"all there is")
        assert wants_read(pair.server.unwrap)
        found = []
        while pair.to_client.pending > 0 or pair.client.pending() > 0:
            found.append(pair.client.read(1 << 18, bytearray(100)) if into else pair.client.read(1 << 18))
        assert found == ([12, 0] if into else [b"all there is", b""])
        assert pair.client.pending() == 0


def test_84_cut_again_and_again(done: Pair) -> None:
    done.to_client.write_eof()
    for _ in range(3):
        with pytest.raises(ssl.SSLEOFError) as caught:
            done.client.read(10)
        assert (caught.value.errno, caught.value.reason) == (ssl.SSL_ERROR_EOF, "UNEXPECTED_EOF_WHILE_READING")
        assert "EOF occurred in violation of protocol" in str(caught.value)


def test_84_option_to_ignore_it(ca: Identity, server_identity: Identity, version: Any, bio: Any) -> None:
    client = client_context(ca, version=version)
    client.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    pair = Pair(client, server_context(server_identity, version=version), bio).handshake()
    pair.to_client.write_eof()
    assert pair.client.read(10) == b""


def test_85_the_same_error_again(ca: Identity, server_identity: Identity) -> None:
    """Each call after a fatal error raises that error."""
    pair = Pair(client_context(ca), server_context(server_identity))
    pair.to_server.write(b"GET / HTTP/1.0\r\n\r\n")
    seen = [answer(call) for call in [pair.server.do_handshake] * 2 + [lambda: pair.server.write(b"x")]]
    assert seen[0][3] == "HTTP_REQUEST"
    assert seen[1:] == seen[:1] * 2


def test_86_buffers(done: Pair) -> None:
    """Any contiguous buffer is written as its bytes; others are refused."""
    assert done.client.write(memoryview(b"abcd").cast("H")) == 4
    assert done.server.read(10) == b"abcd"
    with pytest.raises(BufferError):
        done.client.write(memoryview(b"abcd")[::2])


def test_88_bytes_after_close_notify_stay(done: Pair) -> None:
    """What follows the TLS connection can be read from the incoming BIO."""
    assert wants_read(done.client.unwrap)
    done.server.unwrap()
    done.to_client.write(b"in the open")
    done.client.unwrap()
    assert done.to_client.read() == b"in the open"


def test_90_tickets_come_with_the_first_read(ca: Identity, server_identity: Identity) -> None:
    pair = Pair(client_context(ca), server_context(server_identity))
    assert not pair.outcome()
    assert not pair.client.session.has_ticket
    assert wants_read(lambda: pair.client.read(1))
    assert pair.client.session.has_ticket


# -- 92 to 101: asking ------------------------------------------------------------------------------------------------


def test_92_unverified_certificate(ca: Identity, server_identity: Identity) -> None:
    """Without verification the dict is empty, and DER is there."""
    for module in (ours, python):
        client = client_context(ca, module)
        client.check_hostname = False
        client.verify_mode = module.CERT_NONE
        pair = Pair(client, server_context(server_identity, module), module.MemoryBIO).handshake()
        assert pair.client.getpeercert() == {}
        assert pair.client.getpeercert(True) == ssl.PEM_cert_to_DER_cert(server_identity.certificate_file.read_text())


def test_93_chains(ca: Identity, server_identity: Identity, client_identity: Identity, version: Any) -> None:
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    client.load_cert_chain(client_identity.certificate_file, client_identity.key_file)
    server.verify_mode = ours.CERT_REQUIRED
    server.load_verify_locations(ca.certificate_file)
    pair = Pair(client, server)
    assert pair.client.get_verified_chain() == pair.client.get_unverified_chain() == []
    pair.handshake()
    root, near, far = (
        ssl.PEM_cert_to_DER_cert(identity.certificate_file.read_text())
        for identity in (ca, client_identity, server_identity)
    )
    assert pair.client.get_verified_chain() == [far, root]
    assert pair.client.get_unverified_chain() == [far, root]  # libssl adds what the server trusts
    assert pair.server.get_verified_chain() == [near, root]
    assert pair.server.get_unverified_chain() == [near, root]  # with the leaf, which libssl leaves out on servers


def test_95_channel_bindings(done: Pair, version: Any) -> None:
    """Both ends have the same bytes; tls-unique is for TLS 1.2, tls-exporter for TLS 1.3."""
    right, wrong = "tls-unique", "tls-exporter"
    if version == ssl.TLSVersion.TLSv1_3:
        right, wrong = wrong, right
    binding = done.client.get_channel_binding(right)
    assert binding == done.server.get_channel_binding(right)
    assert len(binding) == (32 if right == "tls-exporter" else 12)
    with pytest.raises(ValueError, match=right):
        done.client.get_channel_binding(wrong)


def test_95_binding_of_a_resumed_connection(ca: Identity, server_identity: Identity) -> None:
    """On resumption the server's Finished comes first; Python's ssl agrees."""
    bindings = []
    for module in (ours, python):
        client = client_context(ca, module, ssl.TLSVersion.TLSv1_2)
        server = server_context(server_identity, module, ssl.TLSVersion.TLSv1_2)
        session = Pair(client, server, module.MemoryBIO).handshake().client.session
        pair = Pair(client, server, module.MemoryBIO, session=session).handshake()
        assert pair.client.session_reused
        bindings.append((pair.client.get_channel_binding(), pair.server.get_channel_binding()))
    assert all(near == far for near, far in bindings)


def test_96_group(done: Pair) -> None:
    assert done.client.group() == done.server.group()
    assert done.client.group().upper().startswith("X25519")


def test_96_signatures(done: Pair) -> None:
    if not ours.OPENSSL_VERSION_INFO >= (3, 5):
        for name in ("client_sigalg", "server_sigalg"):
            with pytest.raises(NotImplementedError, match=r"OpenSSL 3\.5"):
                getattr(done.client, name)()
        return
    assert done.client.server_sigalg() == done.server.server_sigalg() == "ecdsa_secp256r1_sha256"
    assert done.client.client_sigalg() is None


def test_97_sessions_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="cannot create 'SSLSession' instances"):
        stdlib.SSLSession()


def test_98_session_of_another_context(ca: Identity, server_identity: Identity) -> None:
    session = Pair(client_context(ca), server_context(server_identity)).handshake().client.session
    with pytest.raises(ValueError, match=r"Session refers to a different SSLContext\."):
        Pair(client_context(ca), server_context(server_identity), session=session)


def test_98_session_of_other_settings(ca: Identity, server_identity: Identity) -> None:
    """What was verified for one name, or before a change of trust, is not resumed for another."""
    client, server = client_context(ca), server_context(server_identity)
    session = Pair(client, server).handshake().client.session
    assert Pair(client, server, session=session).handshake().client.session_reused
    other = Pair(client, server, session=session, server_hostname="example.test").handshake()
    assert not other.client.session_reused
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    client.verify_flags &= ~ssl.VERIFY_X509_STRICT
    assert not Pair(client, server, session=session).handshake().client.session_reused


def test_99_a_dropped_connection_leaves_its_session_usable(
    ca: Identity, server_identity: Identity, version: Any
) -> None:
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    pair = Pair(client, server).handshake()
    session = pair.client.session
    pair.client = pair.server = None
    assert Pair(client, server, session=session).handshake().client.session_reused


def test_101_certificate_after_the_handshake(
    ca: Identity, server_identity: Identity, client_identity: Identity
) -> None:
    """The server asks with its next write, the client answers with its next, and is known with the server's read."""
    for module in (ours, python):
        client, server = client_context(ca, module), server_context(server_identity, module)
        client.load_cert_chain(client_identity.certificate_file, client_identity.key_file)
        client.post_handshake_auth = server.post_handshake_auth = True
        server.verify_mode = module.CERT_REQUIRED
        server.load_verify_locations(ca.certificate_file)
        pair = Pair(client, server, module.MemoryBIO).handshake()
        assert pair.server.getpeercert() is None
        pair.server.verify_client_post_handshake()
        pair.server.write(b"who are you?")
        assert pair.client.read(100) == b"who are you?"
        pair.client.write(b"me")
        assert pair.server.read(100) == b"me"
        assert pair.server.getpeercert()["subject"] == ((("commonName", "a client"),),)
