"""Connections of a context that has made some before, and was changed in between; and what `wrap_bio` is given."""

from __future__ import annotations

import gc
import ssl
import threading
import weakref
from typing import Any

import pytest

from openssl_bio import SSL, SessionCache, TrustStore, stdlib
from tests.helpers import Identity
from tests.stdlib.helpers import VERSIONS, Pair, client_context, ours, server_context

BIOS = [pytest.param(stdlib.MemoryBIO, id="our BIOs"), pytest.param(ssl.MemoryBIO, id="Python's BIOs")]


def made(context: Any, bio: Any = stdlib.MemoryBIO, **options: Any) -> Any:
    return context.wrap_bio(bio(), bio(), **options)


@pytest.mark.parametrize("bio", BIOS)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_second_is_as_the_first(version: Any, bio: Any, ca: Identity, server_identity: Identity) -> None:
    """Both sides, with a name that is verified."""
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    for _ in range(3):
        pair = Pair(client, server, bio).handshake()
        assert (pair.client.server_side, pair.server.server_side) == (False, True)
        assert (pair.client.server_hostname, pair.server.server_hostname) == ("localhost", None)
        assert (pair.client.context, pair.server.context) == (client, server)
        assert pair.client.check_hostname
        pair.client.write(b"question")
        assert pair.server.read(100) == b"question"


