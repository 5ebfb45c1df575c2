"""``openssl-bio demo``: TLS between two memory buffers, then with the openssl command over loopback sockets."""

from __future__ import annotations

import queue
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openssl_bio import SSL
from openssl_bio import _report as report
from openssl_bio._throwaway import Identity, issue, make_authority
from openssl_bio._wire import Wire

_HOST = "demo.example"
_TIMEOUT = 60.0
# The shortest OCSPResponse there is (RFC 6960, section 4.2.1), with the status tryLater: nobody has to sign it.
_STAPLE = bytes.fromhex("30030a0103")
_RECORDS = {20: "change_cipher_spec", 21: "alert", 22: "handshake", 23: "application_data"}
_HEADER = 5
# More flights than any handshake has: a bug ends in an error rather than in an endless loop.
_ROUNDS = 10


class DemoError(Exception):
    """The demonstration did not go as it should."""


class Demo:
    """A client and a server that trust one throw-away authority."""

    def __init__(self) -> None:
        self.authority: Identity = make_authority()
        self.leaf = issue(self.authority, [_HOST])
        self.staples: list[bytes] = []
        self._server = SSL.Context(SSL.TLS_SERVER_METHOD)
        self.leaf.use_in(self._server)
        self._server.set_session_id(b"demo")
        self._server.set_alpn_select_callback(lambda _, offered: b"demo/1" if b"demo/1" in offered else offered[0])
        self._server.set_ocsp_server_callback(lambda _connection, _data: _STAPLE)
        self._client = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self._client.set_min_proto_version(SSL.TLS1_3_VERSION)
        self._client.get_cert_store().add_cert(self.authority.certificate)
        self._client.set_verify(SSL.VERIFY_PEER)
        self._client.set_alpn_protos([b"demo/1", b"http/1.1"])
        self._client.set_ocsp_client_callback(self._keep_staple)

    def _keep_staple(self, _connection: SSL.Connection, response: bytes, _data: object) -> bool:
        self.staples.append(response)
        return True

    def client(self) -> SSL.Connection:
        """A client's connection, which verifies the server's name and asks for a staple."""
        connection = SSL.Connection(self._client)
        connection.set_connect_state()
        connection.set_tlsext_host_name(_HOST.encode())
        connection.set_verify_host(_HOST)
        connection.request_ocsp()
        return connection

    def server(self) -> SSL.Connection:
        """A server's connection."""
        connection = SSL.Connection(self._server)
        connection.set_accept_state()
        return connection


def run() -> int:
    """Run the whole demonstration, and return 0, or 1 if something failed or there is no openssl command."""
    try:
        demo = Demo()
        _in_memory(demo)
        openssl = shutil.which("openssl")
        if openssl is None:
            report.complain("the second part needs the openssl command, which was not found")
            return 1
        _against_s_server(demo, openssl)
        _against_s_client(demo, openssl)
    except (DemoError, SSL.Error, OSError, subprocess.SubprocessError) as error:
        report.complain(f"the demonstration failed: {report.explain(error)}")
        return 1
    report.heading("Everything went as it should.")
    return 0


# -- in memory ---------------------------------------------------------------------------------------------------------


def _in_memory(demo: Demo) -> None:
    report.heading("1. Client and server in memory: the handshake")
    client, server = demo.client(), demo.server()
    _handshake(client, server)
    report.heading("   What was negotiated")
    report.negotiated(client, server.get_servername())
    _check(demo.staples == [_STAPLE], f"the client was stapled {demo.staples!r}")
    report.row("OCSP staple", report.staple(demo.staples[-1]))
    _show_verified(client)
    report.heading("   Application data")
    _say(client, server, "client", "server", b"What did the server say?")
    _say(server, client, "server", "client", b"That it needs no sockets.")
    session = client.get_session()
    report.heading("   A clean close")
    _close(client, server)
    report.heading("   A second connection, which resumes the session")
    if session is None:
        raise DemoError("there is no session to resume")
    client, server = demo.client(), demo.server()
    client.set_session(session)
    _handshake(client, server)
    _check(client.session_reused(), "the session was not resumed")
    report.verdict("resumed", True, "yes")


def _show_verified(client: SSL.Connection) -> None:
    _check(client.get_verify_result() == SSL.X509VerificationCodes.OK, "the server is not verified")
    report.verdict("verified", True, f"yes, for {_HOST}")


def _handshake(client: SSL.Connection, server: SSL.Connection) -> None:
    """Hand flights over in turns until neither side waits."""
    waiting = {"client": client, "server": server}
    for _ in range(_ROUNDS):
        for name, connection in list(waiting.items()):
            try:
                connection.do_handshake()
                del waiting[name]
            except SSL.WantReadError:
                continue
            finally:
                _carry(connection, *((server, name, "server") if name == "client" else (client, name, "client")))
        if not waiting:
            return
    raise DemoError("the handshake has no end")


def _carry(source: SSL.Connection, target: SSL.Connection, who: str, whom: str) -> None:
    """Move what there is of ciphertext, and tell its records."""
    try:
        flight = source.bio_read(1 << 20)
    except SSL.WantReadError:
        return
    report.row(f"{who} > {whom}", f"{len(flight):5} bytes: {', '.join(records(flight))}")
    target.bio_write(flight)


