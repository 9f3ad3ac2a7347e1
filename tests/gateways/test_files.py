"""How each dialect shows a message with a file: in packets, as text, to IRC clients, and to an operator's tap."""

from __future__ import annotations

import json
import re

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.irc.connection import IrcProtocol
from lanchat.manhole.commands import Commands
from lanchat.net.sockets import url_host
from lanchat.state.file_links import Ports
from tests.fakes import PASSWORD, User, Wire, log_in
from tests.irc.wire import IrcWire, make_chat
from tests.live import line
from tests.manholes import FakeWindow, make_service
from tests.uploading import finish, send_file, take_files

#: A link as everybody reads it, who came to the address of a transport of these tests.
LINK = r"http://10\.0\.0\.50:8080/f/(\d+)/pump\.png\?e=\d+&k=[\w-]{32}"


class Place:
    """Zoe, who has an account and a program, in #ops; others come with their dialects."""

    def __init__(self) -> None:
        self.router: Router
        self.clock: Clock
        self.router, self.clock = make_chat()
        take_files(self.router)
        User(self.router, "zoe").register().leave()
        self.zoe = log_in(self.router, "zoe", "id", "ack", "room", "file")
        self.zoe.send("/join", "#ops")
        self.zoe.shown()

    def wire(self, wire: Wire, *lines: bytes) -> Wire:
        """A connection that came to 10.0.0.50, and sends these lines first."""
        wire.transport.hostAddr = IPv4Address("TCP", "10.0.0.50", 5000)
        for one in lines:
            wire.send(one)
        self.clock.advance(2)
        wire.bytes()
        self.zoe.shown()
        return wire

    def send(self, text: str = "the pump\nfrom above") -> None:
        """Zoe sends a picture to everybody in #ops."""
        send_file(self.zoe, "#ops", "pump.png", text=text)


@pytest.fixture
def place() -> Place:
    return Place()


def test_a_classic_client_reads_it_in_the_text(place: Place) -> None:
    ann = place.wire(Wire(place.router, place.clock), b"ann\n", line("/join", "#ops"))
    place.send()
    (packet,) = ann.packets()
    assert packet.keys() == {"from", "to", "msg"}
    assert re.fullmatch(rf"\[#ops\] the pump\nfrom above\npump\.png \(2\.1 MB\): {LINK}", packet["msg"])


def test_an_unframed_client_reads_it_in_packets_that_fit(place: Place) -> None:
    ann = Wire(place.router, place.clock)
    ann.transport.hostAddr = IPv4Address("TCP", "10.0.0.50", 5000)
    ann.send(b"ann")
    ann.wait(3)
    ann.send(json.dumps({"from": {"name": "ann", "ip": ""}, "to": "/join", "msg": "#ops"}).encode())
    ann.wait(3)
    ann.bytes()
    place.zoe.shown()
    place.send()
    ann.wait(1)
    (told,) = ann.packets()
    assert re.fullmatch(rf"\[#ops\] the pump\nfrom above\npump\.png \(2\.1 MB\): {LINK}", told["msg"])


def test_a_person_at_telnet_reads_a_line_of_its_own(place: Place) -> None:
    ted = place.wire(Wire(place.router, place.clock, TelnetProtocol), b"ted\r\n/join #ops\r\n")
    place.send()
    *said, link = ted.bytes().decode().splitlines()
    assert said == ["zoe: [#ops] the pump", "zoe: from above", "zoe: pump.png (2.1 MB):"]
    assert re.fullmatch(f"    {LINK}", link)
    place.send("")
    one, link = ted.bytes().decode().splitlines()
    assert one == "zoe: [#ops] pump.png (2.1 MB):"
    assert re.fullmatch(f"    {LINK}", link)
    for command in (b"/history #ops 1\r\n", b"/link last\r\n"):
        ted.send(command)
        lines = ted.bytes().decode().splitlines()
        assert any(line.endswith("pump.png (2.1 MB):") for line in lines)
        assert any(re.fullmatch(rf"\* {LINK}", line) for line in lines)


def test_a_person_at_telnet_sends_one_with_curl(place: Place) -> None:
    ted = place.wire(Wire(place.router, place.clock, TelnetProtocol), b"ted\r\n/join #ops\r\n")
    ted.send(b"/file #ops pump.png 12 look\r\n")
    told = "".join(part.removeprefix("*").strip() for part in ted.bytes().decode().splitlines())
    ticket = re.search(r"http://10\.0\.0\.50:8080/files/([\w-]{32})", told)
    assert ticket is not None
    finish(place.router.chat.uploads.claim(ticket[1], 12))
    assert ted.bytes() == b"* pump.png was sent to #ops.\r\n"
    assert place.zoe.told().msg == "look"


@pytest.mark.parametrize("caps", ["", "message-tags server-time echo-message labeled-response batch"])
def test_an_irc_client_reads_lines(place: Place, caps: str) -> None:
    pat = place.wire(IrcWire(place.router, place.clock, "pat", caps), b"JOIN #ops\r\n")
    assert isinstance(pat, IrcWire)
    place.send()
    lines = [re.sub("^@[^ ]* ", "", one) for one in pat.lines()]
    assert lines[:2] == [
        ":zoe!~u@10.0.0.1 PRIVMSG #ops :the pump",
        ":zoe!~u@10.0.0.1 PRIVMSG #ops :from above",
    ]
    assert re.fullmatch(rf":zoe!~u@10\.0\.0\.1 PRIVMSG #ops :pump\.png \(2\.1 MB\): {LINK}", lines[2])
    assert len(lines) == 3


