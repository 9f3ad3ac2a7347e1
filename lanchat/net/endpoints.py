"""Turns an operator's PORT into endpoint strings of Twisted, and those into endpoints."""

from __future__ import annotations

import itertools
import os
import socket
import stat
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReactorSocket, IStreamServerEndpoint
from twisted.python import usage
from zope.interface import implementer

from lanchat.protocol.packet import visible
from lanchat.system.private_files import exit_with_errors

#: The backlog of listening sockets: 1,000 clients that connect at the same moment must all get in.
BACKLOG = 4096
#: A string that describes an endpoint of Twisted, such as "tcp:5000:interface=127.0.0.1".
EndpointString: TypeAlias = str


def parse_port(port: str, *, loopback: bool = False) -> list[EndpointString]:
    """The endpoint strings for a PORT: a number (all addresses, or loopback only), or one such string. Raises `UsageError`."""
    if port.isascii() and port.isdigit():
        if len(port) > len("65535") or int(port) > 65535:
            shown = visible(port, 20)
            raise usage.UsageError(f"{shown} is not a port: write a number up to 65535, or an endpoint such as tcp:5000.")
        if opened := _systemd_sockets(int(port)):
            return opened
        families = [f"tcp:{int(port)}:interface=127.0.0.1"] if loopback else _families(int(port))
        return [f"{family}:backlog={BACKLOG}" for family in families]
    own_backlog = ":backlog=" in port or not port.startswith(("tcp:", "tcp6:", "unix:", "ssl:"))
    description = port if own_backlog else f"{port}:backlog={BACKLOG}"
    try:
        number = getattr(serverFromString(None, description), "_port", 0)
    except Exception as error:  # noqa: BLE001 (each kind of endpoint raises errors of its own, OpenSSL's among them)
        if isinstance(error, LookupError) and port.startswith("systemd:"):
            return [description]  # whether systemd passes this socket is only known at the start
        hint = "Write 5000, or tcp:5000:interface=127.0.0.1."
        raise usage.UsageError(f"{port!r} is neither a port nor an endpoint ({error}). {hint}") from None
    if isinstance(number, int) and not 0 <= number <= 65535:
        raise usage.UsageError(f"{port!r} is not an endpoint: a port is a number up to 65535.")
    return [description]


def _systemd_sockets(port: int) -> list[EndpointString]:
    """The endpoint strings of sockets that systemd passes for a port: it can't be opened twice, and these are meant."""
    found = []
    for index in itertools.count():
        try:
            adopted = serverFromString(None, f"systemd:domain=INET6:index={index}")
        except LookupError:
            break
        if not stat.S_ISSOCK(os.fstat(adopted.fileno).st_mode):
            continue  # systemd passes files, too
        with socket.socket(fileno=os.dup(adopted.fileno)) as opened:
            by_ip = opened.family in (socket.AF_INET, socket.AF_INET6) and opened.type == socket.SOCK_STREAM
            if by_ip and opened.getsockname()[1] == port:
                found.append(f"systemd:domain={opened.family.name.removeprefix('AF_')}:index={index}")
    return found


@implementer(IStreamServerEndpoint)
class InheritedSocket:
    """An endpoint for a socket that another process opened. It listens on duplicates, so it can be closed and opened again."""

    def __init__(self, reactor: IReactorSocket, socket_at: AdoptedStreamServerEndpoint) -> None:
        self._reactor = reactor
        self._descriptor, self._family = socket_at.fileno, socket_at.addressFamily
        os.set_inheritable(self._descriptor, False)

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:  # noqa: N803 (Twisted names it)
        """Accept connections, also those that wait already."""
        duplicate = AdoptedStreamServerEndpoint(self._reactor, os.dup(self._descriptor), self._family)
        listening: Deferred[IListeningPort] = duplicate.listen(protocolFactory)
        return listening


def make_endpoint(reactor: Any, description: EndpointString) -> IStreamServerEndpoint:
    """The endpoint for an endpoint string; exits with an error if systemd should have passed the socket, and did not."""
    try:
        found: IStreamServerEndpoint = serverFromString(reactor, description)
    except LookupError:
        what = f"{description} is not a port passed on by systemd"
        mend = "check its name (FileDescriptorName=) and domain (INET6 for all addresses) there"
        exit_with_errors([f"{what}. Start lanchat.socket, and {mend}."])
    return InheritedSocket(reactor, found) if isinstance(found, AdoptedStreamServerEndpoint) else found


def _families(port: int) -> list[EndpointString]:
    """Endpoints for all addresses: one IPv6 socket if it serves IPv4 too, else one for each family."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::", 0))
            both = not probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    except OSError:
        return [f"tcp:{port}"]
    six = rf"tcp6:{port}:interface=\:\:"
    return [six] if both else [six, f"tcp:{port}"]
