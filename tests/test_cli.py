"""The command line, run as a user runs it, against the openssl command."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest

from openssl_bio import SSL, _connect, _report, cli
from openssl_bio._throwaway import issue, make_authority
from openssl_bio.demo import records
from tests.helpers import TIMEOUT, Identity
from tests.interop.test_servers import Server, Setup, gnutls_serv, serving
from tests.interop.test_servers import s_server as s_server_of_files
from tests.programs import environment, process, python

OPENSSL = shutil.which("openssl")
needs_openssl = pytest.mark.skipif(OPENSSL is None, reason="there is no openssl command")
COMMAND = [sys.executable, "-m", "openssl_bio"]


def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    patience = ["--timeout", str(TIMEOUT)] if "connect" in arguments and "--timeout" not in arguments else []
    return python("-m", "openssl_bio", *arguments, *patience, **more)


def lines(output: str) -> list[str]:
    """The output with each run of spaces as one."""
    return [" ".join(line.split()) for line in output.splitlines()]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    authority = make_authority()
    leaf = issue(authority, ["localhost", "127.0.0.1"])
    (folder / "ca.pem").write_bytes(authority.certificate_pem())
    (folder / "cert.pem").write_bytes(leaf.certificate_pem())
    (folder / "key.pem").write_bytes(leaf.key_pem())
    return folder


@pytest.fixture(scope="module")
def s_server(files: Path) -> Iterator[str]:
    """``HOST:PORT`` of a real s_server."""
    assert OPENSSL is not None
    command = [OPENSSL, "s_server", "-accept", "127.0.0.1:0", "-rev", "-alpn", "h2"]
    command += ["-cert", str(files / "cert.pem"), "-key", str(files / "key.pem")]
    with process(command, "ACCEPT") as (_, port):
        yield f"127.0.0.1:{port}"


@needs_openssl
def test_demo() -> None:
    done = run("demo")
    assert done.returncode == 0, done.stderr
    output = lines(done.stdout)
    assert output.count("version TLSv1.3") == 3
    assert "resumed yes" in output
    assert "OCSP staple 5 bytes, try later" in output
    assert "client ZeroReturnError: the peer closed" in output
    assert "s_client heard hello, openssl s_client" in output
    assert "\x1b" not in done.stdout


def test_demo_without_openssl(tmp_path: Path) -> None:
    done = run("demo", PATH=str(tmp_path))
    assert done.returncode == 1
    assert "needs the openssl command" in done.stderr


def test_version() -> None:
    done = run("version")
    assert done.returncode == 0
    output = lines(done.stdout)
    assert "TLS 1.3 yes" in output
    # libssl's own labels are not repeated.
    assert not any("built on:" in line or "OPENSSLDIR" in line for line in output)


@needs_openssl
def test_connect_verified(s_server: str, files: Path) -> None:
    ca = str(files / "ca.pem")
    done = run("connect", s_server, "--cafile", ca, "--servername", "localhost", "--alpn", "h2,x", "--ocsp")
    assert done.returncode == 0, done.stderr
    for line in (
        "version TLSv1.3",
        "ALPN h2",
        "server name localhost",
        "OCSP staple none",
        "verified yes, for localhost",
    ):
        assert line in lines(done.stdout)


@needs_openssl
def test_connect_to_an_address_by_an_old_version(s_server: str, files: Path) -> None:
    done = run("connect", s_server, "--cafile", str(files / "ca.pem"), "--max-version", "1.2", "--show-certs")
    assert done.returncode == 0, done.stderr
    assert {"version TLSv1.2", "server name none"} <= set(lines(done.stdout))
    assert (files / "cert.pem").read_text() in done.stdout


@needs_openssl
def test_connect_unknown_authority(s_server: str) -> None:
    done = run("connect", s_server)
    assert done.returncode == 1
    assert "unable to get issuer cert locally (20), at depth 0: CN=localhost" in done.stdout
    assert "version TLSv1.3" in lines(done.stdout)


@needs_openssl
def test_connect_wrong_name(s_server: str, files: Path) -> None:
    done = run("connect", s_server, "--cafile", str(files / "ca.pem"), "--servername", "other.example")
    assert done.returncode == 1
    assert "because hostname mismatch (62), at depth 0: CN=localhost" in lines(done.stdout)


def test_connect_silent_and_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        silent = run("connect", target, "--timeout", "0.3")
    assert (silent.returncode, silent.stderr) == (1, "openssl-bio: timed out\n")
    refused = run("connect", target)
    assert refused.returncode == 1
    assert "refused" in refused.stderr


@pytest.mark.parametrize("server", [s_server_of_files, gnutls_serv], ids=["s_server", "gnutls_serv"])
def test_connect_without_the_certificate_that_is_demanded(
    server: Server, ca: Identity, server_identity: Identity, tmp_path: Path
) -> None:
    """In TLS 1.3 the server refuses us after our handshake is done: there is a report, and the alert."""
    with serving(server, Setup(SSL.TLS1_3_VERSION, server_identity, tmp_path, ca.certificate_file)) as (_, port):
        done = run("connect", f"127.0.0.1:{port}", "--cafile", str(ca.certificate_file))
    assert done.returncode == 1
    assert "verified yes, for 127.0.0.1" in lines(done.stdout)
    assert "certificate required" in done.stderr


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"", "the connection broke: Unexpected EOF"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does the other side speak TLS?"),
        (b"SSH-2.0-test\r\n", "does the other side speak TLS?"),
        (b"\x16\x03\x03\x00\x40", "the connection broke: Unexpected EOF"),
    ],
)
def test_connect_to_no_tls_server(answer: bytes, complaint: str) -> None:
    def serve(listener: socket.socket) -> None:
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(TIMEOUT)
            accepted.recv(1 << 16)
            accepted.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        done = run("connect", f"127.0.0.1:{listener.getsockname()[1]}")
        thread.join(TIMEOUT)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.rstrip().endswith(complaint)


def test_connect_to_an_unknown_host() -> None:
    done = run("connect", "no-such-host.invalid:1")
    assert done.returncode == 1
    assert done.stderr.startswith("openssl-bio: cannot connect to no-such-host.invalid port 1: ")
    assert "Errno" not in done.stderr


@pytest.mark.parametrize("command", [["connect", "localhost"], ["serve"]], ids=["connect", "serve"])
def test_files_that_cannot_be_used(command: list[str], files: Path) -> None:
    """The complaint names the file, or says that the two do not fit."""
    cert, key = str(files / "cert.pem"), str(files / "key.pem")
    for arguments, complaint in (
        (["--cert", key], repr(key)),
        (["--cert", cert], repr(cert)),
        (["--cert", str(files / "ca.pem"), "--key", key], "mismatch"),
    ):
        done = run(*command, *arguments)
        assert done.returncode == 1
        assert complaint in done.stderr


def test_serve_on_a_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = run("serve", "--port", str(listener.getsockname()[1]))
    assert done.returncode == 1
    assert done.stderr.startswith(f"openssl-bio: {os.strerror(errno.EADDRINUSE)}")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("connect", "localhost:99999"), "the port must be from 1 to 65535"),
        (("connect", "localhost", "--timeout", "soon"), "must be a number of seconds, more than 0 and 3600 at most"),
        (("connect", "localhost", "--timeout", "nan"), "must be a number of seconds, more than 0 and 3600 at most"),
        (("serve", "--port", "http"), "must be from 0 to 65535"),
    ],
)
def test_numbers(arguments: tuple[str, ...], complaint: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.rstrip().endswith(complaint)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("connect",),
        ("connect", "::1"),
        ("connect", "[::1"),
        ("connect", "localhost:0"),
        ("connect", "a..b"),
        ("connect", "ex\u00e4mple.test"),
        ("connect", "localhost", "--servername", ""),
        ("connect", "localhost", "--servername", "ex\u00e4mple.test"),
        ("connect", "localhost", "--min-version", "1.4"),
        ("connect", "localhost", "--key", "k.pem"),
        ("connect", "localhost", "--cafile", "/nonexistent/ca.pem"),
        ("connect", "localhost", "--alpn", "a,,b"),
        ("connect", "localhost", "--min-version", "1.3", "--max-version", "1.2"),
        ("connect", "localhost", "--starttls", "gopher"),
        ("serve", "--port", "65536"),
        ("serve", "--cert", "c.pem", "--write-ca", "ca.pem"),
    ],
)
def test_usage(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage:")


def test_targets() -> None:
    assert _connect.parse_target("[::1]:8443") == _connect.Target("::1", 8443)
    assert _connect.parse_target("[::1]") == _connect.Target("::1", None)
    assert _connect.parse_target("example.test:25") == _connect.Target("example.test", 25)


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (b"", "none"),
        (bytes.fromhex("30030a0103"), "5 bytes, try later"),
        (bytes.fromhex("3082012c0a0100") + bytes(297), "304 bytes, successful"),
        (bytes.fromhex("30030a0109"), "5 bytes, unknown status"),
        (b"text", "4 bytes, no OCSP response"),
        (b"\x30", "1 bytes, no OCSP response"),
        (b"\x30\xff", "2 bytes, no OCSP response"),
    ],
)
def test_staples(response: bytes, words: str) -> None:
    assert _report.staple(response) == words


def test_records() -> None:
    assert list(records(b"\x16\x03\x03\x00\x02ab\x17\x03\x03\x00\x00")) == ["handshake 2", "application_data 0"]


def smtp(stream: socket.socket) -> None:
    stream.sendall(b"220-hello\r\n220 test\r\n")
    assert stream.recv(100).startswith(b"EHLO")
    stream.sendall(b"250-test\r\n250 STARTTLS\r\n")
    assert stream.recv(100) == b"STARTTLS\r\n"
    stream.sendall(b"220 go\r\n")


def imap(stream: socket.socket) -> None:
    stream.sendall(b"* OK test\r\n")
    assert stream.recv(100) == b"a STARTTLS\r\n"
    stream.sendall(b"a OK go\r\n")


def postgres(stream: socket.socket) -> None:
    assert stream.recv(100) == bytes.fromhex("0000000804d2162f")
    stream.sendall(b"S")


@pytest.mark.parametrize("prelude", [smtp, imap, postgres])
def test_starttls(prelude: Callable[[socket.socket], None], files: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "cert.pem", files / "key.pem")

    def serve(listener: socket.socket) -> None:
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(TIMEOUT)
            prelude(accepted)
            with context.wrap_socket(accepted, server_side=True) as tls:
                assert tls.recv(1) == b""

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        target = f"127.0.0.1:{listener.getsockname()[1]}"
        done = run("connect", target, "--cafile", str(files / "ca.pem"), "--starttls", prelude.__name__)
        thread.join(TIMEOUT)
    assert done.returncode == 0, done.stderr
    assert "verified yes, for 127.0.0.1" in lines(done.stdout)


@pytest.mark.parametrize(
    ("protocol", "answers", "complaint"),
    [
        ("smtp", [b"220 test\r\n", b"250 test\r\n", b"454 not now\r\n"], "it answered b'454 not now'"),
        ("smtp", [b"220-" + bytes(5000)], "its answer has no end"),
        ("imap", [b"* OK test\r\n", b"* CAPABILITY IMAP4\r\na NO\r\n"], "it answered b'a NO'"),
        ("imap", [b"* OK te"], "the server hung up before TLS"),
        ("postgres", [b"N"], "it answered b'N'"),
    ],
    ids=["refused", "endless", "NO", "hangs up", "N"],
)
def test_starttls_that_does_not_start(protocol: str, answers: list[bytes], complaint: str) -> None:
    """Nothing goes on in plaintext: it is an error that says what the server said."""

    def serve(listener: socket.socket) -> None:
        accepted, _ = listener.accept()
        with accepted:
            accepted.settimeout(TIMEOUT)
            if protocol == "postgres":
                accepted.recv(100)
            for answer in answers:
                accepted.sendall(answer)
                if answer is not answers[-1]:
                    accepted.recv(100)
            with suppress(ConnectionError):  # it may leave before it has read all
                accepted.shutdown(socket.SHUT_WR)
                accepted.recv(100)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        done = run("connect", f"127.0.0.1:{listener.getsockname()[1]}", "--starttls", protocol)
        thread.join(TIMEOUT)
    assert done.returncode == 1
    assert complaint in done.stderr


@needs_openssl
def test_connect_with_a_certificate(files: Path, ca: Identity, client_identity: Identity) -> None:
    """A server that demands one, and trusts its issuer."""
    assert OPENSSL is not None
    command = [OPENSSL, "s_server", "-accept", "127.0.0.1:0", "-rev", "-CAfile", str(ca.certificate_file)]
    command += ["-cert", str(files / "cert.pem"), "-key", str(files / "key.pem"), "-Verify", "1"]
    ours = ["--cert", str(client_identity.certificate_file), "--key", str(client_identity.key_file)]
    with process([*command, "-verify_return_error"], "ACCEPT") as (_, port):
        done = run("connect", f"127.0.0.1:{port}", "--cafile", str(files / "ca.pem"), *ours)
    assert done.returncode == 0, done.stderr
    assert "verified yes, for 127.0.0.1" in lines(done.stdout)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Programs that are started obey SIGINT, also if the tests run in the background of a shell, which ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_serve_echoes_and_stops(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    with process([*COMMAND, "serve", "--write-ca", str(ca)], "listening") as (server, port):
        context = ssl.create_default_context(cafile=ca)
        with (
            socket.create_connection(("127.0.0.1", port), TIMEOUT) as sock,
            context.wrap_socket(sock, server_hostname="localhost") as tls,
        ):
            tls.sendall(b"x" * 100_000)
            received = 0
            while received < 100_000:
                received += len(tls.recv(1 << 16))
            tls.unwrap()
        server.send_signal(signal.SIGINT)
        assert server.wait(TIMEOUT) == 0


@pytest.mark.usefixtures("interruptible")
def test_serve_goes_on_after_a_client_that_fails(tmp_path: Path) -> None:
    """One speaks no TLS, one stops without a close_notify; it says so, and serves the next."""
    ca = tmp_path / "ca.pem"
    with process([*COMMAND, "serve", "--write-ca", str(ca)], "listening") as (server, port):
        assert server.stdout is not None
        with socket.create_connection(("127.0.0.1", port), TIMEOUT) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert "failed after 0 bytes: http request" in server.stdout.readline()
        context = ssl.create_default_context(cafile=ca)
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), TIMEOUT) as sock:
                tls = context.wrap_socket(sock, server_hostname="localhost")
                tls.sendall(b"hello")
                assert tls.recv(5) == b"hello"
                assert "TLSv1.3" in server.stdout.readline()
                tls.close()
                assert "failed after 5 bytes: the connection broke: Unexpected EOF" in server.stdout.readline()
        server.send_signal(signal.SIGINT)
        assert server.wait(TIMEOUT) == 0


def test_serve_waits_for_no_client_for_good(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ctrl-C just before accept() begins to wait does not wake it: Python sees it when the wait is over."""
    waits: list[float | None] = []

    class Listener(socket.socket):
        def accept(self) -> NoReturn:
            waits.append(self.gettimeout())
            raise KeyboardInterrupt if len(waits) > 1 else TimeoutError

    def listen(address: tuple[str, int]) -> Listener:
        listener = Listener()
        listener.bind(address)
        return listener

    monkeypatch.setattr(socket, "create_server", listen)
    assert cli.main(["serve"]) == 0
    assert waits == [1.0, 1.0]
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["listening", "stopped"]


