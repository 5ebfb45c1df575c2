"""Both engines, driven with the same calls, give the same answers and the same exceptions.

``EXAMPLES=2000 pytest --timeout 0 tests/core/test_engines_agree.py`` looks longer.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from openssl_bio import SSL, crypto
from openssl_bio._core import engine, native
from openssl_bio._core._lib import lib
from openssl_bio._core.errors import ErrorTable
from openssl_bio.pyopenssl._errors import SSL_ERRORS
from tests.core.crowd import Crowd

EXAMPLES = int(os.environ.get("EXAMPLES", "25"))


def identity(key: Ed25519PrivateKey | RSAPrivateKey) -> tuple[crypto.X509, crypto.PKey]:
    """A certificate whose signatures all have the same length, so that all flights have."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "agree.test")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1000, now - timedelta(1), now + timedelta(1))
    signed = builder.sign(key, SHA256() if isinstance(key, RSAPrivateKey) else None)
    return crypto.X509.from_cryptography(signed), crypto.PKey.from_cryptography_key(key)


CERTIFICATE, KEY = identity(Ed25519PrivateKey.generate())


class Reference(engine.Engine):
    """The reference engine by itself."""

    _errors: ClassVar[ErrorTable] = SSL_ERRORS

    def __init__(self, context: Any, *, server: bool) -> None:
        self._open(context._use().address, None, None)
        self._become_server() if server else self._become_client()


class InC(native.Engine):
    """The C engine by itself."""

    _errors: ClassVar[ErrorTable] = SSL_ERRORS

    def __init__(self, context: Any, *, server: bool) -> None:
        self._open(context._use().address, None, None)
        self._become_server() if server else self._become_client()


# What adds other amounts to a record.
CIPHERS = [b"DEFAULT", b"ECDHE-ECDSA-AES128-CCM8", b"ECDHE-ECDSA-AES128-SHA", b"ECDHE-ECDSA-NULL-SHA"]
SUITES = [b"TLS_AES_256_GCM_SHA384", b"TLS_CHACHA20_POLY1305_SHA256", b"TLS_AES_128_CCM_8_SHA256"]


def contexts(version: int, partial: bool, ciphers: int = 0) -> tuple[SSL.Context, SSL.Context]:
    made = SSL.Context(SSL.TLS_METHOD), SSL.Context(SSL.TLS_METHOD)
    for context in made:
        context.set_min_proto_version(version)
        context.set_max_proto_version(version)
        context.set_options(SSL.OP_NO_TICKET)  # the length of a ticket depends on chance
        context.set_cipher_list(CIPHERS[ciphers % len(CIPHERS)] + b":@SECLEVEL=0")
        context.set_tls13_ciphersuites(SUITES[ciphers % len(SUITES)])
        if partial:
            context.set_mode(SSL.MODE_RELEASE_BUFFERS | lib.SSL_MODE_ENABLE_PARTIAL_WRITE)
    made[1].use_certificate(CERTIFICATE)
    made[1].use_privatekey(KEY)
    return made


@functools.cache
def crowd() -> Crowd:
    return Crowd(*contexts(0x304, partial=False))


def answer(call: Callable[[], Any]) -> tuple[str, Any]:
    """What a call gave, or the exception it raised."""
    try:
        return "returned", call()
    except Exception as error:
        return type(error).__name__, str(error)


ENDS = st.sampled_from([0, 1])
SIZES = st.one_of(st.integers(0, 300), st.sampled_from([1023, 1024, 1025, 16384, 16385, 70_000, 1 << 20]))
DATA = st.builds(lambda size, byte: bytes([byte]) * size, SIZES.filter(lambda n: n < 100_000), st.integers(0, 255))


