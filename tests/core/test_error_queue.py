"""OpenSSL's error queue is empty before and after every call, whoever left what there."""

from __future__ import annotations

import datetime
import inspect
import socket
from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import SSL, Credential, RedisReplayGuard, SessionCache, TicketKeys, TrustStore, crypto, stdlib
from openssl_bio._core._lib import ffi, lib
from tests.helpers import Identity, Pair, client_context, server_context


def poison() -> int:
    """Leave an error as a careless neighbour does, and return its code."""
    bio = lib.BIO_new_mem_buf(b"nothing", 7)
    assert lib.PEM_read_bio_X509(bio, ffi.NULL, ffi.NULL, ffi.NULL) == ffi.NULL
    lib.BIO_free(bio)
    code: int = lib.ERR_peek_error()
    assert code
    return code


def left_behind(stale: int) -> list[int]:
    """What is in the queue besides the stale error, which a call that never enters OpenSSL leaves alone; empties it."""
    codes = []
    while code := lib.ERR_get_error():
        codes.append(code)
    return [] if codes == [stale] else codes


class World:
    """New objects for each call, and the arguments of all methods by the names of their parameters."""

    def __init__(self, ca: Identity, identity: Identity) -> None:
        self.ca, self.identity = ca, identity
        self.open: list[socket.socket] = []

    def connection(self, version: int) -> SSL.Connection:
        pair = Pair(client_context(version, self.ca), server_context(version, self.identity)).handshake()
        pair.server.send(b"hello")
        pair.move()
        return pair.client

    def ssl_object(self) -> stdlib.SSLObject:
        return self.ssl_context().wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname="example.test")

    def ssl_context(self) -> stdlib.SSLContext:
        return stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)

    def key(self) -> crypto.PKey:
        return crypto.load_privatekey(crypto.FILETYPE_PEM, self.identity.key_file.read_bytes())

    def certificate(self) -> crypto.X509:
        return crypto.load_certificate(crypto.FILETYPE_PEM, self.identity.certificate_file.read_bytes())

    def sock(self) -> socket.socket:
        ours, peers = socket.socketpair()
        peers.close()
        self.open.append(ours)
        return ours

    def argument(self, name: str) -> Any:
        """What to give for a parameter; KeyError if nobody has said yet."""
        values = {each: make for names, make in ARGUMENTS.items() for each in names.split()}
        return values[name](self)


ARGUMENTS: dict[str, Callable[[World], Any]] = {
    "bufsiz size mode mode_to_clear options state depth count level timeout index amount flags": lambda _: 1,
    "crypto_cert crypto_key crypto_req crypto_crl": lambda _: object(),
    "b buf ciphertext plaintext data label userdata": lambda _: b"data",
    "plaintexts": lambda _: [b"a", b"b"],
    "buffer": lambda _: bytearray(10),
    "olen length bits": lambda _: 256,
    "mtu": lambda _: 1400,
    "version": lambda _: 2,
    "type": lambda _: crypto.TYPE_EC,
    "serial": lambda _: 77,
    "name host server_hostname": lambda _: b"example.test",
    "protos": lambda _: [b"h2"],
    "alpn_protocols npn_protocols": lambda _: ["h2"],
    "cipher_list ciphersuites groups sigalgs profiles": lambda _: b"nonsense",
    "cipherlist grouplist sigalgslist": lambda _: "nonsense",
    "callback server_name_callback": lambda _: print,
    "curve": lambda _: crypto.get_elliptic_curve("prime256v1"),
    "context": lambda _: SSL.Context(SSL.TLS_METHOD),
    "session": lambda _: SSL.Session(),
    "obj": lambda _: SSL.Connection(SSL.Context(SSL.TLS_METHOD)).ssl_object,
    "addr": lambda _: ("127.0.0.1", 1),
    "certificate_authority certobj cert issuer_cert": lambda w: w.certificate(),
    "certificate_authorities": lambda w: [w.certificate().get_subject()],
    "issuer subject": lambda w: w.certificate().get_subject(),
    "pkey key issuer_key": lambda w: w.key(),
    "cafile certfile certificate": lambda w: w.identity.certificate_file,
    "keyfile": lambda w: w.identity.key_file,
    "dhfile path": lambda _: "/does/not/exist",
    "when": lambda _: b"20300101000000Z",
    "digest digest_name": lambda _: "sha256",
    "extensions cacerts": lambda _: [],
    "revoked": lambda _: crypto.Revoked(),
    "crl": lambda _: crypto.CRL(),
    "reason": lambda _: b"keyCompromise",
    "hex_str": lambda _: b"7f",
    "vfy_time": lambda _: datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC),
    "incoming outgoing": lambda _: stdlib.MemoryBIO(),
    "sock": lambda w: w.sock(),
    "friendlyname": lambda _: b"a friend",
    "answer": lambda _: True,
    "store": lambda w: TrustStore(w.ca.certificate),
    "cache": lambda _: SessionCache(),
    "keys": lambda _: TicketKeys(),
    "guard": lambda _: RedisReplayGuard(None),
    "credentials": lambda w: Credential.load(w.certificate(), w.key()),
}

