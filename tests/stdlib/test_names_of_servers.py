"""What a server may be called: text in any script, bytes, and addresses."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from openssl_bio import stdlib
from tests.helpers import Identity
from tests.stdlib.helpers import Pair, client_context, ours, server_context

pytest.importorskip("idna", reason="the package idna is not installed")


def name_of(name: Any) -> str | None:
    context = ours.SSLContext(ours.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # OpenSSL 4.0 verifies no name that no certificate could have
    found: str | None = context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname=name).server_hostname
    return found


NAMES: dict[str, tuple[Any, str]] = {
    "ASCII": ("LocalHost_*.x", "LocalHost_*.x"),
    "bytes": (b"xn--x", "xn--x"),
    "A-labels": ("xn--strae-oqa.de", "xn--strae-oqa.de"),
    "IDNA 2008": ("straße.de", "xn--strae-oqa.de"),
    "case": ("BÜCHER.De", "xn--bcher-kva.de"),
    "kinds of dots": ("日本。jp", "xn--wgv71a.jp"),
    "compatibility": ("①.com", "1.com"),
    "an address in wide digits": ("\uff11\uff12\uff17.0.0.1", "127.0.0.1"),
    "a label that IDNA has not": ("_a.*.bücher.de.", "_a.*.xn--bcher-kva.de."),
    "IPv4": (ipaddress.ip_address("127.0.0.1"), "127.0.0.1"),
    "IPv6": (ipaddress.ip_address("2001:db8:0::1"), "2001:db8::1"),
    "IPv6 with a scope": (ipaddress.ip_address("fe80::1%eth0"), "fe80::1"),
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    given, expected = NAMES[name]
    assert name_of(given) == expected


WRONG: dict[str, Any] = {
    "empty": "",
    "no bytes": b"",
    "a dot": ".",
    "a leading dot": ".example.test",
    "a leading dot in bytes": b".example.test",
    "an empty label": "a..ü",
    "nothing after the mapping": "\u00ad",
    "a NUL": "a\0b",
    "a NUL in bytes": b"a\0b",
    "a NUL in another script": "ü\0b",
    "a lone surrogate": "\ud800",
    "a symbol": "\u2603.net",
    "a long label": "ü" * 70,
    "a long ASCII label": "a" * 64,
    "outside ASCII in bytes": b"\xff",
    "a number": 5,
    "a packed address": [127, 0, 0, 1],
    "a network": ipaddress.ip_network("127.0.0.0/8"),
}
# What the newest Python raises: UnicodeError is a ValueError; what is no name at all has no decode().
REFUSED = (ValueError, TypeError, AttributeError)


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("checked", [True, False])
def test_what_is_no_name_is_refused(name: str, checked: bool) -> None:
    context = ours.SSLContext(ours.PROTOCOL_TLS_CLIENT)
    context.check_hostname = checked
    outgoing = stdlib.MemoryBIO()
    with pytest.raises(REFUSED):
        context.wrap_bio(stdlib.MemoryBIO(), outgoing, server_hostname=WRONG[name])
    assert outgoing.pending == 0
    near, far = socket.socketpair()
    with near, far, pytest.raises(REFUSED):
        context.wrap_socket(near, server_hostname=WRONG[name], do_handshake_on_connect=False)


def test_a_refused_name_closes_the_socket() -> None:
    """As in Python 3.13."""
    near, far = socket.socketpair()
    with far, pytest.raises(UnicodeError):
        stdlib.create_default_context().wrap_socket(near, server_hostname=".example")
    assert near.fileno() == -1


TRIED: dict[str, Callable[[], Any]] = {
    "str": lambda: "localhost",
    "bytes": lambda: b"localhost",
    "an address": lambda: ipaddress.ip_address("127.0.0.1"),
}


@pytest.mark.parametrize("name", TRIED)
def test_the_name_is_sent_and_verified(
    version: ssl.TLSVersion, ca: Identity, server_identity: Identity, name: str
) -> None:
    client, server = client_context(ca, version=version), server_context(server_identity, version=version)
    asked: list[Any] = []
    server.sni_callback = lambda _end, sent, _context: asked.append(sent)
    Pair(client, server, server_hostname=TRIED[name]()).handshake()
    assert asked == [None if name == "an address" else "localhost"]
    for other in ("localhost.example", ipaddress.ip_address("127.0.0.2")):
        with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
            Pair(client, server, server_hostname=other).handshake()


def test_a_socket_has_the_same_name() -> None:
    context = ours.SSLContext(ours.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    for name, expected in NAMES.values():
        with socket.socket() as plain, context.wrap_socket(plain, server_hostname=name) as wrapped:
            assert wrapped.server_hostname == expected


def test_without_the_package_it_is_pythons_idna() -> None:
    program = """
import sys, ssl
sys.modules["idna"] = None
from openssl_bio import stdlib
for name in ("straße.de", "bücher.de", "☃.net"):
    context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_CLIENT)
    found = context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_hostname=name).server_hostname
    assert found == name.encode("idna").decode("ascii"), found
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
