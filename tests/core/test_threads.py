"""Sixteen threads on one context, and on one connection: nothing is lost or mixed, nothing crashes, nothing hangs.

``HAMMER_SECONDS=60 pytest tests/core/test_threads.py`` makes the long run that ``make hammer`` makes.
"""

from __future__ import annotations

import faulthandler
import itertools
import os
import random
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openssl_bio import SSL, stdlib
from tests.helpers import TIMEOUT, Identity, Pair, client_context, received, server_context
from tests.programs import python

SECONDS = float(os.environ.get("HAMMER_SECONDS", "0.5"))
THREADS = 16


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """A dead lock ends the run, and shows where each thread stands."""
    faulthandler.dump_traceback_later(SECONDS + 90, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


class Crew:
    """Threads that work until the time is over and enough is done, or one of them fails."""

    def __init__(self) -> None:
        self.problems: list[BaseException] = []
        self.over = threading.Event()
        self._threads: list[threading.Thread] = []

    def add(self, work: Callable[[], object]) -> None:
        """Repeat some work in a thread of its own."""

        def run() -> None:
            try:
                while not self.over.is_set():
                    work()
            except BaseException as error:
                self.problems.append(error)
                self.over.set()

        self._threads.append(threading.Thread(target=run, daemon=True))

    def work(self, enough: Callable[[], bool] = lambda: True) -> None:
        """Start them all, and come back when they have all ended; on a busy machine it may take them longer."""
        for thread in self._threads:
            thread.start()
        self.over.wait(SECONDS)
        while not enough() and not self.over.wait(0.01):
            pass
        self.over.set()
        for thread in self._threads:
            thread.join(TIMEOUT)
        assert not any(thread.is_alive() for thread in self._threads)
        assert self.problems == []


def shuffled(calls: list[Callable[[], Any]]) -> Callable[[], None]:
    """One of the calls, whichever, and a moment for others."""

    def work() -> None:
        random.choice(calls)()
        time.sleep(0.002)

    return work


def test_contexts_are_changed_while_they_are_used(
    version: int, ca: Identity, server_identity: Identity, client_identity: Identity
) -> None:
    """Each handshake gets one consistent generation: it succeeds, with one certificate or the other."""
    client, server = client_context(version, ca), server_context(version, server_identity)
    identities = [server_identity, client_identity]
    names = {identity.certificate.get_subject().CN for identity in identities}
    seen: list[str | None] = []
    handshakes = itertools.count()
    swapping = threading.Lock()
    sessions: list[SSL.Session] = []

    def connect() -> None:
        pair = Pair(client, server)
        known = sessions[:]  # which others may empty
        if known and random.random() < 0.5:
            try:
                pair.client.set_session(random.choice(known))
            except ValueError:  # from before a change of trust
                sessions.clear()
        pair.handshake()
        certificate = pair.client.get_peer_certificate()
        assert certificate is not None
        seen.append(certificate.get_subject().CN)
        message = struct.pack("<Q", next(handshakes)) * 100
        for source, target in ((pair.client, pair.server), (pair.server, pair.client)):
            source.sendall(message)
            pair.move()
            assert received(target) == message
        session = pair.client.get_session()
        assert session is not None
        sessions[-8:] = [*sessions[-7:], session]

    def swap() -> None:
        with swapping:  # two calls, which belong together
            identity = random.choice(identities)
            server.use_certificate(identity.certificate)
            server.use_privatekey(identity.key)

    def fail() -> None:
        with pytest.raises(SSL.Error):
            server.set_cipher_list(b"nonsense")

    seconds = itertools.count(1000)
    crew = Crew()
    for _ in range(THREADS - 3):
        crew.add(connect)
    crew.add(shuffled([swap]))
    crew.add(
        shuffled(
            [
                lambda: server.set_timeout(next(seconds)),
                lambda: server.set_session_cache_mode(random.choice([SSL.SESS_CACHE_OFF, SSL.SESS_CACHE_SERVER])),
                lambda: server.set_info_callback(lambda *_: None),
                lambda: server.set_keylog_callback(lambda *_: None),
                fail,
            ]
        )
    )
    crew.add(
        shuffled(
            [
                lambda: client.set_timeout(next(seconds)),
                lambda: client.set_verify(SSL.VERIFY_PEER, lambda *arguments: bool(arguments[4])),
                lambda: client.set_verify(SSL.VERIFY_PEER),
                lambda: client.get_cert_store().add_cert(random.choice(identities).certificate),
                lambda: client.set_alpn_protos([str(next(seconds)).encode()]),
                lambda: client.load_client_ca(ca.certificate_file),
            ]
        )
    )
    crew.work(lambda: len(seen) > THREADS and names <= set(seen))
    assert set(seen) == names


FRAME = struct.Struct("<BQ55x")  # who wrote it, and the how manieth of his it is


class Ledger:
    """What was sent in one direction, and what has come."""

    def __init__(self, writers: int) -> None:
        self.sent = [0] * writers
        self.got: list[bytes] = []

    def missing_or_mixed(self) -> list[str]:
        """What is wrong with what has come."""
        counts: list[list[int]] = [[] for _ in self.sent]
        for chunk in self.got:
            if len(chunk) % FRAME.size:
                return [f"a chunk of {len(chunk)} bytes"]
            for who, count in FRAME.iter_unpack(chunk):
                counts[who].append(count)
        return [
            f"writer {who} sent {sent}, {len(counts[who])} came"
            for who, sent in enumerate(self.sent)
            if sorted(counts[who]) != list(range(sent))
        ]


def test_one_connection_in_both_directions(version: int, ca: Identity, server_identity: Identity) -> None:
    """Three writers and three readers on each end: every frame comes whole, and once."""
    pair = Pair(client_context(version, ca), server_context(version, server_identity)).handshake()
    writers = 3
    ways = [(pair.client, pair.server, Ledger(writers)), (pair.server, pair.client, Ledger(writers))]
    crew = Crew()

    def writer(source: SSL.Connection, ledger: Ledger, who: int) -> Callable[[], None]:
        def write() -> None:
            frames = random.choice([1, 3, 400])
            first = ledger.sent[who]
            data = b"".join(FRAME.pack(who, first + i) for i in range(frames))
            assert source.send(data) == len(data)
            ledger.sent[who] += frames
            time.sleep(0.001)

        return write

    def reader(target: SSL.Connection, ledger: Ledger) -> Callable[[], None]:
        buffer_size = FRAME.size * 500

        def read() -> None:
            try:
                if random.random() < 0.5:
                    ledger.got.append(target.recv(buffer_size))
                else:
                    buffer = bytearray(buffer_size)
                    ledger.got.append(bytes(buffer[: target.recv_into(buffer)]))
            except SSL.WantReadError:
                time.sleep(0.001)

        return read

    def mover(source: SSL.Connection, target: SSL.Connection) -> Callable[[], None]:
        def move() -> None:
            try:
                target.bio_write(source.bio_read(random.choice([1, 100, 1 << 16])))
            except SSL.WantReadError:
                time.sleep(0.001)

        return move

    for source, target, ledger in ways:
        for who in range(writers):
            crew.add(writer(source, ledger, who))
            crew.add(reader(target, ledger))
        crew.add(mover(source, target))
        crew.add(shuffled([source.pending, source.get_cipher_name, source.get_peer_certificate, source.get_session]))
    crew.work(lambda: all(all(ledger.sent) for *_, ledger in ways))
    pair.move()
    for _source, target, ledger in ways:
        ledger.got.append(received(target))
        assert ledger.missing_or_mixed() == []
        assert all(ledger.sent)


def test_one_memory_bio() -> None:
    """Two threads fill a MemoryBIO and four empty it: each byte comes once."""
    bio = stdlib.MemoryBIO()
    put, taken = [0, 0], [0, 0, 0, 0]
    crew = Crew()

    def writer(who: int) -> Callable[[], None]:
        def write() -> None:
            size = random.choice([1, 100, 5000, 70000])
            assert bio.write(bytes(size)) == size
            put[who] += size
            if bio.pending > 1 << 20:
                time.sleep(0.001)

        return write

    def reader(who: int) -> Callable[[], None]:
        def read() -> None:
            data = bio.read(random.choice([1, 50, 4000, 200000]))
            assert not any(data)
            taken[who] += len(data)
            if not data:
                time.sleep(0.001)

        return read

    for who in range(2):
        crew.add(writer(who))
    for who in range(4):
        crew.add(reader(who))
    crew.work(lambda: sum(put) > 0)
    assert sum(put) == sum(taken) + len(bio.read()) > 0


def test_many_connections_in_turns(version: int, ca: Identity, server_identity: Identity) -> None:
    """More pairs than keep their buffers, used and dropped by eight threads: each gets what was sent to it."""
    contexts = client_context(version, ca), server_context(version, server_identity)
    pairs = [Pair(*contexts).handshake() for _ in range(40)]
    turns = [threading.Lock() for _ in pairs]
    crew = Crew()

    def work() -> None:
        which = random.randrange(len(pairs))
        with turns[which]:
            pair, message = pairs[which], bytes([which]) * random.choice([10, 3000, 50000])
            assert pair.server.receive_data(pair.client.send_data(message)) == message
            pair.server.sendall(message)
            pair.move()
            assert received(pair.client) == message
            if random.random() < 0.01:
                pairs[which] = Pair(*contexts).handshake()

    for _ in range(8):
        crew.add(work)
    crew.work()


STORE = """
import faulthandler, sys, threading, time
from openssl_bio import SSL
from tests.helpers import TIMEOUT, Pair, context_of

faulthandler.dump_traceback_later(TIMEOUT, exit=True)
version, certificate, key = sys.argv[1:]
told = threading.Event()

class Store:
    def put(self, *_arguments): ...
    def get(self, _name): ...
    def remove(self, _name):
        if not told.is_set():
            told.set()
            time.sleep(0.2)

client, server = context_of(int(version)), context_of(int(version))
server.use_certificate_file(certificate)
server.use_privatekey_file(key)
server.set_options(SSL.OP_NO_TICKET)
server.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
server.set_session_store(Store())
server.set_timeout(1)
pair = Pair(client, server).handshake()

def connect():
    while not told.is_set():  # libssl drops sessions that have expired after every 255 handshakes
        Pair(client, server).handshake()

thread = threading.Thread(target=connect)
thread.start()
told.wait()
pair.server.bio_write(bytes([23, 3, 3, 0, 32]) + bytes(32))
try:
    pair.server.recv(1)
except SSL.Error as error:
    print(error)
thread.join()
"""


def test_a_connection_that_fails_while_a_store_is_told(version: int, server_identity: Identity) -> None:
    """libssl has the sessions locked when it tells that some have expired, and wants to drop that of the failed one."""
    done = python("-c", STORE, str(version), server_identity.certificate_file, server_identity.key_file)
    assert done.returncode == 0, done.stderr
    assert "bad record mac" in done.stdout
