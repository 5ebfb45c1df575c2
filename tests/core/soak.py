"""Thousands of connections at once in one process, with all kinds of traffic, dying at random.

``make soak`` has ten thousand for ten minutes, `test_soak` makes a short run.  A conversation is a client and a server
in memory, of either face and version.  Threads take turns with theirs: they write, carry a part of the ciphertext,
read, and end conversations in every way there is.  The place of one that has ended is taken by a new one.  Each byte
that arrives is compared with the one that was sent; after a clean close none may be missing.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import ssl
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from openssl_bio import SSL, stdlib
from tests import helpers
from tests.bugs.ends import Ends
from tests.core.ciphertext import Ciphertext
from tests.core.test_leaks import resident_kib

TURN = 50  # turns of conversations between two looks at the clock
IN_FLIGHT = 100_000  # bytes that were written and not read, at which an end stops to write
SIZES = (1, 10, 100, 100, 1000, 5000, 16_384, 50_000)
PATTERN = random.Random(1).randbytes(65_521)
TWICE = PATTERN * 2
WANTS = (SSL.WantReadError, ssl.SSLWantReadError)
CLOSED = (SSL.ZeroReturnError, ssl.SSLZeroReturnError)
CUT = (SSL.SysCallError, ssl.SSLEOFError)
FAILED = (SSL.Error, ssl.SSLError)
# How a conversation ends: how often, of a hundred that end.
DEATHS = {"closed": 40, "cut": 15, "dropped": 15, "one end dropped": 10, "garbage": 10, "damaged": 10}


class End(Ciphertext):
    """One end: the stdlib's or pyOpenSSL's connection, what it has said, and what has come to it."""

    def __init__(self, connection: Any, incoming: Any = None, outgoing: Any = None) -> None:
        self.connection, self.incoming, self.outgoing = connection, incoming, outgoing
        self.said = self.heard = 0
        self.offset = random.randrange(len(PATTERN))
        self.wire = bytearray()  # ciphertext on its way to the peer

    def hear(self, data: bytes, peer: End) -> None:
        """Compare what has come with what the peer has said."""
        begin = (peer.offset + self.heard) % len(PATTERN)
        for at in range(0, len(data), len(PATTERN)):
            piece = data[at : at + len(PATTERN)]
            if piece != TWICE[begin : begin + len(piece)]:
                raise AssertionError(f"other bytes have come than were sent, of {len(data)} behind {self.heard}")
        self.heard += len(data)
        if self.heard > peer.said:
            raise AssertionError("more has come than was sent")

    def say(self, size: int, *, one_call: bool) -> None:
        """Write the next bytes of the pattern."""
        begin = (self.offset + self.said) % len(PATTERN)
        data = TWICE[begin : begin + size]
        if one_call:
            self.wire += self.connection.send_data(data)
            self.said += size
        else:
            self.said += self.connection.write(data)
            self.take()

    def take(self) -> None:
        """Put the ciphertext there is on the wire."""
        self.wire += self.taken()

    def read(self, peer: End, size: int) -> str:
        """Read once: "" if something came, else why not."""
        try:
            data = self.connection.read(size)
        except WANTS:
            return "wants"
        except CLOSED:
            return "closed"
        except CUT:
            return "cut"
        except FAILED:
            return "failed"
        self.hear(data, peer)
        return "" if data else "closed"

    def close(self) -> None:
        """Send a close_notify."""
        try:
            if self.incoming is None:
                self.connection.shutdown()
            else:
                self.connection.unwrap()
        except FAILED:  # it waits for the peer's, or finds data in its place
            return
        finally:
            self.take()


class Makers:
    """Contexts of both faces and versions, which all conversations share, and sessions to resume."""

    def __init__(self, folder: Path) -> None:
        (folder / "ca").mkdir()
        (folder / "server").mkdir()
        ca = helpers.new_authority(folder / "ca")
        identity = ca.issue("localhost", folder / "server", b"DNS:localhost")
        self.kinds = [
            Ends(face, version, ca, identity)
            for face in ("pyOpenSSL", "ssl")
            for version in (SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION)
        ]
        self.contexts = [(ends.client(), ends.server()) for ends in self.kinds]
        self.sessions: list[list[Any]] = [[] for _ in self.kinds]

    def pair(self, kind: int) -> tuple[End, End]:
        """Two new ends; every other client resumes a session."""
        client, server = self.contexts[kind]
        if self.kinds[kind].is_ssl:
            bios = [stdlib.MemoryBIO() for _ in range(4)]
            ends = (
                End(client.wrap_bio(bios[0], bios[1], server_hostname="localhost"), bios[0], bios[1]),
                End(server.wrap_bio(bios[2], bios[3], server_side=True), bios[2], bios[3]),
            )
        else:
            ends = End(SSL.Connection(client)), End(SSL.Connection(server))
            ends[0].connection.set_connect_state()
            ends[1].connection.set_accept_state()
        kept = self.sessions[kind]
        if kept and random.random() < 0.5:
            self.kinds[kind].resume(ends[0].connection, random.choice(kept))
        return ends

    def keep(self, kind: int, connection: Any) -> None:
        """Keep the session of a client, and a few of others."""
        session = self.kinds[kind].session(connection)
        if session is not None:
            self.sessions[kind][-20:] = [*self.sessions[kind][-19:], session]


class Conversation:
    """A client and a server, from the first flight to their end."""

    def __init__(self, makers: Makers, counts: Counter[str]) -> None:
        self.makers, self.counts = makers, counts
        self.kind = random.randrange(len(makers.kinds))
        self.ends = makers.pair(self.kind)
        self.shaken: set[End] = set()
        self.over = False
        counts["begun"] += 1

    def turn(self) -> None:
        """Go on a little."""
        self.counts["turns"] += 1
        one, other = random.choice((self.ends, self.ends[::-1]))
        if len(self.shaken) < 2:
            self.shake()
            if random.random() < 0.01:
                self.die("abandoned")
            return
        what = random.random()
        if what < 0.4 and one.said - other.heard < IN_FLIGHT:
            one.say(random.choice(SIZES), one_call=random.random() < 0.2)
        elif what < 0.7:
            self.carry(one, other, random.choice((1, 100, 5000, 1 << 20)))
        elif what < 0.997:
            self.expect("reading", other.read(one, random.choice((1, 100, 1000, 1 << 17))), "", "wants")
        else:
            self.die(random.choices(list(DEATHS), list(DEATHS.values()))[0])

    def shake(self) -> None:
        """One step of each end that has not finished."""
        for one, other in (self.ends, self.ends[::-1]):
            if one not in self.shaken:
                try:
                    one.connection.do_handshake()
                    self.shaken.add(one)
                except WANTS:
                    self.counts["waited"] += 1
            one.take()
            self.carry(one, other, random.choice((10, 1000, 1 << 20)))
        if len(self.shaken) == 2:
            self.counts["handshakes"] += 1
            self.counts["resumed"] += self.makers.kinds[self.kind].reused(self.ends[0].connection)

    def carry(self, one: End, other: End, size: int) -> None:
        """Some ciphertext on."""
        if one.wire:
            other.put(bytes(one.wire[:size]))
            del one.wire[:size]

    def read_all(self, one: End, other: End) -> str:
        """Carry and read what there is; how it ends."""
        one.take()
        self.carry(one, other, 1 << 30)
        while not (how := other.read(one, 1 << 17)):
            continue
        return how

    def expect(self, what: str, found: object, *expected: object) -> None:
        """Complain if something is not as it must be."""
        if found not in expected:
            raise AssertionError(f"{what}: {found} instead of {expected}, {self.makers.kinds[self.kind].face}")

    def finish(self) -> None:
        """Everything that was said is heard."""
        for one, other in (self.ends, self.ends[::-1]):
            self.expect("the end", self.read_all(one, other), "wants")
            self.expect("bytes", other.heard, one.said)

    def die(self, how: str) -> None:
        """End in this way."""
        self.over = True
        self.counts[how] += 1
        one, other = random.choice((self.ends, self.ends[::-1]))
        if how == "closed":
            self.close(one, other)
        elif how == "cut":
            del one.wire[random.randrange(len(one.wire) + 1) :]
            self.carry(one, other, 1 << 30)
            other.cut()
            self.expect("cut", self.read_all(one, other), "cut")
        elif how == "garbage":
            one.wire += random.randbytes(300)
            self.break_off(one, other)
            self.expect("bytes before garbage", other.heard, one.said)
        elif how == "damaged":
            one.say(100, one_call=False)
            one.wire[random.randrange(len(one.wire))] ^= 1 << random.randrange(8)
            self.break_off(one, other)
        elif how == "one end dropped":
            one.connection = None
            other.say(1000, one_call=False)
            other.read(one, 1 << 17)
        self.counts["bytes said"] += one.said + other.said
        self.counts["bytes heard"] += one.heard + other.heard

    def break_off(self, one: End, other: End) -> None:
        """The peer has sent what is no TLS: it is told at once, or waits for more, and then for ever."""
        how = self.read_all(one, other)
        if how == "wants":
            other.cut()
            how = self.read_all(one, other)
        self.expect("not TLS", how, "failed", "cut")
        self.expect("afterwards", other.read(one, 100), "failed", "cut")

    def close(self, one: End, other: End) -> None:
        """In one direction all is read before, in the other behind the close_notify."""
        self.expect("before the close", self.read_all(other, one), "wants")
        one.close()
        self.expect("the close", self.read_all(one, other), "closed")
        self.expect("bytes", other.heard, one.said)
        self.expect("bytes", one.heard, other.said)
        other.close()
        self.expect("the answer", self.read_all(other, one), "closed")
        self.makers.keep(self.kind, self.ends[0].connection)


class Soak:
    """So many conversations, shared among threads, for so many seconds, and until as many hands are shaken."""

    def __init__(self, seconds: float, conversations: int, threads: int = 2) -> None:
        self.seconds, self.conversations, self.threads = seconds, conversations, threads
        self.counts = [Counter[str]() for _ in range(threads)]
        self.groups: list[list[Conversation]] = [[] for _ in range(threads)]
        self.problems: list[BaseException] = []
        self.over = threading.Event()
        self.resident: list[int] = []  # MiB, once a second

    def work(self, number: int, makers: Makers) -> None:
        """What a thread does."""
        group, counts = self.groups[number], self.counts[number]
        try:
            while len(group) < self.conversations // self.threads and not self.over.is_set():
                group.append(Conversation(makers, counts))
                for conversation in group[-8:]:
                    if len(conversation.shaken) < 2:
                        conversation.shake()
            while not self.over.is_set():
                for _ in range(TURN):
                    place = random.randrange(len(group))
                    group[place].turn()
                    if group[place].over:
                        group[place] = Conversation(makers, counts)
            for conversation in group:
                if len(conversation.shaken) == 2:
                    conversation.finish()
        except BaseException as error:
            self.problems.append(error)
            self.over.set()

    def handshakes(self) -> int:
        return sum(counts["handshakes"] for counts in self.counts)

    def run(self) -> dict[str, Any]:
        """What was counted. What goes wrong in a thread is raised."""
        gc.collect()
        gc.disable()
        others = connections()
        with tempfile.TemporaryDirectory() as folder:
            makers = Makers(Path(folder))
        threads = [threading.Thread(target=self.work, args=(number, makers)) for number in range(self.threads)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + self.seconds
        while (time.monotonic() < end or self.handshakes() < self.conversations) and not self.over.wait(1):
            self.resident.append(resident_kib() // 1024)
        self.over.set()
        for thread in threads:
            thread.join()
        for problem in self.problems:
            raise problem
        alive = connections() - others
        for group in self.groups:
            group.clear()
        makers.sessions.clear()
        left = connections() - others
        gc.enable()
        return {**sum(self.counts, Counter()), "alive": alive, "left": left, "resident": self.resident}


def connections() -> int:
    """How many connections there are in this process."""
    return sum(isinstance(thing, (SSL.Connection, stdlib.SSLObject)) for thing in gc.get_objects())


def main() -> None:
    """Run, print the figures, and fail if memory has grown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--conversations", type=int, default=10_000)
    options = parser.parse_args()
    told = Soak(options.seconds, options.conversations).run()
    print(json.dumps({"conversations": options.conversations, "seconds": options.seconds, **told}))
    third = len(told["resident"]) // 3
    middle, last = max(told["resident"][third : 2 * third]), max(told["resident"][2 * third :])
    assert told["left"] == 0, f"{told['left']} connections are left"
    assert last <= middle * 1.03 + 16, f"{last} MiB in the last third, {middle} in the one before"
    print(f"resident: {middle} MiB at most in the second third, {last} in the last; CPU {time.process_time():.0f} s")


if __name__ == "__main__":
    main()
