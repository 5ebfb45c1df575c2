"""When the C engine lets go of the GIL: in each large operation, and in no small one."""

from __future__ import annotations

import ssl
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openssl_bio import SSL
from openssl_bio._core import engines
from tests.helpers import TIMEOUT, Identity, Pair
from tests.stdlib import helpers as stdlib_helpers

pytestmark = [
    pytest.mark.skipif(engines.Engine.__module__ != "openssl_bio._core.native", reason="cffi lets go in every call"),
    pytest.mark.skipif(bool(sysconfig.get_config_var("Py_GIL_DISABLED")), reason="there is no GIL"),
]
LARGE = bytes(1 << 20)
INTO = bytearray(1 << 24)


@pytest.fixture
def turns() -> Iterator[Callable[[], int]]:
    """How often another thread had the GIL, which wants it all the time and gets it only when it is let go."""
    count, over, interval = [0], [False], sys.getswitchinterval()

    def work() -> None:
        while not over[0]:
            count[0] += 1
            time.sleep(0)

    thread = threading.Thread(target=work)
    sys.setswitchinterval(TIMEOUT)
    thread.start()
    time.sleep(0.05)
    try:
        yield lambda: count[0]
    finally:
        over[0] = True
        sys.setswitchinterval(interval)
        thread.join()


def test_small_operations_keep_it(pair: Pair, turns: Callable[[], int]) -> None:
    before = turns()
    for _ in range(1000):
        assert pair.server.receive_data(pair.client.send_data(b"x" * 100)) == b"x" * 100
        pair.client.send(b"x" * 100)
        pair.server.bio_write(pair.client.bio_read(1000))
        assert pair.server.recv(1000) == b"x" * 100
        with pytest.raises(SSL.WantReadError):
            pair.server.recv(1000)
    assert turns() == before


def test_memory_bios_of_python_need_it(ca: Identity, server_identity: Identity, turns: Callable[[], int]) -> None:
    """They need it for each record, so it is kept, but where that would take long."""
    client, server = stdlib_helpers.client_context(ca), stdlib_helpers.server_context(server_identity)
    pair = stdlib_helpers.Pair(client, server, ssl.MemoryBIO).handshake()
    before = turns()
    for _ in range(50):
        assert pair.client.write(LARGE[: len(LARGE) // 2]) == len(LARGE) // 2
        assert sum(len(pair.server.read(1 << 18)) for _ in range(2)) == len(LARGE) // 2
    assert turns() == before
    for _ in range(300):
        pair.client.write(LARGE)
        if turns() > before:
            return
    raise AssertionError("it is never let go")


READS: dict[str, Callable[[Any], int]] = {
    "read": lambda server: len(server.read(1 << 24)),
    "read into": lambda server: server.read(1 << 24, INTO),
    "receive_data": lambda server: len(server.receive_data(b"")),
}


@pytest.mark.parametrize("begun", [3, 7], ids=["in a header", "in a record"])
@pytest.mark.parametrize("how", READS)
@pytest.mark.parametrize("tls", stdlib_helpers.VERSIONS)
def test_large_reads_begin_anywhere(
    tls: ssl.TLSVersion, how: str, begun: int, ca: Identity, server_identity: Identity, turns: Callable[[], int]
) -> None:
    """How large they are is known, but not in how many pieces, where libssl has the beginning of a record already."""
    client = stdlib_helpers.client_context(ca, version=tls)
    server = stdlib_helpers.server_context(server_identity, version=tls)
    pair = stdlib_helpers.Pair(client, server, ssl.MemoryBIO).handshake()
    for _ in range(300):
        pair.client.write(LARGE * 2)
        ciphertext = pair.to_server.read()
        pair.to_server.write(ciphertext[:begun])
        assert stdlib_helpers.wants_read(lambda: pair.server.read(1))
        pair.to_server.write(ciphertext[begun:])
        before = turns()
        assert READS[how](pair.server) == len(LARGE) * 2
        if turns() > before:
            return
    raise AssertionError("it is never let go")


def test_large_operations_let_go(pair: Pair, turns: Callable[[], int]) -> None:
    """Not each time is the other thread quick enough to take it."""
    seen: set[str] = set()

    def watched(call: Callable[[bytes], bytes | int], argument: Any) -> Any:
        before = turns()
        answer = call(argument)
        if turns() > before:
            seen.add(call.__name__)
        return answer

    for _ in range(300):
        assert watched(pair.server.receive_data, watched(pair.client.send_data, LARGE)) == LARGE
        watched(pair.client.send, LARGE)
        pair.server.bio_write(pair.client.data_to_send())
        assert watched(pair.server.recv, len(LARGE)) == LARGE
        if len(seen) == 4:
            return
    raise AssertionError(seen)
