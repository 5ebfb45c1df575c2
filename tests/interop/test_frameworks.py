"""Frameworks that know Python's ``ssl`` alone, over the loopback on our contexts, each unchanged."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import pytest

from openssl_bio import stdlib
from tests.helpers import TIMEOUT, Identity
from tests.interop.peers import turns
from tests.stdlib.helpers import client_context, server_context

BODY = bytes(range(256)) * 2000


@pytest.fixture
def server(server_identity: Identity) -> Any:
    return server_context(server_identity)


@pytest.fixture
def client(ca: Identity) -> Any:
    return client_context(ca)


def need(name: str) -> Any:
    """A framework, or the reason why its test is skipped."""
    return pytest.importorskip(name, reason=f"{name} is not installed")


def run(main: Coroutine[Any, Any, None], loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
    async def limited() -> None:
        await asyncio.wait_for(main, TIMEOUT)
        await turns()  # transports whose handshake was refused close themselves

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(limited())


# -- asyncio and uvloop -----------------------------------------------------------------------------------------------


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()
    await writer.wait_closed()


@asynccontextmanager
async def asyncio_server(handler: Any, context: Any) -> AsyncIterator[int]:
    tasks: set[asyncio.Task[None]] = set()

    async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(tracked, "127.0.0.1", 0, ssl=context) as listening:
        yield listening.sockets[0].getsockname()[1]
        await asyncio.gather(*tasks, return_exceptions=True)


def asyncio_loops() -> list[Any]:
    missing = pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
    return [None, pytest.param("uvloop", id="uvloop", marks=missing)]


def loop_factory(name: str | None) -> Callable[[], asyncio.AbstractEventLoop] | None:
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None if name is None else need(name).new_event_loop
    return factory


@pytest.mark.parametrize("loop", asyncio_loops())
def test_asyncio_streams(server: Any, client: Any, loop: str | None) -> None:
    """open_connection and start_server: more than all buffers hold, there and back, and a clean end."""

    async def main() -> None:
        async with asyncio_server(echo, server) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
            assert writer.get_extra_info("peercert")["subject"] == ((("commonName", "example.test"),),)
            assert writer.get_extra_info("cipher")[1] == "TLSv1.3"
            assert isinstance(writer.get_extra_info("ssl_object"), stdlib.SSLObject)
            writer.write(BODY)
            received = await reader.readexactly(len(BODY))
            writer.close()
            await writer.wait_closed()
            assert received == BODY

    factory = loop_factory(loop)
    run(main(), factory)


@pytest.mark.parametrize("loop", asyncio_loops())
def test_asyncio_start_tls(server: Any, client: Any, loop: str | None) -> None:
    """start_tls on both ends of a plain connection, and TLS in that TLS."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readline() == b"STARTTLS\n"
        writer.write(b"go on\n")
        await writer.drain()
        await writer.start_tls(server)
        await echo(reader, writer)

    async def main() -> None:
        async with asyncio_server(handle, None) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"STARTTLS\n")
            assert await reader.readline() == b"go on\n"
            await writer.start_tls(client, server_hostname="localhost")
            writer.write(b"now in secret\n")
            assert await reader.readline() == b"now in secret\n"
            writer.close()
            await writer.wait_closed()

    factory = loop_factory(loop)
    run(main(), factory)


@pytest.mark.parametrize("loop", asyncio_loops())
def test_asyncio_refuses_a_stranger(server: Any, loop: str | None) -> None:
    """A certificate that nobody vouches for is Python's own exception."""

    async def main() -> None:
        async with asyncio_server(echo, server) as port:
            with pytest.raises(ssl.SSLCertVerificationError):
                await asyncio.open_connection(
                    "127.0.0.1", port, ssl=stdlib.create_default_context(), server_hostname="localhost"
                )

    factory = loop_factory(loop)
    run(main(), factory)


# -- trio and anyio ---------------------------------------------------------------------------------------------------


def test_trio(server: Any, client: Any) -> None:
    """SSLStream on both ends, with close_notify both ways and plain bytes after it."""
    trio = need("trio")

    async def serve(stream: Any) -> None:
        tls = trio.SSLStream(stream, server, server_side=True)
        received = bytearray()
        while len(received) < len(BODY):
            received += await tls.receive_some()
        await tls.send_all(bytes(received))
        plain, trailing = await tls.unwrap()
        await plain.send_all(b"plain " + trailing)

    async def main() -> None:
        with trio.fail_after(TIMEOUT):
            near, far = trio.testing.memory_stream_pair()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(serve, far)
                tls = trio.SSLStream(near, client, server_hostname="localhost")
                nursery.start_soon(tls.send_all, BODY)
                received = bytearray()
                while len(received) < len(BODY):
                    received += await tls.receive_some()
                assert received == BODY
                plain, trailing = await tls.unwrap()
                assert (trailing or await plain.receive_some()) == b"plain "

    importlib.import_module("trio.testing")
    trio.run(main)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio(server: Any, client: Any, backend: str) -> None:
    """TLSStream and TLSListener, on either loop."""
    anyio = need("anyio")
    need(backend)
    tls = importlib.import_module("anyio.streams.tls")

    async def serve(stream: Any) -> None:
        async with stream:
            async for data in stream:
                await stream.send(data)

    async def main() -> None:
        with anyio.fail_after(TIMEOUT):
            tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
            listener = tls.TLSListener(tcp, server)
            port = tcp.listeners[0].extra(anyio.abc.SocketAttribute.local_port)
            async with anyio.create_task_group() as group:
                group.start_soon(listener.serve, serve)
                async with await anyio.connect_tcp(
                    "127.0.0.1", port, ssl_context=client, tls_hostname="localhost"
                ) as stream:
                    assert stream.extra(tls.TLSAttribute.tls_version) == "TLSv1.3"
                    await stream.send(b"through anyio")
                    assert await stream.receive() == b"through anyio"
                group.cancel_scope.cancel()
            await listener.aclose()

    anyio.run(main, backend=backend)


