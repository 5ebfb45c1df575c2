"""One connection as an `SSLObject` and as an `SSL.Connection`, and one context as an `SSLContext` and a `Context`."""

from __future__ import annotations

import contextlib
import copy
import gc
import pickle
import random
import socket
import ssl
import weakref
from typing import Any

import pytest

from openssl_bio import SSL, crypto, stdlib
from tests.helpers import Identity
from tests.stdlib.helpers import Pair, client_context, server_context
from tests.stdlib.views import Both, Views

V13 = ssl.TLSVersion.TLSv1_3


# -- which objects there are -------------------------------------------------------------------------------------------


def test_each_has_one_view(both: Both) -> None:
    for side in ("client", "server"):
        one, other = both.stdlib[side], both.pyopenssl[side]
        assert isinstance(one, stdlib.SSLObject)
        assert isinstance(one, ssl.SSLObject)
        assert isinstance(other, SSL.Connection)
        assert one.connection is one.connection is other
        assert other.ssl_object is other.ssl_object is one
        assert SSL.Connection.from_ssl_object(one) is other
        assert isinstance(one.context, stdlib.SSLContext)
        assert isinstance(other.get_context(), SSL.Context)
        kept = one.context, other.get_context()
        assert kept == (one.context, other.get_context())
        assert one.server_side is (side == "server")


def test_what_is_no_ssl_object(both: Both) -> None:
    end = both.pyopenssl["client"]
    for wrong in (end, end.get_context(), both.stdlib["client"].context, None, "one"):
        with pytest.raises(TypeError, match=r"obj must be an openssl_bio\.stdlib\.SSLObject, not "):
            SSL.Connection.from_ssl_object(wrong)


def test_views_cannot_be_copied_or_made_again(both: Both) -> None:
    for one in (both.stdlib["client"], both.pyopenssl["client"]):
        for copied in (copy.copy, pickle.dumps):
            with pytest.raises(TypeError):
                copied(one)
    context = SSL.Context(SSL.TLS_METHOD)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="initialised before"):
            both.pyopenssl["client"].__init__(context)
        SSL.Connection(context)  # now it is known what this one's connections are made of
    with pytest.raises(TypeError):
        both.stdlib["client"].__init__()


def test_subclasses_have_views(ca: Identity) -> None:
    class Sub(stdlib.SSLObject):
        def read(self, len: int = 1024, buffer: Any = None) -> Any:
            raise AssertionError("the view reads for itself")

    context = client_context(ca)
    context.sslobject_class = Sub
    made = context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname="localhost")
    assert made.connection.ssl_object is made
    with pytest.raises(SSL.WantReadError):
        made.connection.recv(1)


def test_the_context_of_a_view(ca: Identity, server_identity: Identity) -> None:
    """What connections keep is the context itself, also where that is false: so the sessions of all are its own."""

    class Empty(SSL.Context):
        def __len__(self) -> int:
            return 0

    context = Empty(SSL.TLS_METHOD)
    view = SSL.Connection(context).ssl_object.context
    server = server_context(server_identity)
    made = view.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname="localhost")
    assert made.connection.get_context() is context
    pair = Pair(view, server, stdlib.MemoryBIO).handshake()
    session = pair.client.connection.get_session()
    SSL.Connection(context).set_session(session)


def test_what_has_no_ssl_object(ca: Identity) -> None:
    near, far = socket.socketpair()
    with near, far, pytest.raises(TypeError, match="over a socket has no SSLObject"):
        _ = SSL.Connection(SSL.Context(SSL.TLS_METHOD), near).ssl_object
    with pytest.raises(TypeError, match="DTLS connection has no SSLObject"):
        _ = SSL.Connection(SSL.Context(SSL.DTLS_METHOD)).ssl_object


def test_a_connection_without_a_role(ca: Identity) -> None:
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    made = connection.ssl_object
    with pytest.raises(ssl.SSLError):
        made.do_handshake()
    connection = SSL.Connection(SSL.Context(SSL.TLS_METHOD))
    made = connection.ssl_object
    assert made.server_hostname is None
    connection.set_connect_state()
    connection.set_tlsext_host_name(b"example.test")
    assert (made.server_side, made.server_hostname) == (False, "example.test")
    connection.set_accept_state()
    assert (made.server_side, made.server_hostname) == (True, None)


# -- handshake, data, end ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("faces", ["s", "o", "so", "os"])
def test_handshakes_through_either(both: Both, faces: str, version: ssl.TLSVersion) -> None:
    both.handshake(faces)
    for side in ("client", "server"):
        one, other = both.stdlib[side], both.pyopenssl[side]
        assert one.version() == other.get_protocol_version_name()
        assert other.get_protocol_version() == version
        assert one.cipher()[0] == other.get_cipher_name()
        assert one.group() == other.get_group_name()
        assert one.session_reused is other.session_reused() is False
        assert other.get_finished()
    shown = both.pyopenssl["client"].get_peer_certificate()
    assert ssl.DER_cert_to_PEM_cert(both.stdlib["client"].getpeercert(True)).split() == (
        crypto.dump_certificate(crypto.FILETYPE_PEM, shown).decode().split()
    )


