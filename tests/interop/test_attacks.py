"""What no honest client sends, at the command line's server, with tlslite-ng as the client that can be made to.

After each attack the server has to have answered with the alert that the RFC asks for, and it has to serve an honest
client; after all of them it has no more files and threads than before.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.helpers import TIMEOUT
from tests.programs import process

pytest.importorskip("tlslite", reason="tlslite-ng is not installed")
from tlslite.api import HandshakeSettings, TLSConnection, TLSRemoteAlert
from tlslite.errors import TLSAbruptCloseError, TLSClosedConnectionError
from tlslite.messages import Message

CCS, ALERT, HANDSHAKE, DATA = 20, 21, 22, 23
UNEXPECTED_MESSAGE, BAD_RECORD_MAC, RECORD_OVERFLOW = 10, 20, 22
ILLEGAL_PARAMETER, DECODE_ERROR, DECRYPT_ERROR, PROTOCOL_VERSION = 47, 50, 51, 70
INTERNAL_ERROR, NO_RENEGOTIATION = 80, 100
LONGEST = 1 << 14
BOTH, OLD, NEW = ((3, 3), (3, 4)), ((3, 3),), ((3, 4),)


class Server(NamedTuple):
    port: int
    authority: str


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The command line's, in a process of its own; what attacks have left behind is seen at the end."""
    authority = tmp_path_factory.mktemp("attacks") / "ca.pem"
    command = [sys.executable, "-m", "openssl_bio", "serve", "--write-ca", str(authority)]
    with process(command, "listening", seconds=60 * TIMEOUT) as (child, port):
        said: list[str] = []
        reader = threading.Thread(target=lambda: said.extend(child.stdout or ()), daemon=True)
        reader.start()
        serves(port, str(authority))
        before = held(child.pid)
        yield Server(port, str(authority))
        deadline = time.monotonic() + TIMEOUT
        while held(child.pid) > before and time.monotonic() < deadline:
            time.sleep(0.05)
        assert held(child.pid) <= before, "files or threads are left"
    reader.join(TIMEOUT)
    assert not [line for line in said if "Traceback" in line or line.rstrip().endswith(":")]


def held(pid: int) -> int:
    """How many files and threads a process has, where Linux tells."""
    if not Path(f"/proc/{pid}/fd").exists():
        return 0
    return sum(len(list(Path(f"/proc/{pid}/{what}").iterdir())) for what in ("fd", "task"))


