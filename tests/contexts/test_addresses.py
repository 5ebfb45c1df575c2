"""Clients of IP addresses, most of which go a short way: each is verified as what Python's `ipaddress` takes it for."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from openssl_bio import SSL
from tests.contexts.faces import VERSIONS, Face, credential
from tests.contexts.pki import Issued
from tests.helpers import Pair, client_context, server_context

NO_SUCH_NAME, NO_SUCH_ADDRESS = 62, 64

# What a host is written like, another address that is near, and one that only looks like it.
ADDRESSES = [
    ("192.0.2.1", "192.0.2.2"),
    ("0.0.0.0", "0.0.0.1"),
    ("255.255.255.255", "255.255.255.254"),
    ("::", "::1"),
    ("::1", "1::"),
    ("::1", "0.0.0.1"),
    ("2001:db8::1", "2001:db8::2"),
    ("2001:DB8:0::1", "2001:db8:0:1::1"),
    ("2001:0db8:0:0:0:0:0:1", "2001:db80::1"),
    ("1:0:0:4:0:0:0:8", "1:0:0:0:4:0:0:8"),
    ("1:0:0:4::8", "1::4:0:0:8"),
    ("1::4:5:0:0:8", "1:0:0:4:5::9"),
    ("1:0:3:4:5:6:7:8", "1:3:0:4:5:6:7:8"),
    ("1:2:3:4:5:6:7::", "0:1:2:3:4:5:6:7"),
    ("2001:db8:85a3:8d3:1319:8a2e:370:7348", "2001:db8:85a3:8d3:1319:8a2e:370:7349"),
    ("::ffff:192.0.2.1", "192.0.2.1"),
    ("::ffff:c000:201", "::ffff:192.0.2.2"),
    ("::192.0.2.1", "192.0.2.1"),
]


def refused(pair: Any) -> tuple[int, str | None]:
    """The code of why a handshake's certificate was refused, and for which host."""
    with pytest.raises(Exception, match="certificate verify failed") as caught:
        pair.handshake()
    error: Any = caught.value
    return error.code if isinstance(error, SSL.VerificationError) else error.verify_code, error.name


@pytest.mark.parametrize(("host", "other"), ADDRESSES)
def test_an_address_is_verified(face: Face, version: str, root: Issued, host: str, other: str) -> None:
    """A certificate for it passes; one for another fails, and the exception has the address in its usual form."""
    client, usual = face.client(version, root), str(ipaddress.ip_address(host))
    right, wrong = (root.issue("localhost", address=address) for address in (host, other))
    for _ in range(2):
        assert face.pair_for(client, face.server(version, credential(right)), host).handshake()
        pair = face.pair_for(client, face.server(version, credential(wrong)), host)
        assert refused(pair) == (NO_SUCH_ADDRESS, usual)


def test_an_address_is_no_name(face: Face, version: str, root: Issued) -> None:
    """Neither the name in a certificate nor what looks like an address counts for one."""
    server = face.server(version, credential(root.issue("192.0.2.1", address="192.0.2.2")))
    client = face.client(version, root)
    assert refused(face.pair_for(client, server, "192.0.2.1")) == (NO_SUCH_ADDRESS, "192.0.2.1")
    for host in ("0192.0.2.2", "192.0.2.02", "192.0.2.2.", "3221225986"):
        with suppress(face.error):  # OpenSSL 4.0 may refuse them at once
            pair = face.pair_for(client, server, host)
            assert refused(pair) == (NO_SUCH_NAME, host)


# -- what is an address ------------------------------------------------------------------------------------------------


def meant(host: str) -> str | None:
    """What `ipaddress` takes a host for, in its usual form."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None


texts = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda address: address.exploded),
    st.lists(st.sampled_from(["0", "1", "9", "01", "10", "255", "256", "1000", "", "a"]), min_size=3, max_size=5).map(
        ".".join
    ),
    st.lists(
        st.sampled_from(["", "", "0", "0", "1", "f", "F", "00", "0f", "10", "ffff", "10000", "g", "1.2.3.4", "::"]),
        min_size=2,
        max_size=9,
    ).map(":".join),
    st.text("0123456789abcdefABCDEF:.%x/ \0", min_size=1, max_size=16),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts)
@example("1.2.3.4\0")
@example("::1\0")
@example("fe80::1%eth0")
@example("::ffff:1.2.3.4")
def test_it_is_what_python_says(face: Face, root: Issued, leaf: Issued, host: str) -> None:
    """Whatever the host is, it is verified as that, or refused."""
    client, server = face.client("1.3", root), face.server("1.3", credential(leaf))
    address = meant(host)
    try:
        pair = face.pair_for(client, server, host)
    except (ValueError, TypeError, face.error):
        assert address is None or "%" in address
        return
    if address is None:
        assert refused(pair) == (NO_SUCH_NAME, host.lower())
    elif address == "127.0.0.1":
        assert pair.handshake()
    else:
        assert refused(pair) == (NO_SUCH_ADDRESS, address)


def written(groups: list[str]) -> Iterator[str]:
    """An IPv6 address with "::" for nothing, and for each run of zeros and each part of one."""
    yield ":".join(groups)
    for first, last in itertools.combinations(range(len(groups) + 1), 2):
        if set(groups[first:last]) == {"0"}:
            yield ":".join(groups[:first]) + "::" + ":".join(groups[last:])


def test_all_ways_to_write_zeros(ca: Any, server_identity: Any) -> None:
    """What is demanded is kept in the usual form, which a session of no host is told to be refused for."""
    number = VERSIONS["1.3"][0]
    client = client_context(number, ca)
    session = Pair(client, server_context(number, server_identity)).handshake().client.get_session()
    assert session is not None
    for zeros in itertools.product((False, True), repeat=8):
        groups = ["0" if is_zero else f"{place:x}a" for place, is_zero in enumerate(zeros)]
        for text in written(groups):
            connection = SSL.Connection(client)
            connection.set_verify_host(text)
            with pytest.raises(ValueError, match="verified for no host") as caught:
                connection.set_session(session)
            assert str(caught.value).endswith(f"not for the host {meant(text)!r}"), text