def test_data_through_either(both: Both) -> None:
    both.handshake()
    chance = random.Random(5)
    for _ in range(60):
        side = chance.choice(["client", "server"])
        other = {"client": "server", "server": "client"}[side]
        data = chance.randbytes(chance.choice([1, 100, 20_000, 100_000]))
        if chance.random() < 0.5:
            assert both.stdlib[side].write(data) == len(data)
        else:
            assert both.pyopenssl[side].send(data) == len(data)
        both.move()
        found = bytearray()
        while len(found) < len(data):
            size = chance.choice([1, 1000, 50_000])
            way = chance.randrange(5)
            assert both.stdlib[other].pending() == both.pyopenssl[other].pending()
            if way == 0:
                found += both.stdlib[other].read(size)
            elif way == 1:
                found += both.pyopenssl[other].recv(size)
            elif way == 2:
                room = bytearray(size)
                found += room[: both.stdlib[other].read(size, room)]
            elif way == 3:
                room = bytearray(size)
                found += room[: both.pyopenssl[other].recv_into(room)]
            else:
                peeked = both.pyopenssl[other].recv(size, socket.MSG_PEEK)
                found += both.stdlib[other].read(len(peeked))
        assert found == data
    with pytest.raises(ssl.SSLWantReadError):
        both.stdlib["client"].read(1)
    with pytest.raises(SSL.WantReadError):
        both.pyopenssl["client"].recv(1)


@pytest.mark.parametrize("way", ["bio", "one call"])
def test_ciphertext_through_either(views: Views, way: str) -> None:
    """The BIOs that the SSLObject was made with are the Connection's memory."""
    pair = views.pair.handshake()
    connection = views.connections["client"]
    if way == "one call":
        sealed = connection.send_data(b"hello")
        assert pair.to_server.pending == 0
        pair.to_server.write(sealed)
        assert pair.server.read(9) == b"hello"
        pair.server.write(b"hello too")
        assert connection.receive_data(pair.to_client.read()) == b"hello too"
        connection.send(b"and more")
        assert pair.to_server.pending
        assert views.connections["server"].receive_data(connection.data_to_send()) == b"and more"
        return
    pair.client.write(b"hello")
    sealed = connection.bio_read(1 << 16)
    assert pair.to_server.pending == 0
    with pytest.raises(SSL.WantReadError):
        connection.bio_read(1)
    assert views.connections["server"].bio_write(sealed) == len(sealed)
    assert pair.to_server.pending == len(sealed)
    assert pair.server.read(9) == b"hello"
    connection.bio_shutdown()
    for call, error in ((lambda: pair.client.read(1), ssl.SSLEOFError), (lambda: connection.recv(1), SSL.SysCallError)):
        with pytest.raises(error):
            call()


@pytest.mark.parametrize("order", ["so", "os"])
def test_the_end_through_either(both: Both, order: str) -> None:
    both.handshake()
    near, far = both.stdlib["client"], both.pyopenssl["client"]
    if order == "so":
        with pytest.raises(ssl.SSLWantReadError):
            near.unwrap()
    else:
        assert far.shutdown() is False
    assert far.get_shutdown() == SSL.SENT_SHUTDOWN
    both.move()
    with pytest.raises(SSL.ZeroReturnError):
        both.pyopenssl["server"].recv(1)
    assert both.stdlib["server"].read(1) == b""
    assert both.pyopenssl["server"].get_shutdown() == SSL.RECEIVED_SHUTDOWN
    both.stdlib["server"].unwrap()
    both.move()
    if order == "so":
        assert far.shutdown() is True
    else:
        near.unwrap()
    with pytest.raises(ssl.SSLZeroReturnError):
        near.read(1)
    with pytest.raises(SSL.ZeroReturnError):
        far.recv(1)
    for call, error in ((near.write, ssl.SSLError), (far.send, SSL.Error)):
        with pytest.raises(error):
            call(b"x")


@pytest.mark.parametrize("first", ["SSLObject", "Connection"], indirect=True)
def test_renegotiation_through_either(first: str, ca: Identity, server_identity: Identity) -> None:
    both = Both(first, ssl.TLSVersion.TLSv1_2, ca, server_identity).handshake()
    server = both.pyopenssl["server"]
    assert server.renegotiate() is True
    assert server.renegotiate_pending()
    for side in ("server", "client") * 4:
        with contextlib.suppress(ssl.SSLWantReadError):
            both.stdlib[side].do_handshake()
        with contextlib.suppress(SSL.WantReadError):
            both.pyopenssl[side].recv(1)
        both.move()
    assert server.total_renegotiations() == 1
    assert not server.renegotiate_pending()
    both.stdlib["client"].write(b"after it")
    both.move()
    assert both.pyopenssl["server"].recv(99) == b"after it"


