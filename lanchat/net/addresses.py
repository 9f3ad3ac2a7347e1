"""What limits and admission need to know of an IP address, and the addresses of this machine."""

from __future__ import annotations

import fcntl
import functools
import ipaddress
import socket
import struct
from contextlib import suppress
from pathlib import Path

#: The request for the IPv4 address of a network interface (`man 7 netdevice`; Linux).
_SIOCGIFADDR = 0x8915
#: Has a line for each network interface of this process' network, after two lines of headings (`man 5 proc`; Linux).
_INTERFACES = Path("/proc/self/net/dev")


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


def interface_addresses() -> set[str]:
    """The first IPv4 address of each network interface, as far as the system tells.

    There may be no way to the internet, by which other addresses are found. (The names come from a file: the library would ask
    for them through a kind of socket that a service need not be allowed, `RestrictAddressFamilies=` in systemd.exec(5).)
    """
    found = set()
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for line in _INTERFACES.read_bytes().splitlines()[2:]:
            with suppress(OSError):  # it has none
                told = fcntl.ioctl(asked, _SIOCGIFADDR, struct.pack("256s", line.partition(b":")[0].strip()))
                found.add(socket.inet_ntoa(told[20:24]))
    return found