def records(flight: bytes) -> Iterator[str]:
    """The type and length of each TLS record, from its header: type, version (2 bytes), length (2 bytes)."""
    start = 0
    while start + _HEADER <= len(flight):
        length = int.from_bytes(flight[start + 3 : start + _HEADER])
        yield f"{_RECORDS.get(flight[start], f'type {flight[start]}')} {length}"
        start += _HEADER + length


def _say(source: SSL.Connection, target: SSL.Connection, who: str, whom: str, text: bytes) -> None:
    source.sendall(text)
    _carry(source, target, who, whom)
    heard = target.recv(1 << 14)
    _check(heard == text, f"the {whom} received {heard!r}")
    report.row(f"{whom} heard", report.words(heard))


def _close(client: SSL.Connection, server: SSL.Connection) -> None:
    """close_notify from each side to the other."""
    _check(not client.shutdown(), "the client did not wait for the server's close_notify")
    _carry(client, server, "client", "server")
    _expect_end(server, "server")
    _check(server.shutdown(), "the server forgot the client's close_notify")
    _carry(server, client, "server", "client")
    _expect_end(client, "client")


def _expect_end(connection: SSL.Connection, who: str) -> None:
    try:
        data = connection.recv(1)
    except SSL.ZeroReturnError:
        report.row(who, "ZeroReturnError: the peer closed")
        return
    raise DemoError(f"the {who} received {data!r} after the end")


def _check(good: bool, otherwise: str) -> None:
    if not good:
        raise DemoError(otherwise)


# -- with the openssl command ------------------------------------------------------------------------------------------


@contextmanager
def _files(demo: Demo) -> Iterator[Path]:
    """A directory with ca.pem, cert.pem and key.pem."""
    with tempfile.TemporaryDirectory(prefix="openssl_bio-") as name:
        folder = Path(name)
        (folder / "ca.pem").write_bytes(demo.authority.certificate_pem())
        (folder / "cert.pem").write_bytes(demo.leaf.certificate_pem())
        (folder / "key.pem").write_bytes(demo.leaf.key_pem())
        yield folder


def _against_s_server(demo: Demo, openssl: str) -> None:
    report.heading("2. The client with a real openssl s_server")
    with (
        _files(demo) as folder,
        _s_server(openssl, folder) as port,
        socket.create_connection(("127.0.0.1", port), _TIMEOUT) as sock,
    ):
        client = demo.client()
        wire = Wire(client, sock, _TIMEOUT)
        wire.handshake()
        report.negotiated(client, client.get_servername())
        _show_verified(client)
        wire.send(b"stressed\n")
        heard = wire.receive()
        _check(heard == b"desserts\n", f"s_server answered {heard!r}")
        report.row("s_server said", "stressed backwards: desserts")
        wire.close(1.0)


@contextmanager
def _s_server(openssl: str, folder: Path) -> Iterator[int]:
    """A running ``openssl s_server`` that sends each line back in reverse; gives its port."""
    command = [openssl, "s_server", "-accept", "127.0.0.1:0", "-rev", "-alpn", "demo/1"]
    command += ["-cert", str(folder / "cert.pem"), "-key", str(folder / "key.pem")]
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=null, stdout=pipe, stderr=null, text=True) as process:
        try:
            yield _port(process)
        finally:
            process.kill()


def _port(process: subprocess.Popen[str]) -> int:
    """The port of s_server's line ``ACCEPT 127.0.0.1:PORT``, which a thread awaits lest we wait for ever."""
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put("")

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=_TIMEOUT)
        except queue.Empty:
            raise DemoError("openssl s_server did not start in time") from None
        if not line:
            raise DemoError("openssl s_server ended")
        if line.startswith("ACCEPT"):
            return int(line.rpartition(":")[2])


def _against_s_client(demo: Demo, openssl: str) -> None:
    report.heading("3. A real openssl s_client with the server")
    with _files(demo) as folder, socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(_TIMEOUT)
        outcome: queue.Queue[Exception | None] = queue.Queue()
        threading.Thread(target=_greet_one, args=(demo, listener, outcome), daemon=True).start()
        command = [openssl, "s_client", "-connect", f"127.0.0.1:{listener.getsockname()[1]}", "-servername", _HOST]
        command += ["-verify_hostname", _HOST, "-verify_return_error", "-CAfile", str(folder / "ca.pem")]
        command += ["-alpn", "demo/1", "-quiet", "-ign_eof"]
        client = subprocess.run(
            command, input=b"openssl s_client\n", capture_output=True, timeout=2 * _TIMEOUT, check=False
        )
        if (error := outcome.get(timeout=2 * _TIMEOUT)) is not None:
            raise error
    _check(client.returncode == 0 and client.stdout == b"hello, openssl s_client\n", f"s_client: {client.stderr!r}")
    report.row("s_client heard", client.stdout.decode().rstrip())


def _greet_one(demo: Demo, listener: socket.socket, outcome: queue.Queue[Exception | None]) -> None:
    """Serve one client, and put what went wrong, or None, into ``outcome``."""
    try:
        accepted, _ = listener.accept()
        with accepted:
            server = demo.server()
            wire = Wire(server, accepted, _TIMEOUT)
            wire.handshake()
            report.negotiated(server, server.get_servername())
            wire.send(b"hello, " + wire.receive())
            wire.close(1.0)
    except (OSError, SSL.Error) as error:
        outcome.put(error)
    else:
        outcome.put(None)