# -- HTTP -------------------------------------------------------------------------------------------------------------


async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer each request of a connection with the same body."""
    while await reader.readline():
        while await reader.readline() not in (b"\r\n", b""):
            pass
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
        await writer.drain()
    writer.close()


@contextmanager
def serving(handler: Any, context: Any) -> Iterator[int]:
    """A server on asyncio, in a thread: its port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(coroutine: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(TIMEOUT)

    writers: set[asyncio.StreamWriter] = set()

    async def noted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        await handler(reader, writer)

    async def stop() -> None:
        listening.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        # A transport that is still about to close would be left open with the loop.
        for writer in writers:
            writer.transport.abort()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)

    listening = call(asyncio.start_server(noted, "127.0.0.1", 0, ssl=context))
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        call(stop())
        loop.call_soon_threadsafe(loop.stop)
        thread.join(TIMEOUT)
        loop.close()


def https(context: Any) -> AbstractContextManager[int]:
    """An HTTPS server: its port."""
    return serving(http, context)


def test_aiohttp(server: Any, client: Any) -> None:
    """Its server and its client."""
    aiohttp = need("aiohttp")
    web = importlib.import_module("aiohttp.web")

    async def main() -> None:
        async def answer(_request: Any) -> Any:
            return web.Response(body=BODY)

        application = web.Application()
        application.router.add_get("/", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server)
        await site.start()
        port = runner.addresses[0][1]
        connector = aiohttp.TCPConnector(ssl=client, family=socket.AF_INET)
        url = f"https://localhost:{port}/"
        async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as response:
            assert await response.read() == BODY
        await runner.cleanup()

    run(main())


def test_httpx(server: Any, client: Any) -> None:
    """Its blocking client, and its asynchronous one."""
    httpx = need("httpx")

    async def get(port: int) -> None:
        async with httpx.AsyncClient(verify=client, trust_env=False, timeout=TIMEOUT) as session:
            assert (await session.get(f"https://localhost:{port}/")).content == BODY

    with https(server) as port:
        with httpx.Client(verify=client, trust_env=False, timeout=TIMEOUT) as session:
            assert session.get(f"https://localhost:{port}/").content == BODY
        run(get(port))


def test_urllib3(server: Any, client: Any) -> None:
    """Its pool."""
    urllib3 = need("urllib3")
    with https(server) as port, urllib3.PoolManager(ssl_context=client, timeout=TIMEOUT, retries=False) as pool:
        assert pool.request("GET", f"https://localhost:{port}/").data == BODY


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer CONNECT, and carry what follows."""
    target = (await reader.readline()).split()[1].decode()
    while await reader.readline() not in (b"\r\n", b""):
        pass
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
    try:
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(pipe(reader, far_writer), pipe(far_reader, writer))
    finally:
        far_writer.transport.abort()


def test_urllib3_tls_in_tls(server: Any, client: Any) -> None:
    """A server behind a proxy that is spoken to with TLS: wrap_bio in the hands of urllib3."""
    urllib3 = need("urllib3")
    with https(server) as port, serving(proxy, server) as proxy_port:
        options = {"proxy_ssl_context": client, "ssl_context": client, "timeout": TIMEOUT, "retries": False}
        with urllib3.ProxyManager(f"https://localhost:{proxy_port}", **options) as pool:
            assert pool.request("GET", f"https://localhost:{port}/").data == BODY


def test_requests(server: Any, client: Any, ca: Identity) -> None:
    """An adapter with our context."""
    requests = need("requests")

    class Adapter(requests.adapters.HTTPAdapter):  # type: ignore[misc, name-defined]
        def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
            super().init_poolmanager(*arguments, ssl_context=client, **options)

    with https(server) as port, requests.Session() as session:
        session.trust_env = False
        session.mount("https://", Adapter())
        session.verify = str(ca.certificate_file)
        assert session.get(f"https://localhost:{port}/", timeout=TIMEOUT).content == BODY


def test_curl(server: Any, ca: Identity) -> None:
    """Another implementation at the other end of an asyncio server."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    with https(server) as port:
        command = [program, "-s", "--cacert", str(ca.certificate_file), f"https://localhost:{port}/"]
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=True)
    assert done.stdout == BODY
