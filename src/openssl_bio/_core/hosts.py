"""Hosts: names or IP addresses.

Theory of operation.  Which of the two a host is decides what a certificate has to say, and whether its name is sent
(RFC 6066, section 3).  Python's `ipaddress` knows; almost all hosts are names that it need not be asked about.
"""

from __future__ import annotations

__all__ = ["address_of"]


def address_of(host: str) -> str | None:
    """An IP address in its usual form, None for anything else."""
    if ":" not in host and not host[-1:].isdigit():
        return None
    import ipaddress

    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return None
