"""Link-local addresses: the client meets a server on one, in a network of the test's own."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolutionReceiver
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer

from lanchat.client import link_local
from lanchat.stress import options
from tests.live import PATIENCE, SCRIPTS

#: Its own network, of which the loopback device has a link-local address; its own root can give it one.
PRIVATE = ["unshare", "--net", "--map-root-user"]
SCRIPT = """
set -eu
ip link set lo up
ip -6 addr add fe80::1/64 dev lo nodad
{bin}/twistd -n --pidfile= lanchat --data data --port 5000 --tls 5443 > log 2>&1 &
trap "kill $!; wait" EXIT
for at in '[fe80::1%lo]:5000' 'fe80::1%lo' '[FE80::1%1]:5000'; do echo /time | {bin}/lanchat "$at" --name ann --timeout 20; done
for at in '[fe80::1%lo]:5443' '[FE80::1%1]:5443'; do echo /time | {bin}/lanchat "$at" --name ann --tls; done
printf '/register hunter22\\n' | {bin}/lanchat '[fe80::1%lo]:5443' --name ann --tls > /dev/null
umask 077; echo hunter22 > secret
echo /time | {bin}/lanchat '[fe80::1%lo]:5443' --name ann --tls --password-file secret --keep-token
echo /time | {bin}/lanchat '[fe80::1%1]:5443' --name ann --tls --login
"""


def test_a_server_is_reached_by_a_link_local_address_and_known_again(tmp_path: Path) -> None:
    try:
        subprocess.run([*PRIVATE, "ip", "link"], check=True, capture_output=True, timeout=PATIENCE)  # noqa: S603 (ours)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no network of its own may be made here")
    env = os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")}
    command = [*PRIVATE, "bash", "-c", SCRIPT.format(bin=SCRIPTS)]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=3 * PATIENCE, check=False)  # noqa: S603 (ours)
    assert (done.returncode, done.stdout.count("Server time: ")) == (0, 7), done.stderr
    known = (tmp_path / "state" / "lanchat" / "known_servers").read_text().splitlines()
    assert [line.split()[0] for line in known] == ["[fe80::1%lo]:5443"]


@implementer(IHostnameResolver)
class Resolver:
    """Knows one name, which leads to a link-local address."""

    def resolveHostName(
        self, resolutionReceiver: IResolutionReceiver, hostName: str, *args: object, **more: object
    ) -> IHostResolution:
        """At once."""
        resolution: IHostResolution = None  # type: ignore[assignment]  # nobody asks
        resolutionReceiver.resolutionBegan(resolution)
        for address in (
            IPv6Address("TCP", "fe80::1", 5000, 0, 3),
            IPv6Address("TCP", "::1", 5000),
            IPv4Address("TCP", "10.0.0.1", 5000),
        ):
            resolutionReceiver.addressResolved(address)
        resolutionReceiver.resolutionComplete()
        return resolution


def test_a_name_that_leads_to_a_link_local_address_keeps_the_interface() -> None:
    reactor = MemoryReactorClock()
    reactor.nameResolver = link_local.ZoneResolver(Resolver())
    HostnameEndpoint(reactor, "printer.local", 5000).connect(Factory.forProtocol(Protocol))
    reactor.pump([0.3] * 3)
    assert [host for host, *_ in reactor.tcpClients] == ["fe80::1%3", "::1", "10.0.0.1"]


def test_the_load_tool_keeps_the_interface_too(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET6, 1, 6, "", ("fe80::1", 5000, 0, 3)), (socket.AF_INET, 1, 6, "", ("10.0.0.1", 5000))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **more: found)
    assert options._addresses("printer.local", 5000) == [(socket.AF_INET, "10.0.0.1"), (socket.AF_INET6, "fe80::1%3")]


def test_what_is_kept_is_kept_for_one_interface() -> None:
    number, name = socket.if_nameindex()[0]
    assert (
        link_local.server_id((f"FE80::1%{number}", 5000))
        == link_local.server_id((f"fe80::1%{name}", 5000))
        == f"[fe80::1%{name}]:5000"
    )
    assert link_local.server_id(("fe80::1%99999", 1)) == "[fe80::1%99999]:1"
    assert link_local.server_id(("Chat.LAN", 1)) == "[chat.lan]:1"


@pytest.mark.parametrize(
    ("host", "why"),
    [("fe80::1", "add the interface"), ("fe80::1%none", "no network interface none"), ("::1", ""), ("h", "")],
)
def test_an_address_that_can_not_be_reached_is_told_before_there_is_a_connection(host: str, why: str) -> None:
    assert why in link_local.zone_error(host)
    assert bool(why) is bool(link_local.zone_error(host))