OBJECTS: dict[str, Callable[[World], Any]] = {
    "Connection on TLS 1.2": lambda w: w.connection(SSL.TLS1_2_VERSION),
    "Connection on TLS 1.3": lambda w: w.connection(SSL.TLS1_3_VERSION),
    "Connection, new": lambda _: SSL.Connection(SSL.Context(SSL.TLS_METHOD)),
    "Context": lambda _: SSL.Context(SSL.TLS_METHOD),
    "SSLObject": lambda w: w.ssl_object(),
    "SSLContext": lambda w: w.ssl_context(),
    "MemoryBIO": lambda _: stdlib.MemoryBIO(),
    "X509": lambda w: w.certificate(),
    "X509Name": lambda w: w.certificate().get_subject(),
    "X509Req": lambda _: crypto.X509Req(),
    "X509Store": lambda _: crypto.X509Store(),
    "PKey": lambda w: w.key(),
    "CRL": lambda _: crypto.CRL(),
    "Revoked": lambda _: crypto.Revoked(),
    "PKCS12": lambda _: crypto.PKCS12(),
    "NetscapeSPKI": lambda _: crypto.NetscapeSPKI(),
}


def required(call: Callable[..., Any]) -> list[str]:
    """The parameters that have no default."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(call).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind in kinds]


def outcome(world: World, make: Callable[[World], Any], name: str, *, poisoned: bool) -> tuple[str, str]:
    """What using an attribute of a new object leads to: a property is read, a method is called."""
    target = make(world)
    arguments = None
    attribute = inspect.getattr_static(type(target), name)
    if callable(attribute) or isinstance(attribute, (classmethod, staticmethod)):
        arguments = [world.argument(parameter) for parameter in required(getattr(target, name))]
    stale = poison() if poisoned else 0
    try:
        value = getattr(target, name)
        found = "returned", type(value if arguments is None else value(*arguments)).__name__
    except Exception as error:
        found = type(error).__name__, str(error)
    assert left_behind(stale) == []
    return found


@pytest.mark.parametrize("kind", OBJECTS)
def test_every_call(kind: str, ca: Identity, server_identity: Identity) -> None:
    """The same result with a stale error in the queue as without, and an empty queue afterwards."""
    world, make = World(ca, server_identity), OBJECTS[kind]
    target = make(world)
    for name in sorted(name for name in dir(type(target)) if not name.startswith("_")):
        expected = outcome(world, make, name, poisoned=False)
        assert outcome(world, make, name, poisoned=True) == expected, name
    for sock in world.open:
        sock.close()


FUNCTIONS: dict[str, Callable[[World], Any]] = {
    "load_certificate": lambda _: crypto.load_certificate(crypto.FILETYPE_PEM, b"nonsense"),
    "load_privatekey": lambda _: crypto.load_privatekey(crypto.FILETYPE_ASN1, b"nonsense"),
    "load_publickey": lambda _: crypto.load_publickey(crypto.FILETYPE_PEM, b"nonsense"),
    "load_crl": lambda _: crypto.load_crl(crypto.FILETYPE_PEM, b"nonsense"),
    "load_certificate_request": lambda _: crypto.load_certificate_request(crypto.FILETYPE_PEM, b"nonsense"),
    "load_pkcs12": lambda _: crypto.load_pkcs12(b"nonsense"),
    "load_pkcs7_data": lambda _: crypto.load_pkcs7_data(crypto.FILETYPE_PEM, b"nonsense"),
    "dump_certificate": lambda w: crypto.dump_certificate(crypto.FILETYPE_TEXT, w.certificate()),
    "dump_privatekey": lambda w: crypto.dump_privatekey(crypto.FILETYPE_PEM, w.key(), "nonsense", b"x"),
    "sign": lambda w: crypto.sign(w.key(), b"data", "sha256"),
    "verify": lambda w: crypto.verify(w.certificate(), b"no signature", b"data", "sha256"),
    "get_elliptic_curves": lambda _: crypto.get_elliptic_curves(),
    "create_default_context": lambda _: stdlib.create_default_context(),
    "RAND_bytes": lambda _: stdlib.RAND_bytes(4),
    "Context": lambda _: SSL.Context(SSL.TLS_METHOD),
    "SSLContext": lambda w: w.ssl_context(),
    "verify_certificate": lambda w: crypto.X509StoreContext(crypto.X509Store(), w.certificate()).verify_certificate(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function(name: str, ca: Identity, server_identity: Identity) -> None:
    """The same for what is called without an object."""
    world = World(ca, server_identity)
    found = []
    for poisoned in (False, True):
        stale = poison() if poisoned else 0
        try:
            found.append(("returned", type(FUNCTIONS[name](world)).__name__))
        except Exception as error:
            found.append((type(error).__name__, str(error)))
        assert left_behind(stale) == []
    assert found[0] == found[1]
