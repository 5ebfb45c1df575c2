"""What scenarios of the fault injection are made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.x509 import CertificateRevocationList

from openssl_bio import SSL, Credential, crypto
from tests.helpers import Identity

# RFC 3526, group 14.
DH_PARAMETERS = b"""-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA///////////JD9qiIWjCNMTGYouA3BzRKQJOCIpnzHQCC76mOxOb
IlFKCHmONATd75UZs806QxswKwpt8l8UN0/hNW1tUcJF5IW1dmJefsb0TELppjft
awv/XLb0Brft7jhr+1qJn6WunyQRfEsf5kkoZlHs5Fs9wgB8uKFjvwWY2kg2HFXT
mmkWP6j9JM9fg2VdI9yjrZYcYvNWIIVSu57VKQdwlpZtZww1Tkq8mATxdGwIyhgh
fDKQXkYuNs474553LBgOhgObJ4Oi7Aeij7XFXfBvTFLJ3ivL9pVYFxg5lUl86pVq
5RXSJhiY+gUQFXKOWoqsqmj//////////wIBAg==
-----END DH PARAMETERS-----
"""


@dataclass(frozen=True)
class World:
    """Certificates, and a folder with more in files."""

    ca: Identity
    server: Identity
    client: Identity
    folder: Path
    crl: CertificateRevocationList
    rsa: crypto.PKey
    credential: Credential

    @property
    def chain_file(self) -> Path:
        """The server's certificate and its authority's."""
        return self.folder / "chain.pem"

    @property
    def dh_file(self) -> Path:
        """Parameters of a key exchange."""
        return self.folder / "dh.pem"

    @property
    def certificate_der(self) -> Path:
        """The server's certificate in DER."""
        return self.folder / "cert.der"

    @property
    def pkcs12_file(self) -> Path:
        """The server's certificate, its authority's, and the key, with the passphrase b"secret"."""
        return self.folder / "server.p12"

    @property
    def key_der(self) -> Path:
        """The server's key in DER."""
        return self.folder / "key.der"

    @property
    def encrypted_key(self) -> Path:
        """The server's key in PEM with a passphrase, b"secret"."""
        return self.folder / "encrypted.pem"


def nothing(_made: Any, _world: World) -> None:
    """Where a part of what is done may be left."""


@dataclass(frozen=True)
class Scenario:
    """One thing that a user does to one object.

    ``make`` makes the object, ``call`` is what has a fault, ``observe`` tells all that can be told of the object
    afterwards; ``raises`` says with what a call may fail, ``again`` whether it can be repeated.  What cannot, a
    handshake that has failed or bytes that were on their way, fails again or succeeds, and can be closed.
    """

    name: str
    make: Callable[[World], Any]
    call: Callable[[Any, World], Any]
    observe: Callable[[Any, World], Any] = nothing
    raises: tuple[type[BaseException], ...] = (SSL.Error, crypto.Error)
    again: bool = True
