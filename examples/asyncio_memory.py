"""asyncio with pyOpenSSL's face: a connection in memory, driven over streams that carry its bytes."""

import asyncio
from collections.abc import Callable
from typing import Any

from memory import client_context, server_context

from openssl_bio import SSL


class Stream:
    """One connection over a reader and a writer of asyncio."""

    def __init__(self, tls: SSL.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tls, self.reader, self.writer = tls, reader, writer

    async def run(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        """Run an operation of the connection, and feed it until it has what it wants."""
        while True:
            try:
                return operation(*arguments)
            except SSL.WantReadError:
                await self.flush()  # the peer may wait for this
                data = await self.reader.read(65536)
                if data:
                    self.tls.bio_write(data)
                else:
                    self.tls.bio_shutdown()  # the end without close_notify: the operation will say so
            finally:
                await self.flush()

    async def flush(self) -> None:
        """Send what the connection has to send; `drain` waits while the peer does not take it."""
        while True:
            try:
                self.writer.write(self.tls.bio_read(65536))
            except SSL.WantReadError:
                break
        await self.writer.drain()

    async def close(self) -> None:
        self.tls.shutdown()
        await self.flush()
        self.writer.close()
        await self.writer.wait_closed()


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    tls = SSL.Connection(server_context())
    tls.set_accept_state()
    stream = Stream(tls, reader, writer)
    await stream.run(tls.do_handshake)
    data = await stream.run(tls.recv, 65536)
    await stream.run(tls.send, data.upper())
    await stream.close()


async def main() -> None:
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        tls = SSL.Connection(client_context())
        tls.set_tlsext_host_name(b"localhost")
        tls.set_verify_host("localhost")
        tls.set_connect_state()
        stream = Stream(tls, reader, writer)
        await stream.run(tls.do_handshake)
        await stream.run(tls.send, b"hello")
        print(await stream.run(tls.recv, 100), tls.get_protocol_version_name())
        await stream.close()


if __name__ == "__main__":
    asyncio.run(main())
