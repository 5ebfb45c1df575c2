"""Programs that change a context after connections were made from it, which pyOpenSSL 26.2 began to refuse.

What urllib3 (issue 5107), Twisted (issue 12500) and Scrapy (issue 7494) do, with their own code where it is installed,
and ``import OpenSSL`` giving this package.
"""

from __future__ import annotations

import importlib.util

import pytest

from tests.helpers import Identity
from tests.programs import printed

SERVER = """
import http.server, ssl, sys, threading, warnings
import openssl_bio
openssl_bio.install_as_pyopenssl()

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *arguments): pass

ca, certificate, key = sys.argv[1:]
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
of_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
of_server.load_cert_chain(certificate, key)
server.socket = of_server.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
"""

URLLIB3 = """
warnings.simplefilter("ignore", DeprecationWarning)  # urllib3's, about its own module
import urllib3
import urllib3.contrib.pyopenssl
urllib3.contrib.pyopenssl.inject_into_urllib3()
context = urllib3.util.ssl_.create_urllib3_context()
assert type(context).__module__ == "urllib3.contrib.pyopenssl", type(context)
assert isinstance(context._ctx, openssl_bio.SSL.Context)
for attempt in range(3):
    # A pool of its own each time, as Beam's workers have; each sets the one context up again.
    with urllib3.PoolManager(ssl_context=context, ca_certs=ca, cert_reqs="CERT_REQUIRED") as pool:
        print(pool.request("GET", f"https://127.0.0.1:{server.server_port}/", timeout=90).data.decode())
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["http/1.1"])
    context.options = context.options
"""

SCRAPY = """
import scrapy
from scrapy.crawler import CrawlerProcess
from OpenSSL import SSL

class Spider(scrapy.Spider):
    name = "three times each"

    async def start(self):
        for number in range(3):
            for host in ("localhost", "127.0.0.1"):
                yield scrapy.Request(f"https://{host}:{server.server_port}/{number}", callback=self.found)

    def found(self, response):
        print(response.text, flush=True)

process = CrawlerProcess({"LOG_LEVEL": "ERROR", "DOWNLOAD_TIMEOUT": 30, "TELNETCONSOLE_ENABLED": False})
process.crawl(Spider)
process.start()
assert sys.modules["OpenSSL.SSL"].Context is openssl_bio.SSL.Context
"""

TWISTED = """
import sys
import openssl_bio
openssl_bio.install_as_pyopenssl()
from OpenSSL import SSL, crypto
from twisted.internet import protocol, ssl
from twisted.internet.task import Clock
from twisted.internet._sslverify import setupForALPN
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory

ca, certificate, key = sys.argv[1:]
read = lambda name: open(name, "rb").read()
pair = ssl.PrivateCertificate.loadPEM(read(certificate) + read(key))
root = ssl.Certificate.loadPEM(read(ca))

class Peer(protocol.Protocol):
    agreed = None
    def connectionMade(self):
        self.transport.write(b"x")
    def dataReceived(self, data):
        self.agreed = self.transport.negotiatedProtocol

def connect(for_client, for_server):
    ends, transports, clock = [], [], Clock()  # small writes wait for the reactor
    for options, is_client in ((for_client, True), (for_server, False)):
        end = TLSMemoryBIOFactory(options, is_client, protocol.Factory.forProtocol(Peer), clock).buildProtocol(None)
        transport = StringTransport()
        end.makeConnection(transport)
        ends.append(end)
        transports.append(transport)
    for _ in range(12):
        clock.advance(1)
        for mine, other in ((0, 1), (1, 0)):
            data = transports[mine].value()
            transports[mine].clear()
            if data:
                ends[other].dataReceived(data)
    return [end.wrappedProtocol.agreed for end in ends]

# One context of the server, which Twisted sets up again after connections were made from it.
server = pair.options()
context = server.getContext()
assert isinstance(context, openssl_bio.SSL.Context)
client = ssl.optionsForClientTLS("example.test", root, acceptableProtocols=[b"h2", b"http/1.1"])
for wanted in ([b"h2"], [b"http/1.1"], [b"http/1.1", b"h2"]):
    setupForALPN(context, wanted)
    print(connect(client, server))
    print(connect(client, server))
    assert server.getContext() is context
"""


def has(module: str) -> bool:
    """Whether a module is installed; it is not imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def output(program: str, ca: Identity, server: Identity) -> list[str]:
    """What a program prints that is given an authority, a certificate and its key."""
    files = ca.certificate_file, server.certificate_file, server.key_file
    return printed("-c", program, *files).splitlines()


@pytest.mark.skipif(not has("urllib3.contrib.pyopenssl"), reason="urllib3 is not installed, or knows no pyOpenSSL")
def test_urllib3(ca: Identity, server_identity: Identity) -> None:
    assert output(SERVER + URLLIB3, ca, server_identity) == ["hello"] * 3


@pytest.mark.skipif(not has("scrapy"), reason="Scrapy is not installed")
def test_scrapy(ca: Identity, server_identity: Identity) -> None:
    """Its factory of contexts sets the one that it has up again for each connection."""
    assert output(SERVER + SCRAPY, ca, server_identity) == ["hello"] * 6


@pytest.mark.skipif(not has("twisted"), reason="Twisted is not installed")
def test_twisted(ca: Identity, server_identity: Identity) -> None:
    h2, old = "[b'h2', b'h2']", "[b'http/1.1', b'http/1.1']"
    assert output(TWISTED, ca, server_identity) == [h2, h2, old, old, old, old]
