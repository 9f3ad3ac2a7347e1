"""What limits and admission need to know of an IP address."""

from __future__ import annotations

import functools
import ipaddress


@functools.lru_cache(maxsize=4096)
def is_loopback(address: str) -> bool:
    """Whether this is a loopback address of the machine."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


@functools.lru_cache(maxsize=4096)
def limit_key(address: str) -> str:
    """The key under which limits count an address: an IPv4 address itself, an IPv6 address by its /64 network.

    One machine may use any address of its /64 (RFC 4291, 2.5.4). Loopback addresses are counted as they are.
    """
    if ":" not in address or is_loopback(address):
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
