"""Other programs' clients with our server: curl, gnutls-cli, openssl s_client, node and Java."""

from __future__ import annotations

import base64
import json
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from openssl_bio import SSL
from tests.helpers import TIMEOUT, Identity, new_authority, server_context
from tests.interop.peers import Finished, Service, finished, program, started

DOTTED = {SSL.TLS1_2_VERSION: "1.2", SSL.TLS1_3_VERSION: "1.3"}
BINARY = random.Random(1).randbytes(1 << 20)
# gnutls-cli reads lines of text.
TEXT = base64.encodebytes(BINARY[: 3 << 18])


@dataclass(frozen=True)
class Call:
    """What a client is told to do."""

    port: int
    version: int
    ca: Path
    folder: Path
    body: bytes = b"hello\n"
    name: str = "example.test"
    identity: Identity | None = None
    alpn: str | None = None
    count: int = 1
    missing: int = 0  # bytes of the body that are announced and never sent

    @property
    def length(self) -> int:
        return len(self.body) + self.missing

    @property
    def request(self) -> bytes:
        return b"POST / HTTP/1.0\r\nContent-Length: %d\r\n\r\n" % self.length + self.body


def curl(call: Call) -> tuple[list[str], bytes]:
    (call.folder / "body").write_bytes(call.body)
    command = [program("curl", "curl"), "-q", "-sS", "--noproxy", "*", "--max-time", str(TIMEOUT), "--http1.1"]
    command += ["--resolve", f"{call.name}:{call.port}:127.0.0.1", "--cacert", str(call.ca)]
    command += [f"--tlsv{DOTTED[call.version]}", "--tls-max", DOTTED[call.version]]
    if call.identity is not None:
        command += ["--cert", str(call.identity.certificate_file), "--key", str(call.identity.key_file)]
    command += ["-H", "Expect:", "-H", f"Content-Length: {call.length}", "--data-binary", f"@{call.folder / 'body'}"]
    return [*command, *[f"https://{call.name}:{call.port}/"] * call.count], b""


def gnutls_cli(call: Call) -> tuple[list[str], bytes]:
    command = [program("gnutls-cli", "gnutls-bin"), "--port", str(call.port), "--x509cafile", str(call.ca)]
    command += ["--sni-hostname", call.name, "--verify-hostname", call.name]
    command += ["--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{DOTTED[call.version]}"]
    if call.identity is not None:
        command += ["--x509certfile", str(call.identity.certificate_file)]
        command += ["--x509keyfile", str(call.identity.key_file)]
    if call.alpn is not None:
        command += ["--alpn", call.alpn]
    if call.count > 1:
        command += ["--resume", "--waitresumption"]
    return [*command, "127.0.0.1"], call.request


def s_client(call: Call) -> tuple[list[str], bytes]:
    session = call.folder / "session"
    command = [program("openssl", "openssl"), "s_client", "-connect", f"127.0.0.1:{call.port}", "-quiet"]
    command += ["-CAfile", str(call.ca), "-servername", call.name, "-verify_hostname", call.name]
    command += ["-verify_return_error", f"-tls{DOTTED[call.version].replace('.', '_')}"]
    command += ["-sess_out", str(session), *(["-sess_in", str(session)] if session.exists() else [])]
    if call.identity is not None:
        command += ["-cert", str(call.identity.certificate_file), "-key", str(call.identity.key_file)]
    if call.alpn is not None:
        command += ["-alpn", call.alpn]
    return command, call.request


def node(call: Call) -> tuple[list[str], bytes]:
    request = call.folder / "request"
    request.write_bytes(call.request)
    version = f"TLSv{DOTTED[call.version]}"
    options: dict[str, object] = {"host": "127.0.0.1", "port": call.port, "servername": call.name, "ca": str(call.ca)}
    options |= {"request": str(request), "minVersion": version, "maxVersion": version}
    if call.identity is not None:
        options |= {"cert": str(call.identity.certificate_file), "key": str(call.identity.key_file)}
    if call.alpn is not None:
        options["ALPNProtocols"] = [call.alpn]
    script = str(Path(__file__).with_name("client.js"))
    return [program("node", "nodejs"), script, json.dumps(options), str(call.count)], b""


