"""The command ``openssl-bio``, also ``python -m openssl_bio``: demo, version, connect, serve and run.

Exit statuses: 0 for success (for ``connect``: the server is verified), 1 for failure, 2 for wrong usage; for
``run``, what the program says.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from openssl_bio import SSL, __version__, crypto, demo, fips_enabled
from openssl_bio._connect import Target, connect, parse_target
from openssl_bio._report import complain, explain, row
from openssl_bio._run import run_program
from openssl_bio._throwaway import issue, make_authority
from openssl_bio._wire import Wire

_VERSIONS = {
    "1.0": SSL.TLS1_VERSION,
    "1.1": SSL.TLS1_1_VERSION,
    "1.2": SSL.TLS1_2_VERSION,
    "1.3": SSL.TLS1_3_VERSION,
}
_LONGEST_NAME = 255
_HANDSHAKE, _IDLE, _CLOSING, _LOOK = 10.0, 300.0, 5.0, 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with ``argv`` (the process's own by default), and return its exit status.

    SystemExit(2) for wrong usage, after a message on stderr.
    """
    parser = _parser()
    options = parser.parse_args(argv)
    if message := _contradiction(options):
        parser.error(message)
    run: Callable[[argparse.Namespace], int] = options.run
    if run is run_program:  # its exceptions are the program's own
        return run(options)
    try:
        return run(options)
    except (OSError, SSL.Error, crypto.Error) as error:
        complain(explain(error))
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="openssl-bio", description="TLS through memory on OpenSSL's libssl.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("demo", help="show TLS between memory buffers, and with the openssl command")
    command.set_defaults(run=lambda _: demo.run())
    command = commands.add_parser("version", help="say what is linked and what it can do")
    command.set_defaults(run=_version)
    _add_connect(commands.add_parser("connect", help="connect to a server, and say what was negotiated"))
    _add_serve(commands.add_parser("serve", help="echo what clients send, on the loopback interface"))
    _add_run(commands.add_parser("run", help="run a Python program written for pyOpenSSL"))
    return parser


def _add_connect(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=connect)
    command.add_argument("target", metavar="HOST[:PORT]", type=_target, help="an IPv6 address needs brackets")
    command.add_argument("--servername", type=_server_name, help="the name to send and to verify, instead of HOST")
    command.add_argument("--alpn", type=_alpn, metavar="NAME,...", help="the protocols to offer, best first")
    command.add_argument("--cafile", help="trust the certificates in this PEM file instead of the system's")
    command.add_argument("--cert", help="a PEM file of our certificate and its chain")
    command.add_argument("--key", help="a PEM file of our private key, if it is not in that of --cert")
    for option in ("--min-version", "--max-version"):
        command.add_argument(option, type=_protocol, metavar="VERSION", help=", ".join(_VERSIONS))
    command.add_argument("--ocsp", action="store_true", help="ask for a stapled OCSP response")
    command.add_argument("--show-certs", action="store_true", help="print the server's certificates as PEM")
    command.add_argument("--starttls", choices=("smtp", "imap", "postgres"), help="ask for TLS in this protocol first")
    command.add_argument("--timeout", type=_seconds, default=10.0, metavar="SECONDS", help="for each step (10)")


def _add_serve(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=_serve)
    command.add_argument("--port", type=_port, default=0, help="any free one by default")
    command.add_argument("--cert", help="a PEM file of a certificate and its chain; a throw-away one by default")
    command.add_argument("--key", help="a PEM file of the private key, if it is not in that of --cert")
    command.add_argument("--write-ca", metavar="PATH", help="where to write the throw-away authority's certificate")


def _add_run(command: argparse.ArgumentParser) -> None:
    command.set_defaults(run=run_program)
    command.usage = "%(prog)s --pyopenssl (PROGRAM | -m MODULE) [ARGUMENT ...]"
    command.add_argument(
        "--pyopenssl", action="store_true", required=True, help="let `import OpenSSL` mean openssl_bio"
    )
    command.add_argument("-m", dest="as_module", action="store_true", help="run a module, as `python -m` does")
    command.add_argument(
        "program", nargs=argparse.REMAINDER, metavar="...", help="a file or a module, and its arguments"
    )


def _contradiction(options: argparse.Namespace) -> str | None:
    """What is wrong with options that are right one by one."""
    given = vars(options)
    if given.get("program") == []:
        return "a PROGRAM is needed, or -m and a MODULE"
    if given.get("key") and not given.get("cert"):
        return "--key needs --cert"
    if given.get("cert") and given.get("write_ca"):
        return "--write-ca is for throw-away certificates: leave out --cert"
    low, high = given.get("min_version"), given.get("max_version")
    for name in ("cert", "key", "cafile"):
        if (path := given.get(name)) and not Path(path).is_file():
            return f"--{name}: there is no file {path!r}"
    return "--min-version is above --max-version" if low and high and low > high else None


