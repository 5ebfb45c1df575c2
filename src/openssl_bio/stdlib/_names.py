"""Names of servers."""

from __future__ import annotations

import ipaddress

__all__ = ["encoded_hostname", "is_address", "refuse_empty_name"]


def encoded_hostname(name: str | bytes | None) -> str | None:
    """A name in A-labels (IDNA 2003, as Python's ``ssl`` has it), or an IP address as it is."""
    if name is None:
        return None
    if isinstance(name, str):
        return name.encode("idna").decode("ascii")
    return name.decode("ascii")


def refuse_empty_name(name: str) -> None:
    """To libssl an empty name means any, and one with a leading dot all names below it."""
    if not name or name.startswith("."):
        raise ValueError("server_hostname cannot be an empty string or start with a leading dot.")


def is_address(name: str) -> bool:
    """An IPv4 or IPv6 address, for which no server name is sent (RFC 6066, section 3)."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return "%" not in name
