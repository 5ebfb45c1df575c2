"""Servers of asynchronous web applications, with our context, and curl as their client."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import TIMEOUT, Identity
from tests.interop.test_frameworks import need
from tests.stdlib.helpers import server_context

BODY = bytes(range(256)) * 2000


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer what was posted, in front of a body that all buffers together cannot hold."""
    if scope["type"] == "lifespan":
        while (await receive())["type"] != "lifespan.shutdown":
            await send({"type": "lifespan.startup.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    assert scope["scheme"] == "https"
    posted = b""
    more = True
    while more:
        message = await receive()
        posted += message.get("body", b"")
        more = message.get("more_body", False)
    headers = [(b"x-version", scope["http_version"].encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": posted + BODY})


@contextmanager
def listening() -> Iterator[socket.socket]:
    """A socket on a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as plain:
        yield plain


@contextmanager
def uvicorn(context: Any, _identity: Identity) -> Iterator[int]:
    """Uvicorn in a thread, with our context as it lets users give one."""
    module = need("uvicorn")
    config = module.Config(application, log_level="error", ssl_context_factory=lambda _config, _default: context)
    server = module.Server(config)
    with listening() as plain:
        thread = threading.Thread(target=server.run, args=([plain],), daemon=True)
        thread.start()
        try:
            yield plain.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join(TIMEOUT)
    assert not thread.is_alive()


@contextmanager
def hypercorn(context: Any, identity: Identity) -> Iterator[int]:
    """Hypercorn in a thread, with our context from where it lets subclasses make one."""
    need("hypercorn")
    from hypercorn.asyncio import serve
    from hypercorn.config import Config

    class OurConfig(Config):
        def create_ssl_context(self) -> ssl.SSLContext | None:
            context.set_alpn_protocols(self.alpn_protocols)
            return context

    with listening() as plain:
        config = OurConfig()
        config.certfile, config.keyfile = str(identity.certificate_file), str(identity.key_file)
        config.bind = [f"fd://{plain.dup().detach()}"]  # which it closes
        config.errorlog = None
        loop, end = asyncio.new_event_loop(), asyncio.Event()
        serving = serve(application, config, shutdown_trigger=end.wait)  # type: ignore[arg-type]
        thread = threading.Thread(target=loop.run_until_complete, args=(serving,), daemon=True)
        thread.start()
        try:
            yield plain.getsockname()[1]
        finally:
            loop.call_soon_threadsafe(end.set)
            thread.join(TIMEOUT)
            loop.close()
    assert not thread.is_alive()


def curl(*arguments: object) -> bytes:
    """What curl writes; the test is skipped if there is none, or none that can."""
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    if (
        "--http2" in arguments
        and b" HTTP2" not in subprocess.run([program, "-V"], capture_output=True, check=True).stdout
    ):
        pytest.skip("curl was built without HTTP/2")
    command = [program, "-sS", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=TIMEOUT, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("server", "option", "version"),
    [(uvicorn, "--http1.1", b"1.1"), (hypercorn, "--http1.1", b"1.1"), (hypercorn, "--http2", b"2")],
    ids=["uvicorn", "hypercorn", "hypercorn, HTTP/2"],
)
def test_curl(
    ca: Identity, server_identity: Identity, tmp_path: Path, server: Any, option: str, version: bytes
) -> None:
    """Two requests over one connection, with data there and back."""
    posted = tmp_path / "posted"
    posted.write_bytes(BODY)
    with server(server_context(server_identity), server_identity) as port:
        url = f"https://localhost:{port}/"
        done = curl("-i", option, "--cacert", ca.certificate_file, "--data-binary", f"@{posted}", url, url)
    assert done.count(b"x-version: " + version) == 2
    assert done.count(BODY * 2) == 2
