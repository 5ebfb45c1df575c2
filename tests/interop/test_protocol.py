"""A transport of asyncio that knows nothing of a connection but its one-call form, and how to close it.

The other end is asyncio's own TLS, with Python's ``ssl``.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from openssl_bio import SSL, stdlib
from tests import helpers
from tests.helpers import TIMEOUT, Identity
from tests.interop.peers import turns
from tests.stdlib import helpers as stdlib_helpers
from tests.stdlib.helpers import python

LARGE = bytes(range(256)) * 8000
WANT_READ = SSL.WantReadError, ssl.SSLWantReadError
CLOSED = SSL.ZeroReturnError, ssl.SSLZeroReturnError
FAILED = SSL.Error, ssl.SSLError


class Tls(asyncio.Protocol):
    """One end: what came, and how it ended."""

    def __init__(self, connection: Any, end_of_input: Callable[[], object], answers: bool) -> None:
        self.tls, self.end_of_input, self.answers = connection, end_of_input, answers
        self.got, self.unsent = bytearray(), list[bytes]()
        self.ended: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.transport.write(self.tls.data_to_send())

    def data_received(self, data: bytes) -> None:
        try:
            while plaintext := self.tls.receive_data(data):
                self.got += plaintext
                if self.answers:
                    self.unsent.append(plaintext)
                data = b""
        except FAILED as error:
            self.end(error)
        self.transport.write(self.tls.data_to_send())
        self.send()
        if self.ended.done():
            self.transport.close()

    def send(self, *data: bytes) -> None:
        self.unsent += data
        with suppress(*WANT_READ):
            if self.unsent and not self.ended.done():
                self.transport.write(self.tls.send_data_many(self.unsent))
                self.unsent.clear()

    def close(self) -> None:
        with suppress(*WANT_READ):
            self.tls.shutdown() if isinstance(self.tls, SSL.Connection) else self.tls.unwrap()
        self.transport.write(self.tls.data_to_send())

    def eof_received(self) -> None:
        self.end_of_input()
        self.data_received(b"")

    def connection_lost(self, error: Exception | None) -> None:
        self.end(error)

    def end(self, how: Any) -> None:
        if not self.ended.done():
            self.ended.set_result(how)


class World:
    """Makes our ends, and Python's contexts."""

    def __init__(self, face: str, version: int, ca: Identity, identity: Identity) -> None:
        self.face, self.version, self.ca, self.identity = face, version, ca, identity

    def tls(self, *, server: bool, answers: bool = False) -> Tls:
        if self.face == "pyOpenSSL":
            made = helpers.server_context(self.version, self.identity), helpers.client_context(self.version, self.ca)
            connection = SSL.Connection(made[0 if server else 1])
            connection.set_accept_state() if server else connection.set_connect_state()
            return Tls(connection, connection.bio_shutdown, answers)
        bio: Any = ssl.MemoryBIO if "Python" in self.face else stdlib.MemoryBIO
        incoming, outgoing = bio(), bio()
        arguments: Any = {"server_side": True} if server else {"server_hostname": "localhost"}
        context = self.context(stdlib_helpers.ours, server=server)
        return Tls(context.wrap_bio(incoming, outgoing, **arguments), incoming.write_eof, answers)

    def context(self, module: Any = python, *, server: bool) -> Any:
        of = ssl.TLSVersion(self.version)
        if server:
            return stdlib_helpers.server_context(self.identity, module, of)
        return stdlib_helpers.client_context(self.ca, module, of)

    async def client(self, port: int) -> Tls:
        made = asyncio.get_running_loop().create_connection(lambda: self.tls(server=False), "127.0.0.1", port)
        return (await made)[1]


@pytest.fixture(params=["pyOpenSSL", "stdlib", "stdlib over Python's BIOs"])
def world(request: pytest.FixtureRequest, version: int, ca: Identity, server_identity: Identity) -> World:
    return World(request.param, version, ca, server_identity)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, TIMEOUT))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def test_as_client(world: World) -> None:
    """Data of any size before and after the handshake; the peer closes, or is gone, or we close."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, ssl.SSLError):
            while (data := await reader.read(1 << 16)) not in (b"", b"close", b"abort"):
                writer.write(data)
            if data == b"abort":
                writer.transport.abort()
            writer.close()

    async def work() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=world.context(server=True))
        port = server.sockets[0].getsockname()[1]
        for last in (b"close", b"abort", None):
            client = await world.client(port)
            client.send(b"be", b"fore")
            await until(lambda: client.got == b"before")  # noqa: B023
            client.send(LARGE)
            await until(lambda: client.got[6:] == LARGE)  # noqa: B023
            client.close() if last is None else client.send(last)
            assert isinstance(await client.ended, CLOSED) == (last != b"abort")
        server.close()
        await turns()

    run(work())


def test_as_server(world: World) -> None:
    """The same, and somebody who does not speak TLS is refused, or is gone at once."""
    ends: list[Tls] = []

    def accepted() -> Tls:
        ends.append(world.tls(server=True, answers=True))
        return ends[-1]

    async def work() -> None:
        server = await asyncio.get_running_loop().create_server(accepted, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        for how in ("they close", "they abort", "we close"):
            context = world.context(server=False)
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
            writer.write(LARGE)
            assert await reader.readexactly(len(LARGE)) == LARGE
            if how == "they close":
                writer.close()
            elif how == "they abort":
                writer.transport.abort()
            else:
                ends[-1].close()
                assert await reader.read() == b""
                writer.close()
            assert isinstance(await ends[-1].ended, CLOSED) == (how != "they abort")
        for data in (b"", b"GET / HTTP/1.0\r\n\r\n"):
            before = len(ends)
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            if not data:
                writer.close()
            await until(lambda: len(ends) > before)  # noqa: B023
            assert isinstance(await ends[-1].ended, FAILED)
            writer.close()
        server.close()
        await turns()

    run(work())
