"""Every operation in every state of a connection, ours and Python's side by side: the same results and exceptions.

Items 79 to 101 of the contract.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.helpers import Identity
from tests.stdlib.helpers import Pair, as_newer_ones, client_context, ours, python, server_context, told

MODULES = (ours, python)


def attempt(call: Callable[[], Any]) -> Any:
    """What a call returns, or what its exception tells."""
    try:
        return call()
    except Exception as error:
        return told(error)


# -- states -----------------------------------------------------------------------------------------------------------


def cut(pair: Pair) -> None:
    pair.to_client.write_eof()
    pair.to_server.write_eof()


def half(pair: Pair) -> None:
    """The client has said hello, and the server has answered."""
    attempt(pair.client.do_handshake)
    attempt(pair.server.do_handshake)


def done(pair: Pair) -> None:
    pair.handshake()


def with_data(pair: Pair) -> None:
    done(pair)
    pair.client.write(b"to the server")
    pair.server.write(b"to the client")


def partly_read(pair: Pair) -> None:
    with_data(pair)
    pair.client.read(3)
    pair.server.read(3)


def cut_record(pair: Pair) -> None:
    """Half a record, and nothing after it."""
    done(pair)
    for bio, end in ((pair.to_client, pair.server), (pair.to_server, pair.client)):
        end.write(b"never to be read")
        bio.write(bio.read()[:-5])


def we_closed(pair: Pair) -> None:
    done(pair)
    attempt(pair.client.unwrap)


def peer_closed(pair: Pair) -> None:
    done(pair)
    attempt(pair.server.unwrap)


def peer_closed_and_seen(pair: Pair) -> None:
    peer_closed(pair)
    attempt(lambda: pair.client.read(1))


def both_closed(pair: Pair) -> None:
    done(pair)
    for end in (pair.client, pair.server, pair.client):
        attempt(end.unwrap)


def data_then_closed(pair: Pair) -> None:
    with_data(pair)
    attempt(pair.server.unwrap)


def and_then_cut(state: Callable[[Pair], None]) -> Callable[[Pair], None]:
    def both(pair: Pair) -> None:
        state(pair)
        cut(pair)

    return both


STATES: dict[str, Callable[[Pair], None]] = {
    "new": lambda _pair: None,
    "half": half,
    "done": done,
    "with data": with_data,
    "partly read": partly_read,
    "cut record": cut_record,
    "we closed": we_closed,
    "peer closed": peer_closed,
    "peer closed, and seen": peer_closed_and_seen,
    "both closed": both_closed,
    "data, then closed": data_then_closed,
}
STATES |= {f"{name}, cut": and_then_cut(state) for name, state in STATES.items()}

# -- operations -------------------------------------------------------------------------------------------------------

OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "do_handshake": lambda end: end.do_handshake(),
    "read": lambda end: end.read(100),
    "read nothing": lambda end: end.read(0),
    "read less than nothing": lambda end: end.read(-1),
    "read into": lambda end: (buffer := bytearray(100), end.read(100, buffer), bytes(buffer))[1:],
    "read into nothing": lambda end: end.read(100, bytearray()),
    "write": lambda end: end.write(b"data"),
    "write nothing": lambda end: end.write(b""),
    "unwrap": lambda end: end.unwrap(),
    "pending": lambda end: end.pending(),
    "getpeercert": lambda end: end.getpeercert(),
    "getpeercert in DER": lambda end: end.getpeercert(True),
    "version and cipher": lambda end: (end.version(), end.cipher(), end.compression()),
    "names": lambda end: (end.server_hostname, end.server_side, end.selected_alpn_protocol()),
    "session_reused": lambda end: end.session_reused,
    "is there a session": lambda end: end.session is None,
    "set a session": lambda end: setattr(end, "session", end.session),
    "set the context": lambda end: setattr(end, "context", end.context),
    "shared_ciphers": lambda end: end.shared_ciphers(),
    "channel binding": lambda end: len(end.get_channel_binding() or b"") if end.version() != "TLSv1.3" else None,
    "verify_client_post_handshake": lambda end: end.verify_client_post_handshake(),
}


# Where Python's has an error of its own: it cannot write an unfinished session down, and ours need not.
NO_SESSION = "i2d() failed"


def is_fatal(answer: Any) -> bool:
    """A failure after which the connection is of no use."""
    kinds = (ssl.SSLWantReadError, ssl.SSLZeroReturnError)
    reasons = ("PROTOCOL_IS_SHUTDOWN", "SHUTDOWN_WHILE_IN_INIT")
    if not (isinstance(answer, tuple) and answer and isinstance(answer[0], type)):
        return False
    return issubclass(answer[0], ssl.SSLError) and answer[0] not in kinds and answer[3] not in reasons


@as_newer_ones
@pytest.mark.parametrize("state", STATES)
def test_each_operation_twice(ca: Identity, server_identity: Identity, version: Any, state: str) -> None:
    """Each operation, by each end, twice: the second sees what the first has left.

    After a fatal error ours raises that error again, whatever is called; Python's may raise anything.
    """
    contexts = [(client_context(ca, m, version), server_context(server_identity, m, version)) for m in MODULES]
    for name, operation in OPERATIONS.items():
        for side in ("client", "server"):
            mine, original = (
                run(module, both, state, side, operation) for module, both in zip(MODULES, contexts, strict=True)
            )
            if NO_SESSION in str(original.answers[0]):
                continue
            if mine.failed_before or is_fatal(mine.answers[0]):
                assert mine.answers[1] == mine.answers[0], (name, side)
                original.answers.pop()
                mine.answers.pop()
            if not mine.failed_before:
                assert mine == original, (name, side)


@dataclass
class Found:
    """What two calls answered, what is in the BIOs afterwards, and whether the state was one of failure."""

    answers: list[Any]
    to_client: bool
    to_server: bool
    failed_before: bool


def run(module: Any, contexts: Any, state: str, side: str, operation: Callable[[Any], Any]) -> Found:
    pair = Pair(*contexts, module.MemoryBIO)
    STATES[state](pair)
    end = getattr(pair, side)
    failed = state.startswith("data, then closed") and side == "server"
    answers = [attempt(lambda: operation(end)) for _ in range(2)]
    return Found(answers, pair.to_client.pending > 0, pair.to_server.pending > 0, failed)