def java(call: Call) -> tuple[list[str], bytes]:
    request = call.folder / "request"
    request.write_bytes(call.request)
    program("javac", "default-jdk-headless")  # java compiles the file with it
    # The compiler that optimizes takes longer to start than it saves.
    command = [program("java", "default-jdk-headless"), "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
    command += [str(Path(__file__).with_name("Client.java")), str(call.port), f"TLSv{DOTTED[call.version]}"]
    command += [call.name, str(call.ca), str(request)]
    if call.identity is not None:
        command += [str(call.identity.certificate_file), str(call.identity.key_file)]
    return command, b""


Client = Callable[[Call], tuple[list[str], bytes]]


def ask(client: Client, call: Call) -> Finished:
    command, text = client(call)
    return finished(command, text, call.folder)


@pytest.fixture(params=[curl, gnutls_cli, s_client, node], ids=lambda client: client.__name__)
def peer(request: pytest.FixtureRequest) -> Client:
    client: Client = request.param
    return client


# A start of java takes seconds: it is here alone.
@pytest.mark.parametrize("peer", [curl, gnutls_cli, s_client, node, java])
def test_mutual_tls_a_megabyte_and_a_clean_close(
    peer: Client, version: int, ca: Identity, server_identity: Identity, client_identity: Identity, tmp_path: Path
) -> None:
    """A megabyte comes back byte for byte; both ends see certificate, name and version, and close cleanly."""
    body = TEXT if peer is gnutls_cli else BINARY
    with Service(server_context(version, server_identity, ca)) as service:
        call = Call(service.port, version, ca.certificate_file, tmp_path, body, identity=client_identity)
        done = ask(peer, call)
        visit = service.visit()
    assert visit.error is None, done.log
    assert done.status == 0, done.log
    assert visit.body == body
    assert body in done.output
    # gnutls-cli does not answer a close.
    assert visit.closed is (peer is not gnutls_cli)
    assert visit.connection.get_servername() == b"example.test"
    assert visit.connection.get_protocol_version() == version
    certificate = visit.connection.get_peer_certificate()
    assert certificate is not None
    assert certificate.digest("sha256") == client_identity.certificate.digest("sha256")


def test_alpn(peer: Client, version: int, server: SSL.Context, ca: Identity, tmp_path: Path) -> None:
    """Our callback is asked with what the client offers, and the client hears of the choice."""
    name = "http/1.1" if peer is curl else "a protocol"
    offers: list[list[bytes]] = []

    def select(_: SSL.Connection, offered: list[bytes]) -> bytes:
        offers.append(offered)
        return offered[-1]

    server.set_alpn_select_callback(select)
    with Service(server) as service:
        done = ask(peer, Call(service.port, version, ca.certificate_file, tmp_path, alpn=name))
        visit = service.visit()
    assert done.status == 0, done.log
    assert offers == [[name.encode()]]
    assert visit.connection.get_alpn_proto_negotiated() == name.encode()
    if peer is node:
        assert f"alpn {name}" in done.log
    if peer is gnutls_cli:
        assert f"- Application protocol: {name}" in done.output.decode()


def test_resumption(peer: Client, version: int, server: SSL.Context, ca: Identity, tmp_path: Path) -> None:
    """The second connection resumes the session of the first."""
    with Service(server) as service:
        call = Call(service.port, version, ca.certificate_file, tmp_path, count=2)
        log = ask(peer, call).log
        first = service.visit()
        if peer is s_client:
            log = ask(peer, call).log
        second = service.visit()
    assert not first.connection.session_reused()
    if peer is gnutls_cli:
        # It closes the first connection once it has a ticket, before it reads its input.
        assert isinstance(first.error, SSL.ZeroReturnError)
    assert second.error is None, log
    assert second.connection.session_reused()
    assert second.body == call.body


# How each client refuses us that does not trust the issuer, or finds the wrong name: by an alert, by a close, or by
# hanging up. curl looks at the name, and node at either, after the handshake; newer curls hang up.
REFUSALS: dict[Client, dict[str, tuple[str | type[Exception], ...]]] = {
    curl: {"issuer": ("alert unknown ca", SSL.SysCallError), "name": (SSL.ZeroReturnError, SSL.SysCallError)},
    gnutls_cli: {"issuer": ("alert bad certificate",), "name": ("alert bad certificate",)},
    s_client: {"issuer": ("alert unknown ca",), "name": ("alert bad certificate",)},
    node: {"issuer": (SSL.SysCallError,), "name": (SSL.SysCallError,)},
}


@pytest.mark.parametrize("wrong", ["issuer", "name"])
def test_a_client_that_refuses_us(
    peer: Client, wrong: str, version: int, server: SSL.Context, ca: Identity, tmp_path: Path
) -> None:
    """Our side hears the alert, gets no data, and serves the next connection."""
    other = new_authority(tmp_path, "another authority").certificate_file
    with Service(server) as service:
        good = Call(service.port, version, ca.certificate_file, tmp_path)
        bad = replace(good, ca=other) if wrong == "issuer" else replace(good, name="wrong.test")
        refused = ask(peer, bad)
        visit = service.visit()
        assert ask(peer, good).status == 0
        assert service.visit().body == good.body
    assert refused.status != 0
    assert visit.request == b""
    expected = REFUSALS[peer][wrong]
    if type(visit.error) is SSL.Error:
        assert visit.error.args[0][-1][-1].endswith(tuple(text for text in expected if isinstance(text, str)))
    else:
        assert type(visit.error) in expected


def test_a_killed_client_is_no_clean_close(
    peer: Client, version: int, server: SSL.Context, ca: Identity, tmp_path: Path
) -> None:
    """The server that waits for the rest of a request gets a SysCallError."""
    shaken = threading.Event()
    server.set_info_callback(lambda _, where, __: shaken.set() if where & SSL.SSL_CB_HANDSHAKE_DONE else None)
    with Service(server) as service:
        command, _ = peer(Call(service.port, version, ca.certificate_file, tmp_path, missing=1))
        with started(command, tmp_path / "log") as client:
            assert shaken.wait(TIMEOUT), client.output
            client.kill()
            visit = service.visit()
    assert isinstance(visit.error, SSL.SysCallError)
    assert visit.error.args == (-1, "Unexpected EOF")
