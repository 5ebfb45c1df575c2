"""Any public calls in any order with any arguments: no crash, no error left in the queue, no byte lost, closable.

``SEQUENCES=2000 pytest --timeout 0 tests/core/test_sequences.py`` makes a long run.
"""

from __future__ import annotations

import gc
import os
import ssl
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from openssl_bio import SSL
from openssl_bio._core._lib import lib
from tests.bugs.ends import Ends
from tests.helpers import Identity

EXAMPLES = int(os.environ.get("SEQUENCES", "25"))
SIDES = st.sampled_from(["client", "server"])
SIZES = st.sampled_from([0, 1, 5, 1000, 16384, 16385, 70_000])
# Arguments that some call or other refuses: each must say so with one of these.
REFUSALS = (SSL.Error, ssl.SSLError, ValueError, TypeError, RuntimeError, NotImplementedError, OverflowError)
VALUES = st.one_of(
    st.none(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, 1, 2, 3, 16, 0x303, 0x304, 1 << 31, -1]),
    st.binary(max_size=20),
    st.sampled_from([b"DEFAULT", b"ECDHE+AESGCM:@SECLEVEL=2", b"P-256", b"\0", b"h2", b"x" * 70000]),
    st.text(max_size=10),
    st.lists(st.sampled_from([b"h2", b"", "h2", 5]), max_size=2),
    st.just(lambda *_: True),
)
# What a connection or context must not be asked here: these move or change what the other rules count on.
MOVES = {
    *("send", "sendall", "write", "recv", "read", "recv_into", "send_data", "send_data_many", "receive_data"),
    *("data_to_send", "bio_read", "bio_write", "bio_shutdown", "shutdown", "unwrap", "renegotiate", "set_shutdown"),
    *("set_accept_state", "set_connect_state", "sock_shutdown", "set_ciphertext_mtu"),
    # They name files that are read or written.
    *("keylog_filename", "load_cert_chain", "load_dh_params", "load_tmp_dh", "load_client_ca", "load_verify_locations"),
    *("use_certificate_file", "use_certificate_chain_file", "use_privatekey_file", "set_default_verify_paths"),
    *("load_default_certs", "from_credential"),
}


def callables(thing: Any) -> list[str]:
    """Its public methods and properties."""
    return [name for name in dir(type(thing)) if not name.startswith("_") and name not in MOVES]


class Sequence(RuleBasedStateMachine):
    """Two ends, their contexts, and what was written and not yet read."""

    ends: Ends

    @initialize()
    def begin(self) -> None:
        self.contexts = {"client": self.ends.client(), "server": self.ends.server()}
        self.renew()

    @rule()
    def renew(self) -> None:
        """A new pair from the contexts, or from new ones if those have been set so that none can be made."""
        try:
            self.pair = self.ends.pair(self.contexts["client"], self.contexts["server"])
        except REFUSALS:
            self.contexts = {"client": self.ends.client(), "server": self.ends.server()}
            self.pair = self.ends.pair(self.contexts["client"], self.contexts["server"])
        self.written = {"client": bytearray(), "server": bytearray()}
        self.read = {"client": bytearray(), "server": bytearray()}
        self.closed: set[str] = set()

    @rule()
    def shake(self) -> None:
        for _ in range(3):
            for name in ("client", "server"):
                self._try(getattr(self.pair, name).do_handshake)
                self.ends.move(self.pair)

    @rule(side=SIDES, size=SIZES)
    def write(self, side: str, size: int) -> None:
        data = bytes([len(self.written[side]) % 251]) * size
        count = self._try(lambda: self.ends.write(getattr(self.pair, side), data))
        if count is not None:
            assert side not in self.closed or not size
            self.written[side] += data[:count]

    @rule(side=SIDES, size=SIZES, into=st.booleans())
    def read_some(self, side: str, size: int, into: bool) -> None:
        end = getattr(self.pair, side)
        if into:
            buffer = bytearray(size)
            count = self._try(lambda: self.ends.read_into(end, buffer))
            data = bytes(buffer[: count or 0])
        else:
            data = self._try(lambda: self.ends.read(end, size)) or b""
            assert len(data) <= size
        self.read["server" if side == "client" else "client"] += data

    @rule()
    def carry(self) -> None:
        self.ends.move(self.pair)

    @rule(side=SIDES)
    def close(self, side: str) -> None:
        self._try(lambda: self.ends.close(getattr(self.pair, side)))

    @rule(side=SIDES, where=st.sampled_from(["end", "context"]), choice=st.integers(0, 1000), values=st.data())
    def anything(self, side: str, where: str, choice: int, values: st.DataObject) -> None:
        """A public method or property, with arguments that may make no sense at all."""
        thing = getattr(self.pair, side) if where == "end" else self.contexts[side]
        names = callables(thing)
        name = names[choice % len(names)]
        count = values.draw(st.integers(0, 3))
        arguments = [values.draw(VALUES) for _ in range(count)]
        if isinstance(getattr(type(thing), name, None), property):
            if arguments:
                self._try(lambda: setattr(thing, name, arguments[0]))
            else:
                self._try(lambda: getattr(thing, name))
        elif callable(getattr(thing, name)):
            self._try(lambda: getattr(thing, name)(*arguments))

    @rule(side=SIDES)
    def other_context(self, side: str) -> None:
        """The connection gets the other end's context, and soon its own again."""
        end = getattr(self.pair, side)
        for name in ("client", "server"):
            self._try(lambda name=name: self.ends.set_context(end, self.contexts[name]))

    def _try(self, call: Any) -> Any:
        try:
            return call()
        except AttributeError:  # a property that cannot be set
            return None
        except REFUSALS:
            return None

    @invariant()
    def nothing_is_queued(self) -> None:
        assert lib.ERR_peek_error() == 0

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "pair"):
            for side in ("client", "server"):
                assert self.written[side].startswith(self.read[side])

    def teardown(self) -> None:
        if hasattr(self, "pair"):
            for side in ("client", "server"):
                self._try(lambda side=side: self.ends.close(getattr(self.pair, side)))
            del self.pair
            self.contexts.clear()
            gc.collect(0)
            assert lib.ERR_peek_error() == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("face", ["pyOpenSSL", "ssl"])
def test_any_sequence(face: str, version: int, ca: Identity, server_identity: Identity) -> None:
    machine: Any = type("Machine", (Sequence,), {"ends": Ends(face, version, ca, server_identity)})
    machine.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=40, derandomize=EXAMPLES < 100)
    machine.TestCase().runTest()
