"""Names of servers.

A name outside ASCII becomes A-labels by IDNA 2008 where the package ``idna`` is installed, and by IDNA 2003 otherwise,
as Python's ``ssl`` has it.  A name in ASCII is left as it is; Python's codec checks the lengths of its labels.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeAlias

from openssl_bio._core.hosts import address_of

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

__all__ = ["HostName", "encoded_hostname", "is_address", "refuse_unusable"]

_LONGEST_LABEL = 63  # characters

HostName: TypeAlias = "str | bytes | IPv4Address | IPv6Address"


def encoded_hostname(name: HostName | None) -> str | None:
    """A name in A-labels, or an IP address as it is, without the scope that it has on this machine.

    UnicodeError for what cannot be a name.
    """
    if name is None:
        return None
    # Almost all names, which Python's codec would leave alone: no label is empty, the first included, or too long.
    if type(name) is str and name >= "0" and len(name) <= _LONGEST_LABEL and name.isascii() and ".." not in name:
        return name
    if isinstance(name, str):
        labels = name if name.isascii() or not _has_idna() else _by_idna_2008(name)
        return labels.encode("idna").decode("ascii")
    from ipaddress import IPv4Address, IPv6Address

    if isinstance(name, IPv4Address | IPv6Address):
        return str(name).partition("%")[0]
    return name.decode("ascii")


@cache
def _has_idna() -> bool:
    from importlib.util import find_spec

    return find_spec("idna") is not None


def _by_idna_2008(name: str) -> str:
    """RFC 5891, after the mapping of UTS 46, which browsers do too: case, width, kinds of dots."""
    import idna

    mapped = idna.uts46_remap(name, std3_rules=False, transitional=False)
    return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in mapped.split("."))


def refuse_unusable(name: str) -> None:
    """To libssl an empty name means any, and one with a leading dot all names below it; a NUL would end it."""
    if not name or name.startswith("."):
        raise ValueError("server_hostname cannot be an empty string or start with a leading dot.")
    if "\0" in name:
        raise TypeError("argument must be encoded string without null bytes, not str")


def is_address(name: str) -> bool:
    """An IPv4 or IPv6 address, for which no server name is sent (RFC 6066, section 3)."""
    return "%" not in name and address_of(name) is not None
