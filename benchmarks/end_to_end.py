"""Request and response over a socket of the loopback interface, with asyncio and, if it is there, uvloop: both ends in
one process, 100 bytes each way, one after the other.

*Streams* are asyncio's own TLS, with the context that it is given. *A protocol* drives its connection itself: bytes
that come go in, and what comes out is written to a plain transport; nothing is between it and the event loop. Rounds
take turns, as in `benchmarks`; shown is the median of the ratios to asyncio's streams with Python's ``ssl``.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.subjects import new_certificate
from openssl_bio import stdlib

MESSAGE = b"x" * 100
BASE = "asyncio: streams, ssl"
Contexts = tuple[Any, Any]
Exchange = Callable[[int], Awaitable[None]]  # so many requests and responses


def contexts(module: Any, certificate: Path) -> Contexts:
    """A client's and a server's."""
    client, server = module.SSLContext(module.PROTOCOL_TLS_CLIENT), module.SSLContext(module.PROTOCOL_TLS_SERVER)
    client.check_hostname, client.verify_mode = False, module.CERT_NONE
    server.load_cert_chain(certificate)
    return client, server


class Plain:
    """No TLS."""

    def __init__(self, context: Any, *, server: bool) -> None:
        """An end that has not begun."""

    def received(self, data: bytes) -> bytes:
        return data

    def sealed(self, data: bytes) -> bytes:
        return data

    def waiting(self) -> bytes:
        return b""

    def is_open(self) -> bool:
        return True


class SSLObjects(Plain):
    """Python's ``ssl``, or a module like it, by the four calls."""

    def __init__(self, context: Any, *, server: bool) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_side=server)
        self.handshaking = True

    def received(self, data: bytes) -> bytes:
        self.incoming.write(data)
        parts: list[bytes] = []
        try:
            if self.handshaking:
                self.object.do_handshake()
                self.handshaking = False
            while True:
                parts.append(self.object.read(65536))
        except ssl.SSLWantReadError:
            return b"".join(parts)

    def sealed(self, data: bytes) -> bytes:
        self.object.write(data)
        return self.outgoing.read()

    def waiting(self) -> bytes:
        if self.handshaking:
            self.received(b"")
        return self.outgoing.read()

    def is_open(self) -> bool:
        return not self.handshaking


class OneCall(Plain):
    """Ours, by one call for each event."""

    def __init__(self, context: Any, *, server: bool) -> None:
        connection = context.wrap_bio(stdlib.MemoryBIO(), stdlib.MemoryBIO(), server_side=server)
        self.received, self.sealed = connection.receive_data, connection.send_data  # type: ignore[method-assign]
        self.waiting = connection.data_to_send  # type: ignore[method-assign]
        self.is_open = lambda: connection.version() is not None  # type: ignore[method-assign]


class End(asyncio.Protocol):
    """Answers each message as long as it should: the server always, the client until it has had enough."""

    def __init__(self, tls: Plain, *, server: bool) -> None:
        self.tls, self.is_server, self.left = tls, server, 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport  # uvloop's is no asyncio.Transport
        self.speak()

    def speak(self) -> None:
        """Go on with the handshake."""
        if data := self.tls.waiting():
            self.transport.write(data)
        if self.tls.is_open() and not self.done.done():
            self.done.set_result(None)

    def data_received(self, data: bytes) -> None:
        plaintext = self.tls.received(data)
        if not plaintext:
            self.speak()
            return
        self.left -= 1
        if self.is_server or self.left > 0:
            self.transport.write(self.tls.sealed(plaintext))
        else:
            self.done.set_result(None)

    async def exchange(self, count: int) -> None:
        self.left, self.done = count, asyncio.get_running_loop().create_future()
        self.transport.write(self.tls.sealed(MESSAGE))
        await self.done


async def protocols(kind: type[Plain], pair: Contexts) -> Exchange:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: End(kind(pair[1], server=True), server=True), "127.0.0.1", 0)
    address = server.sockets[0].getsockname()
    _, client = await loop.create_connection(lambda: End(kind(pair[0], server=False), server=False), *address)
    await client.done
    return client.exchange


async def streams(pair: Contexts) -> Exchange:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.CancelledError):
            while data := await reader.read(65536):
                writer.write(data)

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=pair[1])
    address = server.sockets[0].getsockname()
    reader, writer = await asyncio.open_connection(*address, ssl=pair[0])

    async def exchange(count: int) -> None:
        for _ in range(count):
            writer.write(MESSAGE)
            await reader.readexactly(len(MESSAGE))

    return exchange


def prepared(certificate: Path) -> dict[str, tuple[asyncio.AbstractEventLoop, Exchange]]:
    """Every kind on every loop, connected."""
    theirs, ours = contexts(ssl, certificate), contexts(stdlib, certificate)
    kinds: dict[str, Callable[[], Awaitable[Exchange]]] = {
        "streams, ssl": lambda: streams(theirs),
        "streams, openssl_bio": lambda: streams(ours),
        "a protocol, ssl": lambda: protocols(SSLObjects, theirs),
        "a protocol, openssl_bio, one call": lambda: protocols(OneCall, ours),
        "a protocol, no TLS": lambda: protocols(Plain, theirs),
    }
    loops = {"asyncio": asyncio.new_event_loop}
    try:
        loops["uvloop"] = importlib.import_module("uvloop").new_event_loop
    except ModuleNotFoundError:
        print("uvloop is not installed")
    ready = {}
    for which, new in loops.items():
        loop = new()
        for name, connect in kinds.items():
            ready[f"{which}: {name}"] = loop, loop.run_until_complete(connect())  # type: ignore[arg-type]
    return ready


def measure(rounds: int, count: int) -> dict[str, dict[str, float]]:
    """For each kind the median ratio to `BASE`, and the microseconds of CPU for one exchange."""
    with tempfile.TemporaryDirectory() as folder:
        ready = prepared(new_certificate(Path(folder)))
    times: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(rounds):
        for name, (loop, exchange) in ready.items():
            before = time.process_time()
            loop.run_until_complete(exchange(count))  # type: ignore[arg-type]
            times[name].append(time.process_time() - before)
    for loop in {loop for loop, _ in ready.values()}:
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
    return {
        name: {
            "ratio": median(base / mine for base, mine in zip(times[BASE], mine_all, strict=True)),
            "microseconds": median(mine_all) / count * 1e6,
        }
        for name, mine_all in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.end_to_end", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--count", type=int, default=300, help="exchanges in each sample")
    parser.add_argument("--json", type=Path, help="write everything to this file")
    arguments = parser.parse_args()
    results = measure(arguments.rounds, arguments.count)
    for name, row in results.items():
        print(f"{name:45}{row['ratio']:>8.2f}{row['microseconds']:>9.1f} µs")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