class Agreement(RuleBasedStateMachine):
    """Two pairs of connections, one for each engine; every rule does the same to both."""

    pairs: list[tuple[Any, Any]]

    @initialize(
        version=st.sampled_from([0x303, 0x304]), partial=st.booleans(), shaken=st.booleans(), ciphers=st.integers(0, 3)
    )
    def start(self, version: int, partial: bool, shaken: bool, ciphers: int) -> None:
        made = contexts(version, partial, ciphers)
        self.pairs = [(kind(made[0], server=False), kind(made[1], server=True)) for kind in (Reference, InC)]
        if shaken:
            for _ in range(5):
                for end in (0, 1):
                    self.both(lambda pair, end=end: pair[end]._handshake())
                    self.carry(end, 1 << 20)

    def both(self, call: Callable[[tuple[Any, Any]], Any]) -> Any:
        reference, in_c = (answer(lambda pair=pair: call(pair)) for pair in self.pairs)
        shown = [str(x)[:200] for x in (reference, in_c)]
        assert in_c == reference, shown
        return reference

    def carry(self, end: int, size: int, harm: int | None = None) -> None:
        """Ciphertext of one end to the other; ``harm`` is where a byte is changed."""
        sizes = []
        for pair in self.pairs:
            data = bytearray(pair[end]._take(size))
            sizes.append(len(data))
            if harm is not None and data:
                data[harm % len(data)] ^= 0x55
            assert pair[1 - end]._feed(bytes(data)) == len(data)
        assert sizes[0] == sizes[1]

    @rule()
    def others_work(self) -> None:
        """So many that this pair's memory is taken away."""
        crowd().work()

    @rule(end=ENDS)
    def handshake(self, end: int) -> None:
        self.both(lambda pair: pair[end]._handshake())

    @rule(end=ENDS, size=SIZES)
    def read(self, end: int, size: int) -> None:
        self.both(lambda pair: pair[end]._read(size))

    @rule(end=ENDS, size=SIZES)
    def read_into(self, end: int, size: int) -> None:
        def call(pair: tuple[Any, Any]) -> tuple[int, bytes]:
            buffer = bytearray(size)
            return pair[end]._read_into(buffer, size), bytes(buffer)

        self.both(call)

    @rule(end=ENDS, size=SIZES)
    def peek(self, end: int, size: int) -> None:
        self.both(lambda pair: pair[end]._peek(size))

    @rule(end=ENDS, data=DATA)
    def write(self, end: int, data: bytes) -> None:
        self.both(lambda pair: pair[end]._write(data))

    @rule(end=ENDS, size=SIZES)
    def move(self, end: int, size: int) -> None:
        self.carry(end, size)

    @rule(end=ENDS)
    def move_all(self, end: int) -> None:
        self.carry(end, 1 << 30)

    @rule(end=ENDS, harm=st.integers(0, 100_000), chance=st.integers(0, 9))
    def damage(self, end: int, harm: int, chance: int) -> None:
        if chance == 0:
            self.carry(end, 1 << 20, harm)

    @rule(end=ENDS, chance=st.integers(0, 4))
    def shutdown(self, end: int, chance: int) -> None:
        if chance == 0:
            self.both(lambda pair: pair[end]._shutdown())

    @rule(end=ENDS, chance=st.integers(0, 9))
    def mark_eof(self, end: int, chance: int) -> None:
        if chance == 0:
            self.both(lambda pair: pair[end]._mark_eof())

    @rule(end=ENDS, data=DATA)
    def one_call(self, end: int, data: bytes) -> None:
        """Seal at one end, open at the other."""

        def call(pair: tuple[Any, Any]) -> tuple[int, bytes]:
            ciphertext = pair[end].send_data(data)
            return len(ciphertext), pair[1 - end].receive_data(ciphertext)

        self.both(call)

    @rule(end=ENDS, at=st.integers(0, 1000))
    def one_call_in_parts(self, end: int, at: int) -> None:
        def call(pair: tuple[Any, Any]) -> tuple[int, bytes, bytes]:
            ciphertext = pair[end].data_to_send()
            return len(ciphertext), *(pair[1 - end].receive_data(c) for c in (ciphertext[:at], ciphertext[at:]))

        self.both(call)

    @invariant()
    def states_agree(self) -> None:
        if hasattr(self, "pairs"):
            for end in (0, 1):
                self.both(lambda pair, end=end: pair[end]._pending_bytes())
                self.both(lambda pair, end=end: pair[end]._waiting_bytes())
                self.both(lambda pair, end=end: pair[end]._wants_read())
                self.both(lambda pair, end=end: pair[end]._failure and pair[end]._failure.kind)


Agreement.TestCase.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=30, derandomize="EXAMPLES" not in os.environ
)
TestEnginesAgree = Agreement.TestCase
