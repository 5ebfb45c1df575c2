"""The faces on either engine, driven with the same calls, give the same answers and the same exceptions.

Each engine has a process of its own (`driven`). ``EXAMPLES=2000 pytest --timeout 0 tests/core/test_faces_agree.py``
looks longer.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import Any, ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from openssl_bio import crypto
from tests.core.driven import KINDS, PEEK
from tests.core.test_engines_agree import identity
from tests.programs import environment

EXAMPLES = int(os.environ.get("EXAMPLES", "15"))
CERTIFICATE, KEY = identity(generate_private_key(65537, 2048))  # DTLS has no Ed25519
PEM = crypto.dump_certificate(crypto.FILETYPE_PEM, CERTIFICATE) + crypto.dump_privatekey(crypto.FILETYPE_PEM, KEY)

ENDS = st.sampled_from([0, 1])
SIZES = st.one_of(st.integers(0, 300), st.sampled_from([1023, 1024, 1025, 16384, 16385, 70_000, 1 << 20]))
ODD = st.one_of(SIZES, st.sampled_from([-1, 1 << 31, 1 << 62, 1 << 63, True, None, "1"]))
DATA = st.builds(lambda size, byte: bytes([byte]) * size, SIZES.filter(lambda n: n < 100_000), st.integers(0, 255))
PARTS = st.lists(DATA, max_size=5)
SELDOM = st.integers(0, 9)


class Engine:
    """A process with one of the engines."""

    def __init__(self, name: str) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.core.driven"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, env=environment(OPENSSL_BIO_ENGINE=name, PYTHONHASHSEED="0")
        )

    def ask(self, *command: Any) -> None:
        assert self._process.stdin is not None
        pickle.dump(command, self._process.stdin)
        self._process.stdin.flush()

    def answer(self) -> Any:
        assert self._process.stdout is not None
        return pickle.load(self._process.stdout)

    def stop(self) -> None:
        with self._process as process:
            process.kill()


class Agreement(RuleBasedStateMachine):
    """A pair of connections on each engine; every rule does the same to both."""

    engines: ClassVar[list[Engine]]
    kind: ClassVar[str]

    @initialize(version=st.sampled_from([0x303, 0x304]), shaken=st.booleans())
    def start(self, version: int, shaken: bool) -> None:
        assert self.both("make", self.kind, PEM, version)[0] == ("returned", None)
        # Before that is over datagrams are sent again as time goes by.
        for end in (0, 1) * (4 if shaken or self.kind == "datagrams" else 0):
            self.both("handshake", end)
            self.carry_all()

    def both(self, *command: Any) -> Any:
        for engine in self.engines:
            engine.ask(*command)
        in_c, reference = (engine.answer() for engine in self.engines)
        assert in_c == reference, command
        return in_c

    def carry_all(self) -> None:
        if "share" not in self.kind:
            self.both("all_ways")

    @rule(end=ENDS)
    def handshake(self, end: int) -> None:
        self.both("handshake", end)

    @rule(end=ENDS, size=ODD)
    def read(self, end: int, size: Any) -> None:
        self.both("read", end, size)

    @rule(end=ENDS, size=SIZES)
    def peek(self, end: int, size: int) -> None:
        self.both("read", end, size, PEEK)

    @rule(
        end=ENDS, size=SIZES, most=st.one_of(st.just([]), ODD.map(lambda n: [n])), flags=st.sampled_from([[], [PEEK]])
    )
    def read_into(self, end: int, size: int, most: list[Any], flags: list[int]) -> None:
        self.both("read_into", end, size, *most, *(flags if most else []))

    @rule(end=ENDS, data=DATA, kind=st.sampled_from(["bytes", "bytearray", "memoryview"]))
    def write(self, end: int, data: bytes, kind: str) -> None:
        self.both("write", end, data, kind)

    @rule(end=ENDS, parts=PARTS)
    def corked(self, end: int, parts: list[bytes]) -> None:
        self.both("corked", end, parts)

    @rule()
    def move_all(self) -> None:
        self.carry_all()

    @rule(end=ENDS, size=SIZES)
    def move(self, end: int, size: int) -> None:
        if "share" not in self.kind:  # there it would be put behind what follows it
            self.both("carry", end, size)

    @rule(end=ENDS, harm=st.integers(0, 100_000), chance=SELDOM)
    def damage(self, end: int, harm: int, chance: int) -> None:
        if chance == 0 and "share" not in self.kind:
            self.both("carry", end, 1 << 20, harm)

    @rule(end=ENDS, chance=SELDOM)
    def close(self, end: int, chance: int) -> None:
        if chance < 2:
            self.both("close", end)

    @rule(end=ENDS, chance=SELDOM)
    def mark_eof(self, end: int, chance: int) -> None:
        if chance == 0:
            if "Python" in self.kind:  # the C engine does not ask behind each record whether that was the last
                self.both("read", end, 1 << 20)
            self.both("end", end)

    @rule(end=ENDS, chance=SELDOM)
    def what_follows(self, end: int, chance: int) -> None:
        """Whoever closes may go on without TLS: that is for others to read."""
        if chance == 0:
            for name in ("close", "close", "follow"):
                self.both(name, 1 - end if name == "close" else end)
                self.carry_all()
            for name in ("read", "close", "left"):
                self.both(name, end, *((1 << 20,) if name == "read" else ()))

    @rule(end=ENDS, data=DATA)
    def one_call(self, end: int, data: bytes) -> None:
        self.both("send_data", end, data)

    @rule(end=ENDS, parts=PARTS)
    def one_call_for_many(self, end: int, parts: list[bytes]) -> None:
        self.both("send_many", end, parts)

    @rule(end=ENDS, at=st.integers(0, 1000))
    def one_call_in_parts(self, end: int, at: int) -> None:
        self.both("in_parts", end, at)


@pytest.fixture(scope="module")
def engines() -> Any:
    both = [Engine("c"), Engine("cffi")]
    yield both
    for engine in both:
        engine.stop()


@pytest.mark.parametrize("kind", KINDS)
def test_faces_agree(kind: str, engines: list[Engine]) -> None:
    machine: Any = type("Machine", (Agreement,), {"kind": kind, "engines": engines})
    machine.TestCase.settings = settings(
        max_examples=EXAMPLES, stateful_step_count=40, derandomize="EXAMPLES" not in os.environ
    )
    machine.TestCase().runTest()