# -- errors ------------------------------------------------------------------------------------------------------------


def test_each_raises_its_own_errors(both: Both) -> None:
    """The same failure, as each face tells it, also when it is told again."""
    both.handshake()
    both.pyopenssl["client"].bio_write(b"\x17\x03\x03\x00\x20" + bytes(32))
    for _ in range(2):
        for call, error, others in (
            (lambda: both.stdlib["client"].read(1), ssl.SSLError, SSL.Error),
            (lambda: both.pyopenssl["client"].recv(1), SSL.Error, ssl.SSLError),
            (lambda: both.stdlib["client"].write(b"x"), ssl.SSLError, SSL.Error),
            (lambda: both.pyopenssl["client"].send(b"x"), SSL.Error, ssl.SSLError),
            (both.stdlib["client"].unwrap, ssl.SSLError, SSL.Error),
            (both.pyopenssl["client"].shutdown, SSL.Error, ssl.SSLError),
        ):
            with pytest.raises(error) as caught:
                call()
            assert not isinstance(caught.value, others)
    assert caught.value.args[0]


@pytest.mark.parametrize("face", ["s", "o"])
def test_a_refused_certificate(first: str, face: str, version: ssl.TLSVersion, server_identity: Identity) -> None:
    both = Both(first, version, server_identity, server_identity)  # it trusts no authority
    error: type[Exception] = ssl.SSLCertVerificationError if face == "s" else SSL.VerificationError
    with pytest.raises(error) as caught:
        both.handshake(face)
    found: Any = caught.value
    code = found.verify_code if face == "s" else found.code
    assert code == 20
    with pytest.raises(SSL.VerificationError):
        both.pyopenssl["client"].do_handshake()
    with pytest.raises(ssl.SSLCertVerificationError):
        both.stdlib["client"].do_handshake()


def test_settings_raise_errors_of_the_face_that_is_called(both: Both) -> None:
    with pytest.raises(SSL.Error):
        both.pyopenssl["client"].set_cipher_list(b"nonsense")
    with pytest.raises(SSL.Error):
        both.pyopenssl["client"].get_context().set_cipher_list(b"nonsense")
    with pytest.raises(SSL.Error):
        both.pyopenssl["client"].get_context().load_verify_locations("/nowhere")
    with pytest.raises(ssl.SSLError):
        both.stdlib["client"].context.set_ciphers("nonsense")
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_OR_CRL"):
        both.stdlib["client"].context.load_verify_locations(__file__)
    with pytest.raises(SSL.Error, match="no certificate or CRL"):
        both.pyopenssl["client"].get_context().load_verify_locations(__file__)
    both.handshake()


# -- lifetimes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dropped", ["the first", "the view"])
def test_either_may_be_dropped_first(
    first: str, dropped: str, version: ssl.TLSVersion, ca: Identity, server_identity: Identity
) -> None:
    """The one that is left goes on, callbacks included; behind the last one nothing is left."""
    gc.collect()
    gc.disable()
    try:
        both = Both(first, version, ca, server_identity)
        told: list[Any] = []
        both.pyopenssl["client"].get_context().set_info_callback(lambda *_: told.append(_[0]))
        both.pyopenssl["client"].set_app_data("mine")
        gone = (first == "SSLObject") is (dropped == "the first")
        objects = both.stdlib if gone else both.pyopenssl
        objects.clear()
        left = both.pyopenssl if gone else both.stdlib
        if gone:
            with pytest.raises(SSL.WantReadError):
                left["client"].do_handshake()
            assert left["client"].ssl_object.connection is left["client"]
        else:
            with pytest.raises(ssl.SSLWantReadError):
                left["client"].do_handshake()
            assert left["client"].connection.ssl_object is left["client"]
        assert left["client"].connection.get_app_data() == "mine" if not gone else left["client"].get_app_data()
        watched = weakref.ref(left["client"]), weakref.ref(left["server"])
        told.clear()
        left.clear()
        del both, objects, left
        assert [reference() for reference in watched] == [None, None]
    finally:
        gc.enable()


def test_a_callback_reaches_the_first_object_when_only_the_view_is_left(
    version: ssl.TLSVersion, ca: Identity, server_identity: Identity
) -> None:
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    asked: list[Any] = []
    server.sni_callback = lambda end, name, context: asked.append((type(end), end.server_side, name, context is server))
    pair = Pair(client, server)
    left = pair.client.connection, pair.server.connection
    del pair
    gc.collect()
    for _ in range(4):
        for end in left:
            with contextlib.suppress(SSL.WantReadError):
                end.do_handshake()
    assert asked == [(stdlib.SSLObject, True, "localhost", True)]
    assert left[0].get_protocol_version() == version
