"""Which names are ours, and which pages come from us."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given, strategies as st

from lanchat.webchat import hosts
from lanchat.webchat.hosts import Hosts, is_same_origin, machine_names

OURS = ["localhost", "LocalHost", "localhost:1", "chat.lan", "CHAT.lan.", "chat.lan:65535"]
ADDRESSES = ["127.0.0.1", "192.168.1.7:8080", "[::1]", "[fe80::1]:80", "[::ffff:10.0.0.1]:80", "8.8.8.8"]
STRANGE = ["", " ", ":80", "chat", "lan", "xchat.lan", "chat.lanx", "chat.lan..x", "chat.lan:", "chat.lan:x", "chat.lan:123456"]
STRANGE += ["::1", "[::1", "[::1]x", "[chat.lan]", "fe80::1%eth0", "[fe80::1%25eth0]", "ann@chat.lan", "chat.lan/"]
STRANGE += ["chat.lan,chat.lan", "0x7f.1", "127.1", "\u0661\u0662\u0667.0.0.1"]
ELSEWHERE = ["null", "", "http://chat.lan:81", "http://chat.lan.evil.example", "http://evil.example", "ws://chat.lan"]
ELSEWHERE += ["http://ann@chat.lan", "http://chat.lan/", "//chat.lan", "http://["]


@pytest.mark.parametrize("host", OURS + ADDRESSES)
def test_names_of_ours_and_addresses_are_ours(host: str) -> None:
    assert Hosts(["Chat.LAN."]).is_ours(host)


@pytest.mark.parametrize("host", STRANGE)
def test_nothing_else_is(host: str) -> None:
    assert not Hosts(["chat.lan"]).is_ours(host)


def test_the_machine_is_known_by_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "Pump.example.org")
    monkeypatch.setattr(socket, "getfqdn", lambda: "pump.example.net")
    assert machine_names() == {"pump", "pump.local", "pump.example.org", "pump.example.net"}
    assert Hosts().is_ours("pump.local:8080")
    assert not Hosts().is_ours("example.org")


def test_other_names_may_be_used_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "machine_names", lambda: {"pump"})
    names = Hosts(["a.lan"])
    assert names.use(["a.lan"]) == []
    assert names.use(["b.lan"]) == ["b.lan", "localhost", "pump"]
    assert names.is_ours("b.lan")
    assert not names.is_ours("a.lan")


@given(st.text(max_size=60))
def test_no_text_is_an_error(text: str) -> None:
    assert not Hosts(["chat.lan"]).is_ours(f"evil.example {text}")
    assert not is_same_origin(text + "://", "chat.lan")


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
@pytest.mark.parametrize("host", ["chat.lan", "chat.lan:8080", "[::1]:8080"])
def test_a_page_of_the_same_host_and_port_is_of_the_same_origin(scheme: str, host: str) -> None:
    assert is_same_origin(f"{scheme}://{host}", host)
    assert is_same_origin(f"{scheme}://{host}", host.upper())


@pytest.mark.parametrize("origin", ELSEWHERE)
def test_any_other_page_is_not(origin: str) -> None:
    assert not is_same_origin(origin, "chat.lan")
