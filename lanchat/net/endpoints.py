"""Turns an operator's PORT into endpoint strings of Twisted, and those into endpoints."""

from __future__ import annotations

import itertools
import os
import socket
import stat
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import AdoptedStreamServerEndpoint, serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReactorSocket, IStreamServerEndpoint
from twisted.python import usage
from zope.interface import implementer

from lanchat.protocol.packet import visible
from lanchat.system.exits import exit_with_errors

#: The backlog of listening sockets: 1,000 clients that connect at the same moment must all get in.
BACKLOG = 4096
#: The longest path of a UNIX socket in bytes (unix(7)).
MAX_PATH = 107
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
        address = address_of(description)
    except Exception as error:  # noqa: BLE001 (each kind of endpoint raises errors of its own, OpenSSL's among them)
        if isinstance(error, LookupError) and port.startswith("systemd:"):
            return [description]  # whether systemd passes this socket is only known at the start
        hint = "Write 5000, or tcp:5000:interface=127.0.0.1."
        raise usage.UsageError(f"{port!r} is neither a port nor an endpoint ({error}). {hint}") from None
    if fault := _fault(address):
        raise usage.UsageError(f"{port!r} is not an endpoint: {fault}.")
    return [description]


class Address(NamedTuple):
    """Where an endpoint listens."""

    #: The IP address, or a host name that is one; None for a UNIX socket, or one that systemd passes.
    host: str | None
    port: int = 0
    #: The path of a UNIX socket.
    path: Path | None = None


def address_of(description: EndpointString) -> Address:
    """The address of an endpoint string; raises what Twisted does for a wrong one, `LookupError` if systemd passes no such."""
    endpoint = serverFromString(None, description)
    while wrapped := getattr(endpoint, "_wrappedEndpoint", None):  # as with haproxy:
        endpoint = wrapped
    if (path := getattr(endpoint, "_address", None)) is not None:
        return Address(None, path=Path(os.fsdecode(path)))
    if not isinstance(port := getattr(endpoint, "_port", None), int):
        return Address(None)
    return Address(getattr(endpoint, "_interface", "") or "0.0.0.0", port)  # noqa: S104 (what Twisted makes of no interface)


def shared(one: EndpointString, other: EndpointString) -> str:
    """What two endpoints would both use, such as "port 5000"; "" if a server can listen at both at the same time."""
    if "systemd:" in {one[:8], other[:8]}:
        return one * (one == other)
    a, b = address_of(one), address_of(other)
    if a.path or b.path:
        return str(a.path) * (a.path == b.path)
    if a.host is None or b.host is None or a.port != b.port or a.port == 0:
        return ""
    return f"port {a.port}" * (a.host == b.host or _covers(a.host, b.host) or _covers(b.host, a.host))


def _covers(everywhere: str, host: str) -> bool:
    """Whether `everywhere` means all addresses of a kind, and `host` is one of them."""
    if everywhere == "0.0.0.0":  # noqa: S104 (only compared)
        return ":" not in host
    return everywhere == "::" and (":" in host or _ipv6_serves_ipv4())


def _fault(address: Address) -> str:
    """What is wrong with an address on any machine, as the end of a sentence; "" if nothing is."""
    if not 0 <= address.port <= 65535:
        return "a port is a number up to 65535"
    if address.path is not None and len(os.fsencode(address.path)) > MAX_PATH:
        return f"the path of a UNIX socket has up to {MAX_PATH} bytes"
    if address.host is not None and not _is_host(address.host):
        return f"interface={address.host} is no address. Write one of this machine's (`ip address` shows them)"
    return ""


def _is_host(text: str) -> bool:
    """Whether a text is an IP address, or a name that has one or may have one when the network is up."""
    try:
        return bool(ip_address(text))
    except ValueError:
        pass
    try:
        # Names end with a letter; what does not is meant as an address, and nobody need be asked about it.
        return bool(socket.getaddrinfo(text, None, flags=0 if text[-1].isalpha() else socket.AI_NUMERICHOST))
    except UnicodeError:  # no name can be written like this
        return False
    except socket.gaierror as error:
        return error.errno != socket.EAI_NONAME


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
    six = rf"tcp6:{port}:interface=\:\:"
    try:
        return [six] if _ipv6_serves_ipv4() else [six, f"tcp:{port}"]
    except OSError:
        return [f"tcp:{port}"]


def _ipv6_serves_ipv4() -> bool:
    """Whether a socket for all IPv6 addresses is one for those of IPv4, too. Raises `OSError` if there is no IPv6."""
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::", 0))
        return not probe.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