def test_an_irc_client_reads_one_message_of_several_lines(place: Place) -> None:
    caps = "message-tags batch draft/multiline"
    pat = place.wire(IrcWire(place.router, place.clock, "pat", caps), b"JOIN #ops\r\n")
    assert isinstance(pat, IrcWire)
    place.send()
    begin, *inside, end = pat.lines()
    assert ("BATCH +" in begin, len(inside), "BATCH -" in end) == (True, 3, True)


def test_a_long_link_is_on_one_line_of_irc(place: Place) -> None:
    pat = place.wire(IrcWire(place.router, place.clock, "pat"), b"JOIN #ops\r\n")
    assert isinstance(pat, IrcWire)
    send_file(place.zoe, "#ops", "Ж" * 120 + ".png")
    assert [one for one in pat.lines() if re.search(r"http://10\.0\.0\.50:8080/f/\d+/file\.png\?e=\d+&k=[\w-]{32}$", one)]


def test_an_account_at_irc_reads_what_it_sent_from_elsewhere_as_an_echo(place: Place) -> None:
    caps = "message-tags echo-message draft/account-registration"
    pat = place.wire(IrcWire(place.router, place.clock, "pat", caps), f"REGISTER * * :{PASSWORD}\r\nJOIN #ops\r\n".encode())
    assert isinstance(pat, IrcWire)
    other = log_in(place.router, "pat", "id", "ack", "room", "file")
    other.shown()
    pat.lines()
    send_file(other, "#ops", "pump.png")
    (echo,) = pat.lines()
    assert re.search(rf":pat!~\w+@[\d.]+ PRIVMSG #ops :pump\.png \(2\.1 MB\): {LINK}$", echo)


def test_an_irc_client_asks_the_server_to_send_one_and_for_a_new_link(place: Place) -> None:
    caps = "message-tags echo-message labeled-response batch"
    pat = place.wire(IrcWire(place.router, place.clock, "pat", caps), b"JOIN #ops\r\n")
    assert isinstance(pat, IrcWire)
    (told,) = pat.ask("PRIVMSG SERVER :file #ops pump.png 12 look")
    ticket = re.search(r"curl -T FILE http://10\.0\.0\.50:8080/files/([\w-]{32})$", told)
    assert ticket is not None
    finish(place.router.chat.uploads.claim(ticket[1], 12))
    assert [one for one in pat.lines() if one.endswith("NOTICE pat :pump.png was sent to #ops.")]
    seq = place.router.chat.store.last_seq
    (told,) = pat.ask(f"PRIVMSG SERVER :link {seq}")
    assert re.search(rf"NOTICE pat :pump\.png \(12 bytes\): {LINK}$", told)


def test_history_for_irc_clients_has_links(place: Place) -> None:
    place.send("")
    pat = place.wire(IrcWire(place.router, place.clock, "pat"), b"JOIN #ops\r\n")
    assert isinstance(pat, IrcWire)
    (line_,) = [one for one in pat.ask("HISTORY #ops 5") if "PRIVMSG" in one]
    assert re.search(LINK + "$", line_)


def test_what_the_server_finds_for_an_irc_client_is_a_line_with_a_link(place: Place) -> None:
    place.send("the pump\nfrom above")
    pat = place.wire(IrcWire(place.router, place.clock, "pat"), b"JOIN #ops\r\n")
    assert isinstance(pat, IrcWire)
    (told,) = pat.ask("PRIVMSG SERVER :history #ops 1")
    assert re.search(rf" zoe -> #ops: the pump - from above - pump\.png \(2\.1 MB\): {LINK}$", told)


def test_a_tap_shows_what_its_session_is_shown(place: Place) -> None:
    ann = place.wire(Wire(place.router, place.clock), b"ann\n", line("/join", "#ops"))
    window = FakeWindow(Commands(make_service(place.router.chat), place.router))
    window.say("tap('ann')")
    window.shown = ""
    place.send("")
    assert re.search(LINK, ann.bytes().decode())
    assert re.search(LINK, window.shown)


def test_links_are_encrypted_for_those_who_are(place: Place) -> None:
    class Encrypted(IrcProtocol):
        def encryption(self) -> str:
            return "TLSv1.3"

    place.router.chat.uploads.links.ports = lambda: Ports(8080, 8443)
    pat = place.wire(IrcWire(place.router, place.clock, "pat", protocol=Encrypted), b"JOIN #ops\r\n")
    ted = place.wire(Wire(place.router, place.clock, TelnetProtocol), b"ted\r\n/join #ops\r\n")
    place.send("")
    assert b"https://10.0.0.50:8443/f/" in pat.bytes()
    assert b"http://10.0.0.50:8080/f/" in ted.bytes()


def test_addresses_of_the_server_are_written_as_urls_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "chatbox")
    assert url_host(IPv4Address("TCP", "192.168.1.7", 1)) == "192.168.1.7"
    assert url_host(IPv6Address("TCP", "::ffff:192.168.1.7", 1)) == "192.168.1.7"
    assert url_host(IPv6Address("TCP", "fd00::7", 1)) == "[fd00::7]"
    assert url_host(IPv6Address("TCP", "fe80::7%eth0", 1)) == "chatbox"
    assert url_host(UNIXAddress("/run/lanchat")) == "127.0.0.1"
