"""Two ends of one face, driven by whoever writes to this process's standard input.

``python -m tests.core.driven`` runs on the engine that the environment chooses, so two such processes show whether both
engines do the same. A command is a pickled tuple: the name of a method of `Ends`, and its arguments. The answer is what
it returned or raised, and what can be told of both ends then.
"""

from __future__ import annotations

import pickle
import re
import ssl
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from openssl_bio import SSL, Credential, stdlib

PEEK = 2
PLAIN = b"in the open"
# What is wrong with a damaged signature, which has a salt.
OF_CHANCE = re.compile(r"\('rsa routines', '', '[^']*'\), ")


class Connection:
    """An end of pyOpenSSL's face, on a stream or on datagrams."""

    method = SSL.TLS_METHOD

    def __init__(self, pem: bytes, version: int, *, server: bool) -> None:
        context = SSL.Context(self.method)
        if self.method == SSL.TLS_METHOD:
            context.set_min_proto_version(version)
            context.set_max_proto_version(version)
        context.set_options(SSL.OP_NO_TICKET)  # the length of a ticket depends on chance
        if server:
            context.use_credentials(Credential.load(pem))
        self.tls = SSL.Connection(context)
        self.tls.set_accept_state() if server else self.tls.set_connect_state()
        self.handshake, self.write, self.close = self.tls.do_handshake, self.tls.send, self.tls.shutdown
        self.feed, self.end = self.tls.bio_write, self.tls.bio_shutdown

    def read(self, *arguments: Any) -> bytes:
        return self.tls.recv(*arguments)

    def read_into(self, size: int, *arguments: Any) -> tuple[int, bytes]:
        buffer = bytearray(size)
        return self.tls.recv_into(buffer, *arguments), bytes(buffer)

    def take(self, size: int) -> bytes:
        try:
            return self.tls.bio_read(size)
        except SSL.WantReadError:
            return b""

    def told(self) -> tuple[Any, ...]:
        tls = self.tls
        return tls.pending(), tls.want_read(), tls.want_write(), tls.get_shutdown(), tls.get_state_string()


class Datagrams(Connection):
    method = SSL.DTLS_METHOD


class Object:
    """An end of the stdlib's face over BIOs of this class."""

    bio: ClassVar[Any] = stdlib.MemoryBIO

    def __init__(self, pem: bytes, version: int, *, server: bool, bios: tuple[Any, Any] | None = None) -> None:
        context = stdlib.SSLContext(stdlib.PROTOCOL_TLS_SERVER if server else stdlib.PROTOCOL_TLS_CLIENT)
        context.minimum_version = context.maximum_version = ssl.TLSVersion(version)
        context.options |= ssl.OP_NO_TICKET
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if server:
            context.use_credentials(Credential.load(pem))
        self.incoming, self.outgoing = bios or (self.bio(), self.bio())
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=server)
        self.handshake, self.write, self.close = self.tls.do_handshake, self.tls.write, self.tls.unwrap
        self.feed, self.end, self.take = self.incoming.write, self.incoming.write_eof, self.outgoing.read

    def read(self, *arguments: Any) -> bytes:
        return self.tls.read(*arguments[:1])

    def read_into(self, size: int, *arguments: Any) -> tuple[int, bytes]:
        buffer = bytearray(size)
        return self.tls.read(*(arguments[:1] or (size,)), buffer), bytes(buffer)

    def told(self) -> tuple[Any, ...]:
        boxes = tuple((box.pending, box.eof) for box in (self.incoming, self.outgoing))
        return self.tls.pending(), self.tls.version(), self.tls.session_reused, boxes


class OverPythons(Object):
    bio = ssl.MemoryBIO


def shared(kind: type[Object]) -> Callable[[bytes, int], tuple[Any, Any]]:
    """What one end writes the other reads, from the same BIO."""

    def make(pem: bytes, version: int) -> tuple[Any, Any]:
        up, down = kind.bio(), kind.bio()
        return (
            kind(pem, version, server=False, bios=(down, up)),
            kind(pem, version, server=True, bios=(up, down)),
        )

    return make