@pytest.mark.parametrize("bio", BIOS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_wrong_name_is_found_each_time(version: Any, bio: Any, ca: Identity, server_identity: Identity) -> None:
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    for _ in range(3):
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            Pair(client, server, bio, server_hostname="elsewhere.test").handshake()


def test_check_hostname_switched(ca: Identity) -> None:
    """Each time the next connection is as the context says then."""
    context = client_context(ca)
    for _ in range(2):
        context.check_hostname = True
        for _ in range(2):
            with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
                made(context)
            with pytest.raises(ValueError, match="check_hostname requires server_hostname"):
                made(context, server_hostname="")
            assert made(context, server_hostname="localhost").check_hostname
        context.check_hostname = False
        for _ in range(2):
            assert not made(context).check_hostname
            assert not made(context, server_hostname="localhost").check_hostname


@pytest.mark.parametrize("side", [ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER])
def test_post_handshake_auth_switched(side: Any) -> None:
    context = ours.SSLContext(side)
    options: Any = {"server_side": True} if side is ssl.PROTOCOL_TLS_SERVER else {"server_hostname": "localhost"}
    for wanted in (False, True, False, True):
        context.post_handshake_auth = wanted
        for _ in range(3):
            assert made(context, **options).post_handshake_auth is wanted


@pytest.mark.parametrize("version", VERSIONS)
def test_session_cache_set_later(version: Any, ca: Identity, server_identity: Identity) -> None:
    """A context that has made connections resumes the sessions of those that it makes from then on."""
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    for _ in range(2):
        assert not Pair(client, server).handshake().client.session_reused
    client.session_cache = SessionCache()
    resumed = []
    for _ in range(3):
        pair = Pair(client, server).handshake()
        pair.server.write(b"after the ticket")
        assert pair.client.read(100) == b"after the ticket"
        resumed.append(pair.client.session_reused)
    assert resumed == [False, True, True]
    client.session_cache = None
    assert not Pair(client, server).handshake().client.session_reused


def test_trust_that_changes_between(ca: Identity, server_identity: Identity) -> None:
    """The context's own, and that of a store which others use as well."""
    client, server = ours.SSLContext(ours.PROTOCOL_TLS_CLIENT), server_context(server_identity)
    for _ in range(2):
        with pytest.raises(ssl.SSLCertVerificationError):
            Pair(client, server).handshake()
    client.load_verify_locations(ca.certificate_file)
    for _ in range(2):
        Pair(client, server).handshake()
    client.use_trust_store(TrustStore())
    for _ in range(2):
        with pytest.raises(ssl.SSLCertVerificationError):
            Pair(client, server).handshake()


def test_class_of_connections(ca: Identity) -> None:
    """A class of the user's is asked whenever the context or its class says so, and its ``_create`` is called."""

    class Own(stdlib.SSLObject):
        created = 0

        @classmethod
        def _create(cls, *arguments: Any, **options: Any) -> Any:
            cls.created += 1
            return super()._create(*arguments, **options)

    context = client_context(ca)
    for kind in (stdlib.SSLObject, Own, stdlib.SSLObject, Own):
        context.sslobject_class = kind
        for _ in range(2):
            assert type(made(context, server_hostname="localhost")) is kind
    assert Own.created == 4


class Asked:
    """A descriptor that only knows what to say of objects."""

    def __get__(self, context: Any, kind: type) -> bool:
        context.asked += 1
        return False

    def __set__(self, context: Any, value: object) -> None:
        raise AssertionError


def ask(context: Any) -> bool:
    context.asked += 1
    return False


@pytest.mark.parametrize("kind", [property(ask), Asked()], ids=["property", "descriptor"])
def test_subclass_that_has_a_property(kind: Any) -> None:
    """A subclass's own ``check_hostname`` is asked for each connection."""

    class Lax(stdlib.SSLContext):
        check_hostname, asked = kind, 0

    context: Any = type("Sub", (Lax,), {})(ssl.PROTOCOL_TLS_CLIENT)
    for count in (1, 2, 3):
        assert made(context).server_hostname is None
        assert context.asked == count


def test_subclass_that_sets_something_when_it_is_asked_for_its_class() -> None:
    class Own(stdlib.SSLContext):
        @property
        def sslobject_class(self) -> Any:
            self.post_handshake_auth = not self.post_handshake_auth
            return stdlib.SSLObject

    context = Own(ssl.PROTOCOL_TLS_CLIENT)
    for _ in range(4):
        wanted = not context.post_handshake_auth
        assert made(context, server_hostname="localhost").post_handshake_auth is wanted


def test_both_faces_take_turns(client: SSL.Context, ca: Identity) -> None:
    """One context makes connections of either face, whichever made the first."""
    seen: Any = SSL.Connection(client, None).ssl_object.context
    for _ in range(3):
        assert SSL.Connection(client, None).get_context() is client
        assert made(seen).context is seen
    theirs = client_context(ca)
    view = made(theirs, server_hostname="localhost").connection.get_context()
    for _ in range(3):
        with pytest.raises(TypeError, match="context must be a Context instance"):
            SSL.Connection(theirs, None)
        assert SSL.Connection(view, None).get_context() is view
        assert made(theirs, server_hostname="localhost").context is theirs


def test_how_it_may_be_called(ca: Identity, server_identity: Identity) -> None:
    """By position and by name, as Python's; and what is refused is refused each time."""
    client, server = client_context(ca), server_context(server_identity)
    a, b = stdlib.MemoryBIO(), stdlib.MemoryBIO()
    other = Pair(client_context(ca), server).handshake().client.session
    for _ in range(2):
        assert client.wrap_bio(a, b, False, "localhost", None).server_hostname == "localhost"
        assert client.wrap_bio(outgoing=a, incoming=b, server_hostname="localhost").server_hostname == "localhost"
        assert client.wrap_bio(a, b, server_hostname=b"localhost").server_hostname == "localhost"
        assert client.wrap_bio(a, b, server_hostname="bücher.test").server_hostname == "xn--bcher-kva.test"
        assert server.wrap_bio(a, b, 1).server_side
        refused: list[tuple[Any, tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
            (client, (), {}, TypeError, "missing 2 required positional arguments"),
            (client, (a,), {"server_hostname": "xy"}, TypeError, "missing 1 required positional argument"),
            (client, (a, b), {"incoming": a}, TypeError, "multiple values for argument 'incoming'"),
            (client, (a, b), {"hostname": "xy"}, TypeError, "unexpected keyword argument 'hostname'"),
            (client, (a, b, False, "xy", None, b""), {}, TypeError, "takes from 3 to 6 positional arguments"),
            (client, (a, None), {"server_hostname": "xy"}, TypeError, "'outgoing' must be _ssl.MemoryBIO"),
            (client, (b"", b), {"server_hostname": "xy"}, TypeError, "'incoming' must be _ssl.MemoryBIO"),
            (client, (a, b, True), {}, ssl.SSLError, "Cannot create a server socket with a PROTOCOL_TLS_CLIENT"),
            (server, (a, b), {}, ssl.SSLError, "Cannot create a client socket with a PROTOCOL_TLS_SERVER"),
            (server, (a, b, True, "xy"), {}, ValueError, "server_hostname can only be specified in client mode"),
            (client, (a, b), {"server_hostname": ".x"}, UnicodeError, "label empty"),
            (client, (a, b), {"server_hostname": "x\0y"}, TypeError, "null bytes"),
            (client, (a, b), {"server_hostname": 5}, AttributeError, "decode"),
            (client, (a, b, False, "xy", "session"), {}, TypeError, r"Value is not a SSLSession\."),
            (client, (a, b, False, "xy", other), {}, ValueError, r"Session refers to a different SSLContext\."),
            (client, (a, b, False, None, other), {}, ValueError, "check_hostname requires server_hostname"),
            (server, (a, b, True, None, other), {}, ValueError, "session can only be specified in client mode"),
        ]
        for context, arguments, options, error, words in refused:
            with pytest.raises(error, match=words):
                context.wrap_bio(*arguments, **options)


def test_name_of_which_nothing_is_left(ca: Identity) -> None:
    """It is refused with the same words each time: which ones depends on what encodes it."""
    context = client_context(ca)
    refusals = set()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"check_hostname requires server_hostname|label empty") as refusal:
            made(context, server_hostname="\N{SOFT HYPHEN}")
        refusals.add(str(refusal.value))
        made(context, server_hostname="localhost")
    assert len(refusals) == 1


FACES: Any = pytest.mark.parametrize(
    ("new", "connect"),
    [
        (lambda: stdlib.SSLContext(ssl.PROTOCOL_TLS_SERVER), lambda context: made(context, server_side=True)),
        (lambda: SSL.Context(SSL.TLS_METHOD), SSL.Connection),
        (lambda: SSL.Context(SSL.DTLS_METHOD), SSL.Connection),
    ],
    ids=["stdlib", "SSL", "DTLS"],
)


@FACES
def test_a_context_that_made_connections_is_freed(new: Any, connect: Any) -> None:
    """At once, with the last of them, and without the collector."""
    context = new()
    gc.collect()
    gc.disable()
    try:
        freed = weakref.ref(context)
        connections = [connect(context) for _ in range(3)]
        del context
        assert freed() is not None
        del connections
        assert freed() is None
    finally:
        gc.enable()


@FACES
def test_a_context_whose_callback_knows_it_is_collected(new: Any, connect: Any) -> None:
    context = new()
    context.set_client_hello_callback(lambda *_arguments, kept=context: kept.session_stats())
    freed = weakref.ref(context)
    context.latest = [connect(context) for _ in range(3)]
    del context
    gc.collect()
    assert freed() is None


def test_settings_that_other_threads_change(ca: Identity) -> None:
    """Who has set something finds it in the next connection that he makes."""
    context = client_context(ca)
    stop, wrong = threading.Event(), []

    def make() -> None:
        while not stop.is_set():
            made(context, server_hostname="localhost")

    makers = [threading.Thread(target=make) for _ in range(2)]
    for maker in makers:
        maker.start()
    for round_ in range(300):
        wanted = bool(round_ % 2)
        context.check_hostname = wanted
        if made(context, server_hostname="localhost").check_hostname is not wanted:
            wrong.append(round_)
        context.post_handshake_auth = wanted
        if made(context, server_hostname="localhost").post_handshake_auth is not wanted:
            wrong.append(round_)
    stop.set()
    for maker in makers:
        maker.join()
    assert wrong == []
