"""Zones: link-local addresses (fe80::1%eth0), which mean something on one network interface only (RFC 4007).

On a network without DHCP there are no others. Twisted's `HostnameEndpoint` leaves the zone out of what it connects to.
"""

from __future__ import annotations

import contextlib
import socket
from ipaddress import IPv6Address as Numbers, ip_address
from typing import Any, cast

from twisted.internet.address import IPv6Address
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import directlyProvides, implementer


def fault(host: str) -> str:
    """What is wrong with the zone of an address, or with its having none; "" for nothing, or if this is no address."""
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    if not isinstance(address, Numbers) or not address.is_link_local:
        return ""
    if address.scope_id is None:
        return f"{host} is another machine on each network: say on which interface, as in {host}%eth0"
    known = {text for number, name in socket.if_nameindex() for text in (str(number), name)}
    return "" if address.scope_id in known else f"there is no network interface {address.scope_id}"


def place(server: tuple[str, int]) -> str:
    """A server as `[host]:port`, by which what is kept about it is found again.

    The zone is a part of it: behind another interface the same address may be another machine. An interface that is given by
    its number is kept by its name, as numbers change.
    """
    host, port = server
    address, mark, zone = host.partition("%")
    if zone.isdecimal():
        with contextlib.suppress(OSError, OverflowError):
            zone = socket.if_indextoname(int(zone))
    return f"[{address.lower()}{mark}{zone}]:{port}"


@implementer(IHostnameResolver)
class Zones:
    """A resolver whose addresses have their zones, also those that a name leads to."""

    def __init__(self, resolver: IHostnameResolver) -> None:
        self._resolver = resolver

    def resolveHostName(self, resolutionReceiver: IResolutionReceiver, *args: Any, **more: Any) -> IHostResolution:  # noqa: N803 (so it is called)
        """As `IHostnameResolver`."""
        return self._resolver.resolveHostName(cast(IResolutionReceiver, _Receiver(resolutionReceiver)), *args, **more)


class _Receiver:
    """Hands on what was found."""

    def __init__(self, receiver: IResolutionReceiver) -> None:
        self._receiver = receiver
        self.resolutionBegan = receiver.resolutionBegan
        self.resolutionComplete = receiver.resolutionComplete
        directlyProvides(self, IResolutionReceiver)

    def addressResolved(self, address: IAddress) -> None:
        """An address, as it is to be connected to."""
        if isinstance(address, IPv6Address) and address.scopeID:
            address = IPv6Address(address.type, f"{address.host.partition('%')[0]}%{address.scopeID}", address.port)
        self._receiver.addressResolved(address)
