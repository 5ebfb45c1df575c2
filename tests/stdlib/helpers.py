"""Two SSLObjects in memory, of ours, of Python's, or one of each."""

from __future__ import annotations

import ssl
from types import ModuleType
from typing import Any

import pytest

from openssl_bio import stdlib
from tests.helpers import Identity

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
# The face and the original have the same names, and mypy knows both too well.
ours: Any = stdlib
python: Any = ssl
# What libssl says is the same only if it is the same libssl.
SAME_LIBRARY = ours.OPENSSL_VERSION == python.OPENSSL_VERSION
# Debian builds Python with OpenSSL's ciphers and versions as defaults, instead of Python's.
SAME_DEFAULTS = ours._DEFAULT_CIPHERS == python._DEFAULT_CIPHERS
# Debian 12's Python 3.11.2 has other options, so a cut connection ends well; ours is as newer ones are.
as_newer_ones = pytest.mark.skipif(
    bool(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).options & ssl.OP_IGNORE_UNEXPECTED_EOF),
    reason="this Python's ssl takes a cut connection for one that ended, and ours does as newer ones",
)


def server_context(identity: Identity, module: Any = ours, version: ssl.TLSVersion | None = None) -> Any:
    """A server's context with a certificate."""
    context = module.SSLContext(module.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ours._DEFAULT_CIPHERS)
    context.load_cert_chain(identity.certificate_file, identity.key_file)
    return of_version(context, version)


def client_context(ca: Identity, module: Any = ours, version: ssl.TLSVersion | None = None) -> Any:
    """A client's context that trusts ``ca``."""
    context = module.SSLContext(module.PROTOCOL_TLS_CLIENT)
    context.set_ciphers(ours._DEFAULT_CIPHERS)
    context.load_verify_locations(ca.certificate_file)
    return of_version(context, version)


def of_version(context: Any, version: ssl.TLSVersion | None) -> Any:
    """The context, restricted to one version."""
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


class Pair:
    """A client and a server, each with its two BIOs; what one writes the other reads."""

    def __init__(self, client: Any, server: Any, bio: Any = stdlib.MemoryBIO, **options: Any) -> None:
        self.to_server, self.to_client = bio(), bio()
        options.setdefault("server_hostname", "localhost")
        self.client = client.wrap_bio(self.to_client, self.to_server, **options)
        self.server = server.wrap_bio(self.to_server, self.to_client, server_side=True)

    def handshake(self) -> Pair:
        """Finish the handshake, and let the client read its tickets. What an end raises is raised."""
        waiting = [self.client, self.server]
        for _ in range(20):
            for end in list(waiting):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                waiting.remove(end)
            if not waiting:
                assert wants_read(lambda: self.client.read(1))
                return self
        raise AssertionError("the handshake does not end")

    def outcome(self) -> dict[str, BaseException]:
        """Run the handshake until it ends or fails; what each end raised, if anything."""
        failed: dict[str, BaseException] = {}
        for _ in range(20):
            for name in ("client", "server"):
                if name not in failed:
                    try:
                        getattr(self, name).do_handshake()
                    except ssl.SSLWantReadError:
                        continue
                    except Exception as error:
                        failed[name] = error
        return failed


def wants_read(call: Any) -> bool:
    """The call needs bytes from the peer."""
    try:
        call()
    except ssl.SSLWantReadError:
        return True
    return False


def told(error: BaseException) -> tuple[Any, ...]:
    """What an exception tells, without the line of C source."""
    text = str(error).partition(" (_ssl.c:")[0]
    library, reason = getattr(error, "library", None), getattr(error, "reason", None)
    return type(error), getattr(error, "errno", None), library, reason, text


def modules() -> list[ModuleType]:
    """Ours and the original."""
    return [ours, python]
