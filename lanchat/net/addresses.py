"""Addresses: which of them are the machine's own, and what is counted for each."""

from __future__ import annotations

import functools
import ipaddress


@functools.lru_cache(maxsize=4096)
def is_loopback(address: str) -> bool:
    """Whether this is an address of the machine itself."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


@functools.lru_cache(maxsize=4096)
def counted_as(address: str) -> str:
    """What is limited by address is counted for this: an IPv4 address, or the /64 that an IPv6 address is in.

    One machine may use any address of its /64 (RFC 4291, 2.5.4). Loopback stays as it is.
    """
    if ":" not in address or is_loopback(address):
        return address
    return str(ipaddress.ip_network((address.partition("%")[0], 64), strict=False))