def apart(kind: Any) -> Callable[[bytes, int], tuple[Any, Any]]:
    return lambda pem, version: (kind(pem, version, server=False), kind(pem, version, server=True))


KINDS = {
    "Connection": apart(Connection),
    "datagrams": apart(Datagrams),
    "SSLObject": apart(Object),
    "SSLObject over Python's BIOs": apart(OverPythons),
    "SSLObjects that share BIOs": shared(Object),
    "SSLObjects that share Python's BIOs": shared(OverPythons),
}


class Ends:
    """A client, 0, and a server, 1."""

    pair: tuple[Any, Any]

    def make(self, kind: str, pem: bytes, version: int) -> None:
        self.pair = KINDS[kind](pem, version)

    def handshake(self, end: int) -> Any:
        return self.pair[end].handshake()

    def read(self, end: int, *arguments: Any) -> Any:
        return self.pair[end].read(*arguments)

    def read_into(self, end: int, *arguments: Any) -> Any:
        return self.pair[end].read_into(*arguments)

    def write(self, end: int, data: Any, kind: str) -> Any:
        given = {"bytes": bytes, "bytearray": bytearray, "memoryview": memoryview}[kind](data)
        return self.pair[end].write(given)

    def corked(self, end: int, parts: list[bytes]) -> Any:
        with self.pair[end].tls.corked():
            return [self.pair[end].write(part) for part in parts]

    def close(self, end: int) -> Any:
        return self.pair[end].close() is None  # unwrap() gives a BIO, or None

    def end(self, end: int) -> Any:
        return self.pair[end].end()

    def carry(self, end: int, size: int, harm: int | None = None) -> Any:
        """Ciphertext of one end to the other; ``harm`` is where a byte is changed, by somebody who has the BIOs."""
        data = bytearray(self.pair[end].take(size))
        if harm is not None and data:
            data[harm % len(data)] ^= 0x55
        return len(data), self.pair[1 - end].feed(bytes(data))

    def all_ways(self) -> Any:
        """Everything there is, both ways, until there is nothing more; datagrams one by one."""
        return [self.carry(end, 1 << 20)[0] for _ in range(6) for end in (0, 1)]

    def follow(self, end: int) -> Any:
        """What is no TLS comes to an end, behind what was there."""
        return self.pair[end].feed(PLAIN)

    def left(self, end: int) -> Any:
        """What the BIO has left that is no TLS; only where TLS has ended."""
        if not isinstance(self.pair[end], Object) or self.pair[end].incoming.pending > 10 * len(PLAIN):
            return None
        data: bytes = self.pair[end].incoming.read()
        return len(data), data.replace(PLAIN, b"").strip(PLAIN) == b"", data[-len(PLAIN) :] == PLAIN

    def send_data(self, end: int, data: bytes) -> Any:
        ciphertext = self.pair[end].tls.send_data(data)
        return len(ciphertext), self.pair[1 - end].tls.receive_data(ciphertext)

    def send_many(self, end: int, parts: list[bytes]) -> Any:
        ciphertext = self.pair[end].tls.send_data_many(parts)
        return len(ciphertext), self.pair[1 - end].tls.receive_data(ciphertext)

    def in_parts(self, end: int, at: int) -> Any:
        ciphertext = self.pair[end].tls.data_to_send()
        return len(ciphertext), *(self.pair[1 - end].tls.receive_data(c) for c in (ciphertext[:at], ciphertext[at:]))


def answer(call: Callable[[], Any]) -> Any:
    """What a call gave, or all that can be told of its exception, but for what depends on chance."""
    try:
        return "returned", call()
    except Exception as error:
        attributes = [getattr(error, name, None) for name in ("errno", "reason", "library", "strerror")]
        return type(error).__name__, OF_CHANCE.sub("", repr(error.args)), OF_CHANCE.sub("", str(error)), attributes


def main() -> None:
    ends = Ends()
    while True:
        try:
            name, *arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        given = answer(lambda: getattr(ends, name)(*arguments))  # noqa: B023
        sys.stdout.buffer.write(pickle.dumps((given, [answer(end.told) for end in ends.pair])))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
