"""The ciphertext of one end, whichever face's connection it is."""

from __future__ import annotations

from typing import Any

from openssl_bio import SSL


class Ciphertext:
    """What a pyOpenSSL connection has by itself, and the stdlib's in two BIOs."""

    connection: Any
    incoming: Any  # of the stdlib's face
    outgoing: Any

    def put(self, data: bytes) -> None:
        """It has come."""
        if self.incoming is None:
            self.connection.bio_write(data)
        else:
            self.incoming.write(data)

    def cut(self) -> None:
        """No more will come."""
        if self.incoming is None:
            self.connection.bio_shutdown()
        else:
            self.incoming.write_eof()

    def taken(self) -> bytes:
        """What is there to be sent."""
        if self.outgoing is not None:
            return bytes(self.outgoing.read())
        try:
            return bytes(self.connection.bio_read(1 << 20))
        except SSL.WantReadError:
            return b""
