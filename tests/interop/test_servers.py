"""Our client with other programs' servers: openssl s_server, gnutls-serv and node."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from openssl_bio import SSL
from tests.helpers import Identity, client_context, new_authority
from tests.interop.peers import Command, Link, Peer, connected, gnutls_server, listening, openssl_server, program

DOTTED = {SSL.TLS1_2_VERSION: "1.2", SSL.TLS1_3_VERSION: "1.3"}
PAYLOAD = random.Random(2).randbytes(1 << 20)


@dataclass(frozen=True)
class Setup:
    """What a server is told to do."""

    version: int
    identity: Identity
    folder: Path
    client_ca: Path | None = None
    alpn: str | None = None

    @property
    def payload(self) -> Path:
        return self.folder / "payload"


def s_server(setup: Setup) -> Command:
    command, marker = openssl_server("-WWW", f"-tls{DOTTED[setup.version].replace('.', '_')}")
    command += ["-cert", str(setup.identity.certificate_file), "-key", str(setup.identity.key_file)]
    if setup.client_ca is not None:
        command += ["-Verify", "1", "-verify_return_error", "-CAfile", str(setup.client_ca)]
    if setup.alpn is not None:
        command += ["-alpn", setup.alpn]
    return command, marker


def gnutls_serv(setup: Setup) -> Command:
    command, marker = gnutls_server("--http", "--httpdata", str(setup.payload))
    command += ["--x509certfile", str(setup.identity.certificate_file), "--x509keyfile", str(setup.identity.key_file)]
    command += ["--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{DOTTED[setup.version]}"]
    if setup.client_ca is not None:
        command += ["--x509cafile", str(setup.client_ca), "--require-client-cert", "--verify-client-cert"]
    if setup.alpn is not None:
        command += ["--alpn", setup.alpn]
    return command, marker


def node(setup: Setup) -> Command:
    version = f"TLSv{DOTTED[setup.version]}"
    options: dict[str, object] = {"payload": str(setup.payload), "minVersion": version, "maxVersion": version}
    options |= {"cert": str(setup.identity.certificate_file), "key": str(setup.identity.key_file)}
    if setup.client_ca is not None:
        options |= {"ca": str(setup.client_ca), "requestCert": True, "rejectUnauthorized": True}
    if setup.alpn is not None:
        options["ALPNProtocols"] = [setup.alpn]
    script = str(Path(__file__).with_name("server.js"))
    return [program("node", "nodejs"), script, json.dumps(options)], "listening"


Server = Callable[[Setup], Command]


@contextmanager
def serving(server: Server, setup: Setup) -> Iterator[tuple[Peer, int]]:
    """A running server and its port."""
    setup.payload.write_bytes(PAYLOAD)
    with listening(lambda: server(setup), setup.folder / "log", setup.folder) as running:
        yield running


def fetch(link: Link) -> bytes:
    """The server's answer, up to its close."""
    link.handshake()
    link.send(b"GET /payload HTTP/1.0\r\n\r\n")
    return link.receive_all()


@pytest.fixture(params=[s_server, gnutls_serv, node], ids=lambda server: server.__name__)
def peer(request: pytest.FixtureRequest) -> Server:
    server: Server = request.param
    return server


def test_mutual_tls_a_megabyte_and_a_clean_close(
    peer: Server, version: int, ca: Identity, server_identity: Identity, client_identity: Identity, tmp_path: Path
) -> None:
    """A megabyte arrives byte for byte; both ends see certificate, name and ALPN, and close cleanly."""
    context = client_context(version, ca, client_identity)
    context.set_alpn_protos([b"other", b"chosen"])
    setup = Setup(version, server_identity, tmp_path, ca.certificate_file, "chosen")
    with serving(peer, setup) as (server, port):
        with connected(context, port) as link:
            answer = fetch(link)
            assert link.connection.shutdown()
            assert link.connection.get_alpn_proto_negotiated() == b"chosen"
            assert link.connection.get_protocol_version() == version
        output = server.stop().replace("CN = ", "CN=")  # until OpenSSL 3.1
    assert answer.partition(b"\r\n\r\n")[2] == PAYLOAD
    seen = {
        s_server: ["CN=a client"],
        gnutls_serv: ["Given server name[1]: example.test", "Application protocol: chosen", "CN=a client"],
        node: ["name example.test, alpn chosen, client a client"],
    }
    for text in seen[peer]:
        assert text in output


