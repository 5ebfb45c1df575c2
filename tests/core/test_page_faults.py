"""Large bytes that come and go: not each time with memory that the system has to clear."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from openssl_bio._core import engines
from tests.helpers import Identity

# In a process that has had no large bytes yet.
PROGRAM = """
import resource
import sys
from openssl_bio import SSL

size = int(sys.argv[1])
server_context, client_context = SSL.Context(SSL.TLS_SERVER_METHOD), SSL.Context(SSL.TLS_CLIENT_METHOD)
server_context.use_certificate_file(sys.argv[2])
server_context.use_privatekey_file(sys.argv[3])
client, server = SSL.Connection(client_context), SSL.Connection(server_context)
client.set_connect_state()
server.set_accept_state()
for _ in range(3):
    server.receive_data(client.data_to_send())
    client.receive_data(server.data_to_send())
data = bytes(size)
for _ in range(5):
    assert len(server.receive_data(client.send_data(data))) == size
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    server.receive_data(client.send_data(data))
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or "LD_PRELOAD" in os.environ,
    reason="memory that is not glibc's, as a sanitizer's, goes back and forth in other ways",
)
@pytest.mark.skipif(engines.Engine.__module__ != "openssl_bio._core.native", reason="the cffi engine makes more copies")
@pytest.mark.parametrize("size", [1 << 17, 1 << 18, 1 << 20])
def test_large_bytes(server_identity: Identity, size: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(size), server_identity.certificate_file, server_identity.key_file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert int(done.stdout) < 500  # of 6,400 to 51,200 pages
