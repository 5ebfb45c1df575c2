"""Both faces in one shape: contexts, pairs, and the calls that move bytes."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from openssl_bio import SSL
from tests import helpers
from tests.helpers import Identity
from tests.stdlib import helpers as stdlib_helpers

STDLIB_VERSIONS = {SSL.TLS1_2_VERSION: ssl.TLSVersion.TLSv1_2, SSL.TLS1_3_VERSION: ssl.TLSVersion.TLSv1_3}


class Boom(Exception):
    """What a callback raises."""


@dataclass(frozen=True)
class Ends:
    """One face, one protocol version, and who the ends are."""

    face: str
    version: int
    ca: Identity
    identity: Identity

    @property
    def is_ssl(self) -> bool:
        """It is the face of Python's ssl."""
        return self.face == "ssl"

    @property
    def error(self) -> type[Exception]:
        """The class of TLS errors."""
        return ssl.SSLError if self.is_ssl else SSL.Error

    @property
    def want_read(self) -> type[Exception]:
        """What is raised until the peer's bytes are there."""
        return ssl.SSLWantReadError if self.is_ssl else SSL.WantReadError

    def client(self) -> Any:
        """A client's context that verifies the server."""
        if self.is_ssl:
            return stdlib_helpers.client_context(self.ca, version=STDLIB_VERSIONS[self.version])
        return helpers.client_context(self.version, self.ca)

    def server(self) -> Any:
        """A server's context."""
        if self.is_ssl:
            return stdlib_helpers.server_context(self.identity, version=STDLIB_VERSIONS[self.version])
        return helpers.server_context(self.version, self.identity)

    def pair(self, client: Any = None, server: Any = None) -> Any:
        """Two ends that have not begun, with these contexts or new ones."""
        contexts = client or self.client(), server or self.server()
        return stdlib_helpers.Pair(*contexts) if self.is_ssl else helpers.Pair(*contexts)

    def move(self, pair: Any) -> None:
        """Carry all ciphertext."""
        if not self.is_ssl:
            pair.move()

    def shake(self, pair: Any) -> dict[str, BaseException]:
        """Handshake until it ends or fails; then let each end read. What each raised, by its name."""
        failed: dict[str, BaseException] = {}
        for call in [lambda end: end.do_handshake()] * 8 + [lambda end: self.read(end, 1)]:
            for name in ("client", "server"):
                if name not in failed:
                    self._try(name, pair, call, failed)
                self.move(pair)
        return failed

    def _try(self, name: str, pair: Any, call: Callable[[Any], Any], failed: dict[str, BaseException]) -> None:
        try:
            call(getattr(pair, name))
        except self.want_read:
            return
        except BaseException as error:
            failed[name] = error.with_traceback(None)

    def read(self, end: Any, size: int) -> Any:
        """Plaintext."""
        return end.read(size) if self.is_ssl else end.recv(size)

    def read_into(self, end: Any, buffer: Any) -> Any:
        """Plaintext into a buffer; how many bytes."""
        return end.read(len(buffer), buffer) if self.is_ssl else end.recv_into(buffer)

    def write(self, end: Any, data: Any) -> Any:
        """Plaintext."""
        return end.write(data) if self.is_ssl else end.send(data)

    def close(self, end: Any) -> None:
        """Send a close_notify."""
        if not self.is_ssl:
            end.shutdown()
            return
        try:
            end.unwrap()
        except ssl.SSLWantReadError:
            return

    def cut(self, pair: Any) -> None:
        """No more bytes will come to the client."""
        if self.is_ssl:
            pair.to_client.write_eof()
        else:
            pair.client.bio_shutdown()

    def set_context(self, end: Any, context: Any) -> None:
        """Use another context."""
        if self.is_ssl:
            end.context = context
        else:
            end.set_context(context)

    def session(self, end: Any) -> Any:
        """The session."""
        return end.session if self.is_ssl else end.get_session()

    def resume(self, end: Any, session: Any) -> None:
        """Resume a session."""
        if self.is_ssl:
            end.session = session
        else:
            end.set_session(session)

    def reused(self, end: Any) -> bool:
        """The handshake resumed a session."""
        return bool(end.session_reused if self.is_ssl else end.session_reused())

    def installers(self) -> dict[str, tuple[str, Callable[[Any, Any], None]]]:
        """The callbacks of a context that a handshake calls: the end, and what installs one."""
        if self.is_ssl:
            return {
                "sni": ("server", lambda context, call: setattr(context, "sni_callback", call)),
                "message": ("client", lambda context, call: setattr(context, "_msg_callback", call)),
                "message of the server": ("server", lambda context, call: setattr(context, "_msg_callback", call)),
            }
        return {
            "verify": ("client", lambda context, call: context.set_verify(SSL.VERIFY_PEER, call)),
            "info": ("client", lambda context, call: context.set_info_callback(call)),
            "keylog": ("client", lambda context, call: context.set_keylog_callback(call)),
            "keylog of the server": ("server", lambda context, call: context.set_keylog_callback(call)),
            "server name": ("server", lambda context, call: context.set_tlsext_servername_callback(call)),
        }