def test_resumption(peer: Server, version: int, ca: Identity, server_identity: Identity, tmp_path: Path) -> None:
    """The second connection resumes the session of the first, and carries as much."""
    context = client_context(version, ca)
    with serving(peer, Setup(version, server_identity, tmp_path)) as (_, port):
        with connected(context, port) as link:
            first = fetch(link)
            session = link.connection.get_session()
            assert not link.connection.session_reused()
        assert session is not None
        with connected(context, port, lambda connection: connection.set_session(session)) as link:
            assert fetch(link) == first
            assert link.connection.session_reused()


# What each server hears from us, when we do not trust the issuer, and when the name is wrong.
HEARD = {
    s_server: {"issuer": "alert unknown ca", "name": "alert bad certificate"},
    gnutls_serv: {"issuer": "Received alert '48'", "name": "Received alert '42'"},
    node: {"issuer": "ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "name": "ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE"},
}


@pytest.mark.parametrize("wrong", ["issuer", "name"])
def test_we_refuse_a_server(
    peer: Server, wrong: str, version: int, ca: Identity, server_identity: Identity, tmp_path: Path
) -> None:
    """Our client fails to verify, and tells the server, which serves the next connection."""
    folder = tmp_path / "other"
    folder.mkdir()
    other = new_authority(folder, "another authority")
    with serving(peer, Setup(version, server_identity, tmp_path)) as (server, port):
        context = client_context(version, other if wrong == "issuer" else ca)
        name = "example.test" if wrong == "issuer" else "wrong.test"
        with (
            connected(context, port, lambda connection: connection.set_verify_host(name)) as link,
            pytest.raises(SSL.Error, match="certificate verify failed"),
        ):
            fetch(link)
        with connected(client_context(version, ca), port) as link:
            assert fetch(link).endswith(PAYLOAD)
        output = server.stop()
    if peer is gnutls_serv and version == SSL.TLS1_3_VERSION:
        # libssl's client begins to encrypt with its answer to the certificate, so this alert is in the clear; GnuTLS
        # cannot read it.
        assert "Error in handshake" in output
    else:
        assert HEARD[peer][wrong] in output


def test_a_server_that_refuses_us(
    peer: Server, version: int, ca: Identity, server_identity: Identity, tmp_path: Path
) -> None:
    """Without the certificate that it demands we are told so by an alert: it is no clean close."""
    setup = Setup(version, server_identity, tmp_path, ca.certificate_file)
    with (
        serving(peer, setup) as (_, port),
        connected(client_context(version, ca), port) as link,
        pytest.raises(SSL.Error) as error,
    ):
        fetch(link)
    # TLS 1.2 has no alert of its own for it, and each takes another.
    assert ("certificate required" if version == SSL.TLS1_3_VERSION else "alert") in error.value.args[0][-1][-1]


def test_a_killed_server_is_no_clean_close(
    peer: Server, version: int, ca: Identity, server_identity: Identity, tmp_path: Path
) -> None:
    with (
        serving(peer, Setup(version, server_identity, tmp_path)) as (server, port),
        connected(client_context(version, ca), port) as link,
    ):
        link.handshake()
        server.kill()
        with pytest.raises(SSL.SysCallError) as error:
            link.receive()
    assert error.value.args == (-1, "Unexpected EOF")


def test_lines_through_s_server_rev(
    version: int, ca: Identity, server_identity: Identity, client_identity: Identity, tmp_path: Path
) -> None:
    """A conversation by turns, which the server ends. It has example.test's certificate only for who asks by name."""
    command, marker = s_server(Setup(version, client_identity, tmp_path))
    command[command.index("-WWW")] = "-rev"
    command += ["-servername", "example.test", "-cert2", str(server_identity.certificate_file)]
    command += ["-key2", str(server_identity.key_file)]
    with (
        listening(lambda: (command, marker), tmp_path / "log") as (_, port),
        connected(client_context(version, ca), port) as link,
    ):
        for word in (b"stressed", b"x" * 5000 + b"y", b"level"):
            link.send(word + b"\n")
            assert link.receive_until(lambda data: data.endswith(b"\n")) == word[::-1] + b"\n"
        link.send(b"CLOSE\n")
        assert link.receive_all() == b""