@pytest.mark.usefixtures("interruptible")
def test_interrupted() -> None:
    """Ctrl-C while a server is silent ends as of any command: with 128 and the signal's number, and no traceback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(TIMEOUT)
        command = [*COMMAND, "connect", f"127.0.0.1:{listener.getsockname()[1]}", "--timeout", str(TIMEOUT)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment(), text=True) as client:
            accepted, _ = listener.accept()
            with accepted:
                accepted.settimeout(TIMEOUT)
                assert accepted.recv(1) == b"\x16"  # it has begun
                client.send_signal(signal.SIGINT)
                _, complaint = client.communicate(timeout=TIMEOUT)
    assert (client.returncode, complaint) == (130, "")


@needs_openssl
def test_serve_to_s_client(files: Path) -> None:
    assert OPENSSL is not None
    arguments = ["serve", "--cert", str(files / "cert.pem"), "--key", str(files / "key.pem")]
    with process([*COMMAND, *arguments], "listening") as (_, port):
        command = [OPENSSL, "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(files / "ca.pem")]
        command += ["-verify_return_error", "-verify_ip", "127.0.0.1", "-quiet", "-ign_eof"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as client:
            watchdog = threading.Timer(TIMEOUT, client.kill)
            watchdog.start()
            try:
                assert client.stdin is not None
                assert client.stdout is not None
                client.stdin.write("an echo\n")
                client.stdin.flush()
                assert client.stdout.readline() == "an echo\n"
            finally:
                watchdog.cancel()
                client.kill()
