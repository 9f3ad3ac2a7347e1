"""Zones of link-local addresses (fe80::1%eth0), which are valid on one network interface only (RFC 4007).

A network without DHCP has no other addresses. Twisted's `HostnameEndpoint` drops the zone of an address.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from typing import Any, TypeAlias, cast

from twisted.internet.address import IPv6Address
from twisted.internet.interfaces import IAddress, IHostnameResolver, IHostResolution, IResolutionReceiver
from zope.interface import directlyProvides, implementer

#: A server: its host name or IP address, and its port.
ServerAddress: TypeAlias = tuple[str, int]


def zone_error(host: str) -> str:
    """What is wrong with the zone of an address, or with a missing one; "" if nothing is, or `host` is not an address."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    if not isinstance(address, ipaddress.IPv6Address) or not address.is_link_local:
        return ""
    if address.scope_id is None:
        return f"{host} may be a different machine on each network: add the interface, as in {host}%eth0"
    known = {text for number, name in socket.if_nameindex() for text in (str(number), name)}
    return "" if address.scope_id in known else f"there is no network interface {address.scope_id}"


def server_id(server: ServerAddress) -> str:
    """A server as `[host]:port`, under which keys and tokens are stored.

    The zone is included: on another interface the same address may be another machine. The number of an interface is replaced
    by its name, as numbers change.
    """
    host, port = server
    address, mark, zone = host.partition("%")
    if zone.isdecimal():
        with contextlib.suppress(OSError, OverflowError):
            zone = socket.if_indextoname(int(zone))
    return f"[{address.lower()}{mark}{zone}]:{port}"


@implementer(IHostnameResolver)
class ZoneResolver:
    """A resolver that keeps the zones of addresses, also of those that a host name resolves to."""

    def __init__(self, resolver: IHostnameResolver) -> None:
        self._resolver = resolver

    def resolveHostName(self, resolutionReceiver: IResolutionReceiver, *args: Any, **more: Any) -> IHostResolution:  # noqa: N803 (its name in Twisted)
        """Resolve a host name, as `IHostnameResolver` describes."""
        return self._resolver.resolveHostName(cast(IResolutionReceiver, _Receiver(resolutionReceiver)), *args, **more)


class _Receiver:
    """Passes results on to another receiver."""

    def __init__(self, receiver: IResolutionReceiver) -> None:
        self._receiver = receiver
        self.resolutionBegan = receiver.resolutionBegan
        self.resolutionComplete = receiver.resolutionComplete
        directlyProvides(self, IResolutionReceiver)

    def addressResolved(self, address: IAddress) -> None:
        """Pass an address on in the form to connect to."""
        if isinstance(address, IPv6Address) and address.scopeID:
            address = IPv6Address(address.type, f"{address.host.partition('%')[0]}%{address.scopeID}", address.port)
        self._receiver.addressResolved(address)
