"""Both ends of a connection, as SSLObjects and as Connections."""

from __future__ import annotations

import contextlib
import ssl

import pytest

from openssl_bio import SSL
from tests import helpers as plain
from tests.helpers import Identity
from tests.stdlib.helpers import Pair, client_context, server_context


class Views:
    """Both ends of a stdlib pair, as SSLObjects and as Connections."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.objects = {"client": pair.client, "server": pair.server}
        self.connections = {"client": pair.client.connection, "server": pair.server.connection}


class Both:
    """A client and a server that a face has made, and their views: ``stdlib`` and ``pyopenssl``, by side."""

    def __init__(self, first: str, version: ssl.TLSVersion, ca: Identity, identity: Identity) -> None:
        if first == "SSLObject":
            pair = Pair(client_context(ca, version=version), server_context(identity, version=version))
            self.stdlib = {"client": pair.client, "server": pair.server}
            self.pyopenssl = {side: end.connection for side, end in self.stdlib.items()}
            self._move = lambda: None
        else:
            contexts = plain.client_context(version, ca), plain.server_context(version, identity)
            made = plain.Pair(*contexts)
            self.pyopenssl = {"client": made.client, "server": made.server}
            self.stdlib = {side: end.ssl_object for side, end in self.pyopenssl.items()}
            self._move = made.move  # type: ignore[assignment]

    def move(self) -> None:
        """Carry what there is, if nothing does so by itself."""
        self._move()

    def handshake(self, faces: str = "so") -> Both:
        """Finish the handshake, each step through the next face: "s" for the stdlib's, "o" for pyOpenSSL's."""
        for step in range(12):
            face = faces[step // 2 % len(faces)]
            end = (self.stdlib if face == "s" else self.pyopenssl)[("client", "server")[step % 2]]
            with contextlib.suppress(ssl.SSLWantReadError, SSL.WantReadError):
                end.do_handshake()
            self.move()
        for side in ("client", "server"):
            with pytest.raises(ssl.SSLWantReadError):
                self.stdlib[side].read(1)
        return self
