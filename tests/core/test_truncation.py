"""The bytes of a conversation end anywhere, or come in any pieces: both faces tell a cut from a clean close.

``TRUNCATION=all pytest tests/core/test_truncation.py`` cuts at every byte of conversations with certificates, too; that
takes minutes, and pre-shared keys make shorter ones.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openssl_bio import SSL, stdlib
from tests.core.ciphertext import Ciphertext
from tests.helpers import Identity, client_context, server_context
from tests.stdlib import helpers as stdlib_helpers

ALL = os.environ.get("TRUNCATION") == "all"
MESSAGES = [b"first", b"second, which is longer"]
WANTS = (SSL.WantReadError, ssl.SSLWantReadError)
VERSIONS = {SSL.TLS1_2_VERSION: ssl.TLSVersion.TLSv1_2, SSL.TLS1_3_VERSION: ssl.TLSVersion.TLSv1_3}


@dataclass
class End(Ciphertext):
    """One end of a conversation: it shakes hands, says what it has to say, closes and reads up to the end."""

    connection: Any
    incoming: Any = None  # of the stdlib's face
    outgoing: Any = None
    says: list[bytes] = field(default_factory=lambda: list(MESSAGES))
    expects: int = sum(map(len, MESSAGES))
    got: bytearray = field(default_factory=bytearray)
    how: str = ""  # it has ended
    done: bool = False

    def step(self) -> None:
        """Do what can be done now."""
        try:
            self._step()
        except WANTS:
            return
        except SSL.ZeroReturnError:
            self.how = "closed"
        except (SSL.SysCallError, ssl.SSLEOFError):
            self.how = "cut"
        except (SSL.Error, ssl.SSLError) as error:
            self.how = f"failed: {error}"

    def _step(self) -> None:
        if not self.done:
            self.connection.do_handshake()
            self.done = True
        closes = bool(self.says) and self.incoming is None
        while self.says:
            self.connection.write(self.says.pop(0))
        if closes:
            self.connection.shutdown()
        # The stdlib's unwrap() waits for the other end's, and stumbles over data that comes before that.
        while self.incoming is None or len(self.got) < self.expects:
            data = self.connection.read(7)
            self.got += data
            if not data:  # the end, in the stdlib's way
                self.how = "closed early"
                return
        self.connection.unwrap()
        self.how = "closed"


def secret(*_arguments: Any) -> bytes:
    return b"k" * 32


def pyopenssl_ends(version: int, identities: tuple[Identity, Identity] | None) -> tuple[End, End]:
    if identities:
        contexts = client_context(version, identities[0]), server_context(version, identities[1])
    else:
        contexts = SSL.Context(SSL.TLS_METHOD), SSL.Context(SSL.TLS_METHOD)
        for context in contexts:
            context.set_min_proto_version(version)
            context.set_max_proto_version(version)
            context.set_cipher_list(b"PSK")
        contexts[1].set_options(SSL.OP_NO_TICKET)  # sealed ones have numbers in them, and so not always one length
        contexts[0].set_psk_client_callback(lambda *_: (b"me", secret()))
        contexts[1].set_psk_server_callback(secret)
    client, server = SSL.Connection(contexts[0]), SSL.Connection(contexts[1])
    client.set_connect_state()
    server.set_accept_state()
    return End(client), End(server)


def stdlib_ends(version: int, identities: tuple[Identity, Identity] | None) -> tuple[End, End]:
    client: Any
    server: Any
    if identities:
        client = stdlib_helpers.client_context(identities[0], version=VERSIONS[version])
        server = stdlib_helpers.server_context(identities[1], version=VERSIONS[version])
    else:
        client, server = stdlib.SSLContext(ssl.PROTOCOL_TLS_CLIENT), stdlib.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
        for context in (client, server):
            context.minimum_version = context.maximum_version = VERSIONS[version]
            context.set_ciphers("PSK")
        server.options |= ssl.OP_NO_TICKET
        client.set_psk_client_callback(lambda _hint: ("me", secret()))
        server.set_psk_server_callback(secret)
    ends = []
    for context, options in ((client, {"server_hostname": "localhost"}), (server, {"server_side": True})):
        incoming, outgoing = stdlib.MemoryBIO(), stdlib.MemoryBIO()
        ends.append(End(context.wrap_bio(incoming, outgoing, **options), incoming, outgoing))
    return ends[0], ends[1]


FACES = {"pyOpenSSL": pyopenssl_ends, "ssl": stdlib_ends}


def talk(ends: tuple[End, End], victim: int, limit: int | None = None) -> int:
    """Let two ends talk, and cut what comes to one of them after so many bytes; how many it got."""
    total = 0
    for _ in range(12):
        for index, end in enumerate(ends):
            if not end.how:
                end.step()
            data = end.taken()
            if index == victim:
                ends[1 - index].put(data)
                continue
            whole = len(data)
            if limit is not None and total + whole > limit:
                ends[victim].put(data[: limit - total])
                ends[victim].cut()
                ends[victim].step()
                ends[victim].step()
                return limit
            ends[victim].put(data)
            total += whole
    return total


@pytest.mark.parametrize("victim", [0, 1], ids=["to the client", "to the server"])
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("kind", ["pre-shared key", "certificates"])
def test_every_truncation_is_told_from_a_close(
    kind: str, face: str, victim: int, version: int, ca: Identity, server_identity: Identity
) -> None:
    """At each byte but the last: what was read is the beginning of what was sent, and the end is a cut."""
    identities = (ca, server_identity) if kind == "certificates" else None
    whole = FACES[face](version, identities)
    size = talk(whole, victim)
    assert [end.how for end in whole] == ["closed", "closed"]
    message = b"".join(MESSAGES)
    assert whole[victim].got == message
    # The last record is the close_notify; signatures differ in length, so the very end is left to the other kind.
    last = size - (6 if identities else 0)
    wrong = []
    for limit in range(0, last, 1 if ALL or not identities else 37):
        ends = FACES[face](version, identities)
        talk(ends, victim, limit)
        end = ends[victim]
        if end.how != "cut" or not message.startswith(end.got):
            wrong.append((limit, end.how, bytes(end.got)))
    assert wrong == []


pieces = st.lists(st.integers(1, 400), min_size=1, max_size=30)


@pytest.mark.parametrize("face", FACES)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=pieces, sizes=st.lists(st.integers(0, 20_000), min_size=1, max_size=4))
def test_pieces_change_nothing(face: str, version: int, cuts: list[int], sizes: list[int]) -> None:
    """Ciphertext in any pieces, cut and joined anywhere: the plaintext is what was sent, and the close is clean."""
    client, server = FACES[face](version, None)
    data = [bytes([number]) * size for number, size in enumerate(sizes)]
    client.says, client.expects = list(data) or [b""], 0
    server.says, server.expects = [b""], sum(sizes)
    waiting, at = [b"", b""], 0
    for _ in range(4000):
        for index, end in enumerate((client, server)):
            if not end.how:
                end.step()
            waiting[1 - index] += end.taken()
            size, at = cuts[at % len(cuts)] * (1 if at % 3 else 50), at + 1
            end.put(waiting[index][:size])
            waiting[index] = waiting[index][size:]
        if client.how and server.how:
            break
    assert (client.how, server.how) == ("closed", "closed")
    assert server.got == b"".join(data)
