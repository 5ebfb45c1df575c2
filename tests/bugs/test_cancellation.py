"""C19 and B16 under asyncio: a task that uses TLS is cancelled between every two steps of the event loop."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import Any

import pytest

from tests.helpers import TIMEOUT, Identity
from tests.interop.peers import turns
from tests.stdlib import helpers as stdlib_helpers

DATA = bytes(range(256)) * 400


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, until the end or a failure."""
    with contextlib.suppress(OSError, ssl.SSLError, asyncio.IncompleteReadError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def converse(port: int, context: Any) -> bytes:
    """A handshake, data both ways, and a close."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    try:
        writer.write(DATA)
        await writer.drain()
        return await reader.readexactly(len(DATA))
    finally:
        writer.close()


async def cancelled_after(steps: int, port: int, context: Any) -> bool:
    """Begin a conversation and cancel it after so many turns of the loop; whether it was over before."""
    task = asyncio.create_task(converse(port, context))
    for _ in range(steps):
        await asyncio.sleep(0)
    over = task.done()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        assert await task == DATA
    return over


async def cancel_everywhere(client: Any, server: Any) -> tuple[int, list[Any]]:
    """Cancel after each number of turns, up to one by which a conversation is over; then converse."""
    complaints: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, what: complaints.append(what))
    handlers: set[asyncio.Task[Any]] = set()

    async def handle(*streams: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        await echo(*streams)

    serving = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=server)
    port = serving.sockets[0].getsockname()[1]
    steps = 0
    async with serving:
        while not await cancelled_after(steps, port, client):
            steps += 1
        assert await converse(port, client) == DATA
        _done, hanging = await asyncio.wait(handlers, timeout=TIMEOUT)
        assert not hanging
        await turns()
    return steps, complaints


@pytest.mark.parametrize("version", stdlib_helpers.VERSIONS, ids=["TLSv1.2", "TLSv1.3"])
def test_B16_cancellation_between_every_two_steps(version: Any, ca: Identity, server_identity: Identity) -> None:
    """Nothing but the cancelled task is touched: no exception that nobody sees, and the contexts go on serving."""
    contexts = (
        stdlib_helpers.client_context(ca, version=version),
        stdlib_helpers.server_context(server_identity, version=version),
    )

    async def main() -> tuple[int, list[Any]]:
        return await asyncio.wait_for(cancel_everywhere(*contexts), TIMEOUT)

    steps, complaints = asyncio.run(main())
    assert steps > 5
    # What a transport says of a peer that is gone is no complaint.
    mine = [what for what in complaints if not isinstance(what.get("exception"), (OSError, asyncio.CancelledError))]
    assert mine == []