def serves(port: int, authority: str) -> None:
    """An honest client gets its echo, and a clean end."""
    context = ssl.create_default_context(cafile=authority)
    with (
        socket.create_connection(("127.0.0.1", port), TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        tls.sendall(b"honest")
        assert tls.recv(100) == b"honest"
        tls.unwrap()


class Client(TLSConnection):
    """A client that may send what it should not: ``change`` gets each message, and gives what is sent."""

    def __init__(self, port: int, version: tuple[int, int]) -> None:
        self.plain = socket.create_connection(("127.0.0.1", port), TIMEOUT)
        super().__init__(self.plain)
        self.ignoreAbruptClose = False
        self.settings = HandshakeSettings()
        self.settings.minVersion = self.settings.maxVersion = version
        self.change: Callable[[Any], list[Any]] = lambda message: [message]

    def _sendMsg(self, message: Any, *arguments: Any, **more: Any) -> Iterator[Any]:
        for changed in self.change(message):
            yield from super()._sendMsg(changed, *arguments, **more)

    def shake(self) -> None:
        self.handshakeClientCert(settings=self.settings)

    def put(self, kind: int, data: bytes) -> None:
        """One record, under whatever keys there are, of whatever length."""
        for _ in self._recordLayer.sendRecord(Message(kind, bytearray(data))):
            pass

    def echoes(self, data: bytes) -> bool:
        self.write(data)
        return bytes(self.read(min=len(data), max=len(data))) == data


# -- what is done: each attack gets a client and does its worst ------------------------------------------------------

Attack = Callable[[Client], None]


def message(kind: int, body: bytes) -> bytes:
    """A message of a handshake."""
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def record(kind: int, data: bytes, count: int = 1) -> Attack:
    """So many records once the handshake is done, under the keys of the connection."""

    def attack(client: Client) -> None:
        client.shake()
        for _ in range(count):
            client.put(kind, data)

    return attack


def handshake(kind: int, body: bytes = b"", more: bytes = b"") -> Attack:
    """A message where none belongs."""
    return record(HANDSHAKE, message(kind, body) + more)


def instead(name: str, change: Callable[[bytes], bytes]) -> Attack:
    """A message of the handshake with other bytes."""

    def attack(client: Client) -> None:
        def changed(sent: Any) -> list[Any]:
            if type(sent).__name__ != name:
                return [sent]
            return [Message(sent.contentType, bytearray(change(bytes(sent.write()))))]

        client.change = changed
        client.shake()

    return attack


def before(name: str, kind: int, data: bytes, count: int = 1) -> Attack:
    """Records in front of a message of the handshake."""

    def attack(client: Client) -> None:
        added = [Message(kind, bytearray(data)) for _ in range(count)]
        client.change = lambda sent: [*added, sent] if type(sent).__name__ == name else [sent]
        client.shake()

    return attack


def stale_keys(client: Client) -> None:
    """A key update, and data under the keys from before."""
    client.shake()
    client.put(HANDSHAKE, message(24, b"\x00"))
    client.put(DATA, b"x")


def damaged(change: Callable[[bytearray], bytearray]) -> Attack:
    """A record of data whose ciphertext is changed."""

    def attack(client: Client) -> None:
        client.shake()
        sockets: Any = client._recordLayer._recordSocket
        send = sockets.send

        def changed(sealed: Any, padding: int = 0) -> Any:
            return send(Message(sealed.contentType, change(bytearray(sealed.write()))), padding)

        sockets.send = changed
        client.put(DATA, b"x" * 40)
        sockets.send = send

    return attack


def plain(kind: int, data: bytes) -> Attack:
    """A record without protection, once the handshake is done."""

    def attack(client: Client) -> None:
        client.shake()
        client.plain.sendall(struct.pack("!BHH", kind, 0x303, len(data)) + data)

    return attack


def flipped(data: bytearray) -> bytearray:
    return data[:-1] + bytes([data[-1] ^ 1])


FINISHED, HELLO = "Finished", "ClientHello"
USER_CANCELED, UNKNOWN = b"\x01\x5a", b"\x02\xfa"
# In what is new, a hello is a message like any other; in what is old, it asks for another handshake.
HELLO_AGAIN = b"\x03\x03" + bytes(32) + b"\x00\x00\x02\xc0\x2b\x01\x00"

# What is done, in which versions, and which alerts may answer.  More than one are there where the RFC leaves it open,
# or where libssl sends another one than the RFC says; 0 is a clean close, None a connection that just ends.
ATTACKS: dict[str, tuple[Attack, tuple[tuple[int, int], ...], set[int | None]]] = {
    # -- messages of the handshake
    "a wrong Finished": (instead(FINISHED, lambda m: m[:-1] + bytes([m[-1] ^ 1])), BOTH, {DECRYPT_ERROR}),
    "a short Finished": (instead(FINISHED, lambda m: message(20, m[4:-1])), BOTH, {DECODE_ERROR}),
    "a long Finished": (instead(FINISHED, lambda m: message(20, m[4:] + b"x")), BOTH, {DECODE_ERROR}),
    "an empty Finished": (instead(FINISHED, lambda m: message(20, b"")), BOTH, {DECODE_ERROR}),
    "a hello and a byte": (instead(HELLO, lambda m: message(1, m[4:] + b"x")), BOTH, {DECODE_ERROR}),
    "a hello but a byte": (instead(HELLO, lambda m: message(1, m[4:-1])), BOTH, {DECODE_ERROR}),
    "a hello of 16 MiB": (
        instead(HELLO, lambda m: b"\x01\xff\xff\xff" + m[4:]),
        BOTH,
        {ILLEGAL_PARAMETER, DECODE_ERROR},
    ),
    # -- records within the handshake
    "early data": (before(FINISHED, DATA, b"early"), BOTH, {UNEXPECTED_MESSAGE}),
    "data before all": (before(HELLO, DATA, b"early"), BOTH, {UNEXPECTED_MESSAGE, PROTOCOL_VERSION, None}),
    "an early key update": (before(FINISHED, HANDSHAKE, message(24, b"\x00")), BOTH, {UNEXPECTED_MESSAGE}),
    "a HelloRequest": (before(FINISHED, HANDSHAKE, message(0, b"")), BOTH, {UNEXPECTED_MESSAGE}),
    "forty CCS": (before(FINISHED, CCS, b"\x01", 40), BOTH, {UNEXPECTED_MESSAGE}),
    "a CCS of 2": (before(FINISHED, CCS, b"\x02"), BOTH, {UNEXPECTED_MESSAGE, ILLEGAL_PARAMETER}),
    "a CCS before all": (before(HELLO, CCS, b"\x01"), BOTH, {UNEXPECTED_MESSAGE}),
    "an unknown record": (before(FINISHED, 99, b"x"), BOTH, {UNEXPECTED_MESSAGE}),
    "ten warnings": (before(FINISHED, ALERT, USER_CANCELED, 10), BOTH, {UNEXPECTED_MESSAGE}),
    "an empty message": (before(FINISHED, HANDSHAKE, b""), NEW, {UNEXPECTED_MESSAGE}),
    "a close in the handshake": (before(FINISHED, ALERT, b"\x01\x00"), NEW, {None}),
    "a fatal alert in the handshake": (before(FINISHED, ALERT, b"\x02\x28"), NEW, {None}),
    # -- keys
    "a key update of 2": (handshake(24, b"\x02"), NEW, {ILLEGAL_PARAMETER}),
    "an empty key update": (handshake(24), NEW, {DECODE_ERROR}),
    "a long key update": (handshake(24, b"\x00\x00"), NEW, {DECODE_ERROR, ILLEGAL_PARAMETER}),
    "two key updates in a record": (handshake(24, b"\x00", message(24, b"\x00")), NEW, {UNEXPECTED_MESSAGE}),
    "a key update and a byte": (handshake(24, b"\x00", b"\x18"), NEW, {UNEXPECTED_MESSAGE}),
    "a key update without new keys": (stale_keys, NEW, {BAD_RECORD_MAC}),
    "a key update where there is none": (handshake(24, b"\x01"), OLD, {UNEXPECTED_MESSAGE}),
    # -- messages after the handshake
    "another hello": (handshake(1, HELLO_AGAIN), NEW, {UNEXPECTED_MESSAGE}),
    "another handshake": (handshake(1, HELLO_AGAIN), OLD, {NO_RENEGOTIATION}),
    "a late HelloRequest": (handshake(0), BOTH, {UNEXPECTED_MESSAGE}),
    "a ServerHello": (handshake(2, bytes(38)), BOTH, {UNEXPECTED_MESSAGE}),
    "a ticket": (handshake(4, bytes(20)), BOTH, {UNEXPECTED_MESSAGE}),
    "a certificate": (handshake(11, bytes(3)), BOTH, {UNEXPECTED_MESSAGE}),
    "a demand for a certificate": (handshake(13, bytes(3)), BOTH, {UNEXPECTED_MESSAGE}),
    "another Finished": (handshake(20, bytes(12)), BOTH, {UNEXPECTED_MESSAGE}),
    "an unknown message": (handshake(77, b"xyz"), BOTH, {UNEXPECTED_MESSAGE}),
    "a message of 16 MiB": (record(HANDSHAKE, b"\x14\xff\xff\xff" + bytes(100)), BOTH, {UNEXPECTED_MESSAGE}),
    # -- records
    "a message without bytes": (record(HANDSHAKE, b""), NEW, {UNEXPECTED_MESSAGE}),
    "an alert without bytes": (record(ALERT, b""), BOTH, {UNEXPECTED_MESSAGE, DECODE_ERROR}),
    "an alert of one byte": (record(ALERT, b"\x01"), BOTH, {UNEXPECTED_MESSAGE, DECODE_ERROR}),
    "an alert of three bytes": (record(ALERT, b"\x01\x00\x00"), BOTH, {UNEXPECTED_MESSAGE, DECODE_ERROR}),
    "an alert of no level": (record(ALERT, b"\x03\x5a"), OLD, {ILLEGAL_PARAMETER}),
    "an unknown alert": (record(ALERT, UNKNOWN), BOTH, {None}),
    "many warnings": (record(ALERT, USER_CANCELED, 10), BOTH, {UNEXPECTED_MESSAGE}),
    "forty records without bytes": (record(DATA, b"", 40), BOTH, {UNEXPECTED_MESSAGE}),
    "too much plaintext": (record(DATA, bytes(LONGEST + 1)), BOTH, {RECORD_OVERFLOW}),
    "too much ciphertext": (record(DATA, bytes(LONGEST + 2049)), BOTH, {RECORD_OVERFLOW}),
    "no type inside": (record(0, bytes(10)), BOTH, {UNEXPECTED_MESSAGE}),
    "an unknown type": (record(99, b"x"), BOTH, {UNEXPECTED_MESSAGE}),
    "a heartbeat": (record(24, b"\x01\x40\x00"), BOTH, {UNEXPECTED_MESSAGE}),
    "a late CCS": (record(CCS, b"\x01"), BOTH, {UNEXPECTED_MESSAGE}),
    "forty late CCS": (record(CCS, b"\x01", 40), BOTH, {UNEXPECTED_MESSAGE}),
    # -- ciphertext: libssl up to 3.6 takes a record of TLS 1.2 that has no room for its tag for an error of its own
    "a wrong tag": (damaged(flipped), BOTH, {BAD_RECORD_MAC}),
    "half a record": (damaged(lambda data: data[:30]), BOTH, {BAD_RECORD_MAC}),
    "a tag alone": (damaged(lambda data: data[-16:]), BOTH, {BAD_RECORD_MAC, INTERNAL_ERROR}),
    "half a tag": (damaged(lambda data: data[:5]), BOTH, {BAD_RECORD_MAC, INTERNAL_ERROR}),
    "no ciphertext": (damaged(lambda data: data[:0]), BOTH, {BAD_RECORD_MAC, INTERNAL_ERROR}),
    "plain data": (plain(DATA, bytes(30)), BOTH, {BAD_RECORD_MAC}),
    "a plain alert": (plain(ALERT, b"\x01\x00"), BOTH, {UNEXPECTED_MESSAGE, BAD_RECORD_MAC, INTERNAL_ERROR}),
    "a plain message": (plain(HANDSHAKE, message(0, b"")), BOTH, {UNEXPECTED_MESSAGE, BAD_RECORD_MAC, INTERNAL_ERROR}),
}


CASES = [
    pytest.param(attack, version, answers, id=f"{name}-1.{version[1] - 1}")
    for name, (attack, versions, answers) in ATTACKS.items()
    for version in versions
]


@pytest.mark.parametrize(("attack", "version", "answers"), CASES)
def test_attacks(attack: Attack, version: tuple[int, int], answers: set[int | None], server: Server) -> None:
    client = Client(server.port, version)
    with contextlib.closing(client.plain):
        assert answered(client, attack) in answers
    serves(server.port, server.authority)


def answered(client: Client, attack: Attack) -> int | None:
    """The alert that answers an attack: 0 is close_notify, None that the server just hung up."""
    try:
        with contextlib.suppress(OSError):  # it hung up while we wrote: what it said can still be read
            attack(client)
        while client.read(min=1):
            pass
    except TLSRemoteAlert as alert:
        return int(alert.description)
    except (TLSAbruptCloseError, TLSClosedConnectionError, ConnectionError):
        return None
    return 0


# -- what is odd, and allowed -----------------------------------------------------------------------------------------


def key_updates(client: Client) -> None:
    client.shake()
    for how in (0, 1) * 10:
        for _ in client.send_keyupdate_request(how):
            pass
        assert client.echoes(b"under new keys")


def fragments(client: Client) -> None:
    client.recordSize = 1
    client.shake()
    assert client.echoes(b"byte by byte")


def padding(client: Client) -> None:
    client.shake()
    client._recordLayer.padding_cb = lambda _length, _kind, most: bytearray(most)


ALLOWED: dict[str, tuple[Attack, tuple[tuple[int, int], ...]]] = {
    "records without bytes": (record(DATA, b"", 3), BOTH),
    "a message without bytes": (record(HANDSHAKE, b""), OLD),
    "three warnings": (record(ALERT, USER_CANCELED, 3), BOTH),
    "an unknown warning": (record(ALERT, b"\x01\xfa"), OLD),
    "key updates": (key_updates, NEW),
    "fragments": (fragments, BOTH),
    "padding": (padding, NEW),
}


@pytest.mark.parametrize(
    ("oddity", "version"),
    [
        pytest.param(oddity, version, id=f"{name}-1.{version[1] - 1}")
        for name, (oddity, versions) in ALLOWED.items()
        for version in versions
    ],
)
def test_oddities(oddity: Attack, version: tuple[int, int], server: Server) -> None:
    client = Client(server.port, version)
    with contextlib.closing(client.plain):
        oddity(client)
        assert client.echoes(b"served all the same")


@pytest.mark.parametrize("version", BOTH, ids=["1.2", "1.3"])
def test_half_closed(version: tuple[int, int], server: Server) -> None:
    """A client that sends data and its end in one has its echo, and then the server's end."""
    client = Client(server.port, version)
    with contextlib.closing(client.plain):
        client.shake()
        client.put(DATA, b"the last words")
        client.put(ALERT, b"\x01\x00")
        assert bytes(client.read(min=14, max=14)) == b"the last words"
        assert client.read(min=1) == b""


@pytest.mark.parametrize("version", BOTH, ids=["1.2", "1.3"])
def test_alert_behind_unread_bytes(version: tuple[int, int], server: Server) -> None:
    """The alert comes, and then an end that is no reset, however much the server has not read."""
    client = Client(server.port, version)
    client.closeSocket = False
    with contextlib.closing(client.plain):
        client.shake()
        client.plain.sendall(b"\x17\x03\x03\x00\x20" + bytes(300_000))
        with pytest.raises(TLSRemoteAlert) as caught:
            client.read(min=1)
        assert caught.value.description == BAD_RECORD_MAC
        assert client.plain.recv(1) == b""
    serves(server.port, server.authority)


# -- what is no TLS, or ends too soon ---------------------------------------------------------------------------------

SSL_2_HELLO = b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37)
NO_TLS = {
    "HTTP": b"GET / HTTP/1.0\r\n\r\n",
    "SSL 2": SSL_2_HELLO,
    "zeros": bytes(1000),
    "ones": b"\xff" * 1000,
    "a version of another time": b"\x16\x09\x09\x00\x04\x01\x00\x00\x00",
    "an alert": b"\x15\x03\x03\x00\x02\x02\x28",
    "an end": b"\x15\x03\x03\x00\x02\x01\x00",
    "half a hello": b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03",
    "half a header": b"\x16\x03",
    "nothing": b"",
}


@pytest.mark.parametrize("data", NO_TLS.values(), ids=NO_TLS)
def test_no_tls(data: bytes, server: Server) -> None:
    """The server hangs up, at once or when we do, after an alert at most."""
    with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as plain:
        plain.sendall(data)
        plain.shutdown(socket.SHUT_WR)
        answer = b""
        while more := plain.recv(1 << 16):
            answer += more
    assert len(answer) <= 14
    assert answer[:2] in {b"", b"\x15\x03"}
    serves(server.port, server.authority)


@pytest.mark.parametrize("version", BOTH, ids=["1.2", "1.3"])
@pytest.mark.parametrize("name", ["ClientHello", "ClientKeyExchange", "Finished"])
def test_reset(name: str, version: tuple[int, int], server: Server) -> None:
    """A client that is gone in the midst of a handshake, or of an answer."""
    client = Client(server.port, version)

    def go(sent: Any) -> list[Any]:
        if type(sent).__name__ == name:
            client.plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.plain.close()
        return [sent]

    client.change = go
    with contextlib.suppress(OSError, TLSAbruptCloseError):
        client.shake()
    client.plain.close()
    serves(server.port, server.authority)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no ulimit")
def test_too_many_clients(tmp_path: Path) -> None:
    """A server that may open no more files waits until it may."""
    authority = tmp_path / "ca.pem"
    command = ["sh", "-c", 'ulimit -n 20; exec "$0" "$@"', sys.executable, "-m", "openssl_bio", "serve"]
    with process([*command, "--write-ca", str(authority)], "listening") as (child, port):
        clients = [socket.create_connection(("127.0.0.1", port), TIMEOUT) for _ in range(30)]
        assert child.stdout is not None
        assert any("no client" in line for line in child.stdout)
        for client in clients:
            client.close()
        serves(port, str(authority))