# -- the arguments' types: argparse turns an ArgumentTypeError into a message and exit status 2 ------------------------


def _target(text: str) -> Target:
    try:
        return parse_target(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _server_name(text: str) -> str:
    if not text.isascii() or not text.isprintable() or not 0 < len(text) <= _LONGEST_NAME:
        raise argparse.ArgumentTypeError("must be 1 to 255 ASCII characters (A-labels for other scripts)")
    return text


def _alpn(text: str) -> list[bytes]:
    names = [name.encode() for name in text.split(",")]
    if not all(0 < len(name) <= _LONGEST_NAME for name in names):
        raise argparse.ArgumentTypeError("names must have 1 to 255 bytes each")
    return names


def _protocol(text: str) -> int:
    if text not in _VERSIONS:
        raise argparse.ArgumentTypeError(f"must be one of {', '.join(_VERSIONS)}")
    return _VERSIONS[text]


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 3600:
        raise argparse.ArgumentTypeError("must be a number of seconds, more than 0 and 3600 at most")
    return seconds


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= 65535):
        raise argparse.ArgumentTypeError("must be from 0 to 65535")
    return int(text)


# -- version -----------------------------------------------------------------------------------------------------------


def _version(_: argparse.Namespace) -> int:
    row("openssl_bio", __version__)
    row("libssl", SSL.OpenSSL_version(SSL.OPENSSL_VERSION).decode())
    for label, kind in (("built", SSL.OPENSSL_BUILT_ON), ("directory", SSL.OPENSSL_DIR)):
        # "built on: ...", 'OPENSSLDIR: "..."'
        row(label, SSL.OpenSSL_version(kind).decode().partition(": ")[2])
    row("Python", sys.version.split()[0])
    row("FIPS 140 only", "yes" if fips_enabled() else "no")
    context = SSL.Context(SSL.TLS_METHOD)
    for text, version in _VERSIONS.items():
        row(f"TLS {text}", _present(partial(context.set_min_proto_version, version)))
    row("DTLS", _present(lambda: SSL.Context(SSL.DTLS_METHOD)))
    row("NPN", _present(lambda: context.set_npn_advertise_callback(lambda _: [])))
    row("ALPN", _present(lambda: context.set_alpn_protos([b"h2"])))
    row("OCSP stapling", _present(lambda: context.set_ocsp_server_callback(lambda _connection, _data: b"")))
    return 0


def _present(use: Callable[[], object]) -> str:
    try:
        use()
    except (NotImplementedError, ValueError, SSL.Error):
        return "no"
    return "yes"


# -- serve -------------------------------------------------------------------------------------------------------------


def _serve(options: argparse.Namespace) -> int:
    """Echo until Ctrl-C."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    if options.cert:
        context.use_certificate_chain_file(options.cert)
        context.use_privatekey_file(options.key or options.cert)
        context.check_privatekey()
    else:
        authority = make_authority()
        issue(authority, ["localhost", "127.0.0.1"]).use_in(context)
        if options.write_ca:
            Path(options.write_ca).write_bytes(authority.certificate_pem())
            row("CA file", options.write_ca)
    with socket.create_server(("127.0.0.1", options.port)) as listener:
        listener.settimeout(_LOOK)  # a Ctrl-C that comes just before accept() begins to wait does not wake it
        row("listening", f"127.0.0.1:{listener.getsockname()[1]}")
        try:
            while True:
                _accept(context, listener)
        except KeyboardInterrupt:
            row("stopped", "by Ctrl-C")
    return 0


def _accept(context: SSL.Context, listener: socket.socket) -> None:
    """Serve the next client in a thread; if there are too many, wait until others have ended."""
    try:
        accepted, address = listener.accept()
        # Daemons: Ctrl-C does not wait for clients that are silent.
        threading.Thread(target=_echo, args=(context, accepted, address[1]), daemon=True).start()
    except TimeoutError:
        return
    except (OSError, RuntimeError) as error:  # of files, of threads
        row("no client", explain(error))
        time.sleep(_LOOK)


def _echo(context: SSL.Context, accepted: socket.socket, port: int) -> None:
    """Serve one client until it closes, and say how that went."""
    connection = SSL.Connection(context)
    connection.set_accept_state()
    wire = Wire(connection, accepted, _IDLE)
    count = 0
    with accepted:
        try:
            wire.run(connection.do_handshake, _HANDSHAKE)
            row(f"client {port}", f"{connection.get_protocol_version_name()}, {connection.get_cipher_name()}")
            while data := wire.receive():
                wire.send(data)
                count += len(data)
            wire.run(connection.shutdown, _CLOSING)
            row(f"client {port}", f"closed after {count} bytes")
        except (OSError, SSL.Error) as error:
            row(f"client {port}", f"failed after {count} bytes: {explain(error)}")
        wire.hang_up(_CLOSING)
