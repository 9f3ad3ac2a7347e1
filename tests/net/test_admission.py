"""Admission: who may connect, and how many, before a byte is read."""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.task import Clock

from lanchat.gateways.base_factory import MAX_LINGERING
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.net.addresses import limit_key
from lanchat.net.admission import Admission, parse_networks
from lanchat.protocol.counts import Counts
from lanchat.protocol.errors import Full
from lanchat.protocol.limits import BURST_SECONDS, Limits
from tests.fakes import Wire, make_router


def admission(*allow: str) -> tuple[Admission, Clock]:
    clock = Clock()
    return Admission(Limits(), clock, parse_networks(list(allow)), Counts()), clock


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.7.7", "169.254.1.1", "::1", "fe80::1%eth0", "fd00::1"]
)
def test_the_local_network_may_connect(address: str) -> None:
    assert admission()[0].allows(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "172.32.0.1", "192.169.0.1", "2001:db8::1", "0.0.0.0"])  # noqa: S104 (not to bind to)
def test_the_rest_of_the_world_may_not(address: str) -> None:
    assert not admission()[0].allows(address)
    assert admission("any")[0].allows(address)


def test_networks_can_be_chosen() -> None:
    door, _ = admission("192.168.7.0/24", "2001:db8::/32")
    assert door.allows("192.168.7.1")
    assert door.allows("2001:db8::5")
    assert not door.allows("192.168.8.1")
    assert not door.allows("127.0.0.1")


def test_who_is_from_elsewhere_is_refused_before_a_byte(logged: list[str]) -> None:
    router, clock = make_router()
    factory = ChatFactory(ChatProtocol, router, Admission(router.chat.limits, clock, parse_networks([]), router.chat.counts))
    for n in range(100):
        assert factory.buildProtocol(IPv4Address("TCP", f"8.8.8.{n}", 1)) is None
    assert factory.buildProtocol(IPv6Address("TCP", "::ffff:10.0.0.1", 1)) is not None
    assert logged[-1] == "refused 8.8.8.99: is not in a network that may connect (--allow)"


def test_users_are_limited_over_all_addresses() -> None:
    door, _ = admission()
    door.limits.set("users", 3)
    for n in range(3):
        assert door.admit(f"10.0.0.{n}") is None
    assert isinstance(door.admit("10.0.0.9"), Full)
    door.release("10.0.0.9")
    door.release("10.0.0.0")
    assert door.admit("10.0.0.9") is None
    assert door.limits.met["users"] == 1


def test_an_address_is_limited_and_loopback_is_not() -> None:
    door, _ = admission()
    door.limits.set("per-address", 2)
    assert [door.admit(address) is None for address in ["10.0.0.1"] * 3 + ["10.0.0.2"] + ["127.0.0.1"] * 5] == [True] * 2 + [
        False
    ] + [True] * 6


def test_an_ipv6_machine_is_counted_by_its_64_as_it_may_use_any_address_there() -> None:
    door, clock = admission()
    door.limits.set("per-address", 3)
    assert [door.admit(f"fd00::1:{n}") is None for n in range(5)] == [True, True, True, False, False]
    assert door.admit("fd00:0:0:1::1") is None
    door.limits.set("per-address", "off")
    door.limits.set("opens", 1)
    clock.advance(60)
    assert sum(door.admit(f"fd00:0:0:2::{n}%eth0") is None for n in range(50)) == BURST_SECONDS
    door.set_networks(parse_networks(["fd00:0:0:1::/64"]))
    assert door.count_outside() == 55
    assert limit_key("10.0.0.1") == "10.0.0.1"
    assert limit_key("::1") == "::1"


def test_openings_per_second_are_limited_for_an_address() -> None:
    door, clock = admission()
    door.limits.set("opens", 1)
    admitted = [door.admit("10.0.0.1") is None for _ in range(15)]
    assert admitted == [True] * 10 + [False] * 5
    assert door.admit("10.0.0.2") is None
    clock.advance(10)
    assert door.admit("10.0.0.1") is None
    assert door.limits.met["opens"] == 5


def test_who_knocks_on_while_refused_is_not_refused_for_longer() -> None:
    door, clock = admission()
    door.limits.set("opens", 1)
    for _ in range(200):
        door.admit("10.0.0.1")
    clock.advance(1)
    assert door.admit("10.0.0.1") is None


def test_nothing_is_kept_of_who_left() -> None:
    door, _ = admission()
    for n in range(20_000):
        door.admit(f"10.0.{n // 256}.{n % 256}")
        door.release(f"10.0.{n // 256}.{n % 256}")
    assert not door.connections
    assert len(door._opens) <= 10_000


def test_one_too_many_is_told_why_and_the_others_are_served() -> None:
    house = make_router()
    inside = Wire(*house)
    inside.send(b"ann\n")
    inside.factory.admission.limits.values["users"] = 0  # nobody fits in any more
    outside = Wire(*house)
    outside.send(b"bob\n")
    assert outside.msgs() == ["The server is full. Try again later."]
    assert outside.transport.disconnecting
    inside.send(b'{"from":{"name":"","ip":""},"to":"/list","msg":""}\n')
    assert inside.msgs()[-1] == "You are the only active user!"


def test_few_of_those_that_are_too_many_linger() -> None:
    house = make_router()
    first = Wire(*house)
    house[0].chat.limits.values["users"] = 0  # nobody fits in any more
    wires = [first]
    for _ in range(MAX_LINGERING + 3):
        wire = Wire(*house)
        wire.factory = wire.connection.factory = first.factory
        wires.append(wire)
    assert len(first.factory.lingering) <= MAX_LINGERING + 1
