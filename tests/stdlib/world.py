"""Two contexts of the stdlib's face whose connections are set up one by one."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openssl_bio import Credential
from tests.helpers import Identity
from tests.stdlib.helpers import Pair

KEY = b"k" * 32
NAME = bytes.fromhex("3000")  # of nobody, in DER


@dataclass
class World:
    """Two contexts, and what callbacks were told."""

    client: Any
    server: Any
    other: Credential
    other_files: Identity
    mine: Identity
    folder: Path
    version: ssl.TLSVersion
    told: list[Any] = field(default_factory=list)

    def tell(self, *what: Any) -> None:
        self.told.append(what)

    def pair(self) -> Pair:
        self.told.clear()
        return Pair(self.client, self.server)


def anything(*_arguments: Any) -> None:
    """A callback that does nothing."""
