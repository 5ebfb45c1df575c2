"""NPN, which Python's ssl had until 3.9: items 94 and 111 of the contract. The peer is ours, or another program."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from openssl_bio import stdlib
from openssl_bio._core._lib import lib
from tests.helpers import Identity
from tests.interop.peers import finished, listening, openssl_server, program
from tests.stdlib.helpers import Pair, client_context, server_context
from tests.stdlib.test_sockets import connected, serving

pytestmark = [
    pytest.mark.skipif(
        not hasattr(lib, "SSL_CTX_set_next_proto_select_cb"), reason="this OpenSSL was built without NPN"
    ),
    pytest.mark.filterwarnings("ignore:ssl NPN is deprecated:DeprecationWarning"),
]
TLS12 = ssl.TLSVersion.TLSv1_2


def offering(context: Any, *names: str) -> Any:
    context.set_npn_protocols(names)
    return context


def selected(connection: Any) -> str | None:
    name: str | None = connection.selected_npn_protocol()
    return name


def test_it_is_deprecated(ca: Identity) -> None:
    """As since Python 3.10, where nothing else is left of it."""
    client = client_context(ca)
    with pytest.warns(DeprecationWarning, match="NPN is deprecated"):
        client.set_npn_protocols(["a"])
    connection = client.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname="localhost")
    with pytest.warns(DeprecationWarning, match="NPN is deprecated"):
        assert connection.selected_npn_protocol() is None


@pytest.mark.parametrize(
    ("known", "advertised", "chosen"),
    [(["a", "b"], ["b", "a"], "b"), (["a"], ["c"], "a"), (["x" * 255], ["x" * 255], "x" * 255)],
    ids=["server's order", "client's own", "longest"],
)
def test_negotiated(ca: Identity, server_identity: Identity, known: Any, advertised: Any, chosen: str) -> None:
    """The server advertises, the client chooses, and both know."""
    client = offering(client_context(ca, version=TLS12), *known)
    pair = Pair(client, offering(server_context(server_identity, version=TLS12), *advertised))
    assert selected(pair.client) is None
    pair.handshake()
    assert selected(pair.client) == selected(pair.server) == chosen


def test_not_negotiated(ca: Identity, server_identity: Identity, version: ssl.TLSVersion) -> None:
    """Nothing on TLS 1.3, which has no NPN; nothing where one end has none, or none any more; nothing beside ALPN."""
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    offering(client, "a")
    assert selected(Pair(client, server).handshake().client) is None
    offering(server, "a")
    expected = "a" if version == TLS12 else None
    assert selected(Pair(client, server).handshake().client) == expected
    client.set_alpn_protocols(["b"])
    server.set_alpn_protocols(["b"])
    pair = Pair(client, server).handshake()
    assert (selected(pair.client), pair.client.selected_alpn_protocol()) == (None, "b")
    client.set_alpn_protocols([])
    offering(client)
    assert selected(Pair(client, server).handshake().client) is None


@pytest.mark.parametrize("names", [[""], ["a" * 256], ["a", ""]], ids=len)
def test_names_of_a_wrong_length(ca: Identity, server_identity: Identity, names: list[str]) -> None:
    client = offering(client_context(ca, version=TLS12), "a")
    server = offering(server_context(server_identity, version=TLS12), "a")
    for context in (client, server):
        with pytest.raises(ssl.SSLError, match="NPN protocols must be 1 to 255 in length"):
            offering(context, *names)
    with pytest.raises(UnicodeEncodeError):
        offering(client, "é")
    assert selected(Pair(client, server).handshake().client) == "a"


def test_sockets(ca: Identity, server_identity: Identity) -> None:
    server = offering(server_context(server_identity, version=TLS12), "a", "b")
    client = offering(client_context(ca, version=TLS12), "b")

    def talk(connection: Any) -> None:
        connection.sendall(str(selected(connection)).encode())

    with serving(server, talk) as address, connected(client, address) as connection:
        assert selected(connection) == "b"
        assert connection.recv(10) == b"b"


def test_openssl_s_client(ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    server = offering(server_context(server_identity, version=TLS12), "a", "b")
    openssl = program("openssl", "openssl")
    seen: list[str | None] = []

    def talk(connection: Any) -> None:
        seen.append(selected(connection))
        connection.unwrap()

    with serving(server, talk) as address:
        command = [openssl, "s_client", "-connect", f"127.0.0.1:{address[1]}", "-nextprotoneg", "b,c", "-tls1_2"]
        done = finished([*command, "-CAfile", str(ca.certificate_file)], b"", tmp_path)
    assert b"Next protocol: (1) b" in done.output
    assert seen == ["b"]


def test_openssl_s_server(ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    client = offering(client_context(ca, version=TLS12), "c", "b")
    files = ["-cert", str(server_identity.certificate_file), "-key", str(server_identity.key_file)]
    command = openssl_server("-nextprotoneg", "a,b", *files, "-tls1_2")
    with (
        listening(lambda: command, tmp_path / "log") as (peer, port),
        connected(client, ("127.0.0.1", port)) as connection,
    ):
        assert selected(connection) == "b"
        assert peer.line("NEXTPROTO is b")
