"""What is measured: each workload moves TLS through memory between a client and a server in one process.

A workload is written twice where it can be: with the four calls of the faces (write, take, feed, read), and with the
one-call form (``send_data``, ``receive_data``).  `floor.c` has the same ones, under the same names, in C.  Each takes
the two ends, which for the one-call form are the connections themselves, and how many operations to do.  What is called
again and again is a local name, so that looking it up in an `End`, which no program has, is not measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import Any

from benchmarks.subjects import End, Subject

HOST, ADDRESS = "www.example.com", "192.0.2.10"
SMALL = b"x" * 100
RECORD = 16 * 1024
CHUNK = 64 * 1024
LARGE_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Workload:
    """``run`` does a number of operations; what is ``ready`` for it is made before the clock runs."""

    title: str
    run: Callable[[Any, int], None]
    one_call: Callable[[Any, int], None] | None = None
    ciphers: str | None = None
    threads: int = 1
    ready: Callable[[Subject, str | None], Any] = lambda subject, ciphers: subject.pair(ciphers)

    def of(self, subject: Subject) -> Callable[[Any, int], None] | None:
        """The form that a subject is measured in, None for one that has no form of its own."""
        return self.one_call if subject.one_call else self.run


def ping_pong(pair: tuple[End, End], count: int) -> None:
    client, server = pair
    client_write, client_take, client_feed, client_read = client.write, client.take, client.feed, client.read
    server_write, server_take, server_feed, server_read = server.write, server.take, server.feed, server.read
    for _ in range(count):
        client_write(SMALL)
        server_feed(client_take(CHUNK))
        server_read(CHUNK)
        server_write(SMALL)
        client_feed(server_take(CHUNK))
        client_read(CHUNK)


def ping_pong_one_call(pair: tuple[Any, Any], count: int) -> None:
    client, server = pair
    for _ in range(count):
        server.receive_data(client.send_data(SMALL))
        client.receive_data(server.send_data(SMALL))


def ping_pong_until_dry(pair: tuple[End, End], count: int) -> None:
    client, server = pair
    client_write, client_take, client_feed, client_read = client.write, client.take, client.feed, client.read
    server_write, server_take, server_feed, server_read = server.write, server.take, server.feed, server.read
    client_wants, server_wants = client.want_read, server.want_read
    for _ in range(count):
        client_write(SMALL)
        server_feed(client_take(CHUNK))
        try:
            while True:
                server_read(CHUNK)
        except server_wants:
            server_write(SMALL)
        client_feed(server_take(CHUNK))
        try:
            while True:
                client_read(CHUNK)
        except client_wants:
            continue


def _read_dry(end: End, size: int = CHUNK) -> None:
    read = end.read
    try:
        while True:
            read(size)
    except end.want_read:
        return


def small_records(pair: tuple[End, End], count: int, records: int = 1000) -> None:
    """Chunks of many records, read until they are dry; the sealing is measured too."""
    client, server = pair
    write = client.write
    data = b"x" * 200
    for _ in range(count):
        for _ in range(records):
            write(data)
        server.feed(client.take(LARGE_CHUNK))
        _read_dry(server)


def small_records_one_call(pair: tuple[Any, Any], count: int) -> None:
    client, server = pair
    data = b"x" * 200
    for _ in range(count):
        server.receive_data(b"".join([client.send_data(data) for _ in range(1000)]))


def writes_then_drain(pair: tuple[End, End], count: int) -> None:
    client, server = pair
    write = client.write
    for _ in range(count):
        for _ in range(64):
            write(SMALL)
        server.feed(client.take(CHUNK))
        _read_dry(server)


def writes_then_drain_one_call(pair: tuple[Any, Any], count: int) -> None:
    client, server = pair
    for _ in range(count):
        server.receive_data(b"".join([client.send_data(SMALL) for _ in range(64)]))


def bulk(size: int, chunk: int) -> Callable[[tuple[End, End], int], None]:
    """Writes of ``size`` bytes until a chunk of ciphertext is there; then all of it is carried and read."""
    data = b"x" * size
    writes = max(1, chunk // size)

    def run(pair: tuple[End, End], count: int) -> None:
        client, server = pair
        write = client.write if size <= RECORD else client.write_all
        for _ in range(count):
            for _ in range(writes):
                write(data)
            while ciphertext := _taken(client, chunk):
                server.feed(ciphertext)
                _read_dry(server)

    return run


def _taken(end: End, size: int) -> bytes:
    try:
        return end.take(size)
    except end.want_read:
        return b""


def bulk_one_call(size: int, chunk: int) -> Callable[[tuple[Any, Any], int], None]:
    data = b"x" * size
    writes = max(1, chunk // size)

    def run(pair: tuple[Any, Any], count: int) -> None:
        client, server = pair
        for _ in range(count):
            if writes == 1:
                server.receive_data(client.send_data(data))
            else:
                server.receive_data(client.send_data_many([data] * writes))

    return run


def handshakes(contexts: tuple[Any, Any, Subject], count: int) -> None:
    client, server, subject = contexts
    for _ in range(count):
        subject.handshake(subject.client(client), subject.server(server))


def resumptions(state: tuple[Any, Any, Subject, Any], count: int) -> None:
    client, server, subject, session = state
    for _ in range(count):
        subject.handshake(subject.client(client, session), subject.server(server))


def resumable(subject: Subject, ciphers: str | None) -> tuple[Any, Any, Subject, Any]:
    client, server = subject.contexts(ciphers)
    ends = subject.client(client), subject.server(server)
    subject.handshake(*ends)
    return client, server, subject, subject.session(ends[0])


def connections(state: tuple[Any, Any, Subject], count: int) -> None:
    client, _, subject = state
    for _ in range(count):
        subject.bare_client(client)


def connections_of(host: str) -> Callable[[tuple[Any, Any, Subject], int], None]:
    def run(state: tuple[Any, Any, Subject], count: int) -> None:
        client, _, subject = state
        for _ in range(count):
            subject.bare_client_of(client, host)

    return run


def pending(pair: tuple[End, End], count: int) -> None:
    ask = pair[0].pending
    for _ in range(count):
        ask()


def two_threads(run: Callable[[Any, int], None]) -> Callable[[Any, int], None]:
    """The same work in two threads, each with a pair of its own."""

    def both(pairs: tuple[Any, Any], count: int) -> None:
        threads = [Thread(target=run, args=(pair, count)) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return both


def _bare(subject: Subject, ciphers: str | None) -> tuple[Any, Any, Subject]:
    return (*subject.contexts(ciphers), subject)


def _verifying(subject: Subject, ciphers: str | None) -> tuple[Any, Any, Subject]:
    client, server = subject.contexts(ciphers)
    subject.verify(client)
    return client, server, subject


def _two_pairs(subject: Subject, ciphers: str | None) -> tuple[Any, Any]:
    return subject.pair(ciphers), subject.pair(ciphers)


_bulk64, _bulk64_one = bulk(CHUNK, CHUNK), bulk_one_call(CHUNK, CHUNK)
AES, CHACHA = "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"

WORKLOADS = {
    "ping_pong": Workload("ping-pong, 100 B", ping_pong, ping_pong_one_call),
    "until_dry": Workload("ping-pong, reading until want read", ping_pong_until_dry, ping_pong_one_call),
    "small_records": Workload("1000 records of 200 B in one chunk", small_records, small_records_one_call),
    "writes_then_drain": Workload("64 small writes, one drain", writes_then_drain, writes_then_drain_one_call),
    "bulk_100": Workload("bulk, 100 B writes, 64 KiB chunks", bulk(100, CHUNK), bulk_one_call(100, CHUNK)),
    "bulk_1k": Workload("bulk, 1 KiB writes, 64 KiB chunks", bulk(1024, CHUNK), bulk_one_call(1024, CHUNK)),
    "bulk_16k": Workload(
        "bulk, 16 KiB writes, 256 KiB chunks, AES-128", bulk(16384, LARGE_CHUNK), bulk_one_call(16384, LARGE_CHUNK), AES
    ),
    "bulk_16k_chacha": Workload(
        "the same, ChaCha20", bulk(16384, LARGE_CHUNK), bulk_one_call(16384, LARGE_CHUNK), CHACHA
    ),
    "bulk_1m": Workload(
        "bulk, 1 MiB writes, 256 KiB chunks", bulk(1 << 20, LARGE_CHUNK), bulk_one_call(1 << 20, 1), AES
    ),
    "handshake": Workload("full handshake, TLS 1.3, P-256", handshakes, ready=_bare),
    "resumption": Workload("resumed handshake", resumptions, ready=resumable),
    "connection": Workload("connection object made and freed", connections, ready=_bare),
    "host": Workload("the same for a host (pyOpenSSL: named alone)", connections_of(HOST), ready=_verifying),
    "address": Workload("the same for an IP address (pyOpenSSL: none)", connections_of(ADDRESS), ready=_verifying),
    "pending": Workload("pending()", pending),
    "one_thread": Workload("one thread, 64 KiB writes", _bulk64, _bulk64_one, AES),
    "two_threads": Workload(
        "two threads, 64 KiB writes", two_threads(_bulk64), two_threads(_bulk64_one), AES, 2, _two_pairs
    ),
}
