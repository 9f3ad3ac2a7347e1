"""irssi and WeeChat in a terminal, typed at as in docs/irc.md, with people who use other clients in the same rooms."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from tests.irc.real_clients.doors import LOBBY, make_account, manual, start
from tests.irc.real_clients.terminal_clients import Irssi, WeeChat
from tests.live import Peer, Server, login
from tests.webchat.chat import reads

Kind = type[Irssi | WeeChat]
#: Numbers for names that nobody else has in this module's server.
NUMBERS = count(1)


def new(name: str) -> str:
    """A name that nobody has yet."""
    return f"{name}{next(NUMBERS)}"


@pytest.fixture(params=[Irssi, WeeChat])
def kind(request: pytest.FixtureRequest) -> Kind:
    """The client that is used."""
    found: Kind = request.param
    return found


def test_the_manual_leads_to_an_account_over_tls(irc_server: Server, tmp_path: Path, kind: Kind) -> None:
    name = new("ann")
    make_account(irc_server, name)
    with kind(tmp_path, name) as ann:
        ann.follows(manual(kind.program, irc_server, name))
        ann.goes_to_the_server()
        ann.says(f"/whois {name}")
        ann.shows("SASL authentication succe", "secure connection", "logged in as")


def test_a_guest_makes_the_name_an_account_and_has_two_devices(irc_server: Server, tmp_path: Path, kind: Kind) -> None:
    name, room = new("ann"), new("#ops")
    with kind(tmp_path / "guest", name) as ann:
        ann.connects(irc_server.port("irc"))
        [register, *_] = manual("Accounts", irc_server, name)
        ann.asks_the_server(register)
        ann.shows("is your account now")
        ann.joins(room)
        ann.says("/quit")
        ann.has_ended()
    with (
        kind(tmp_path / "pc", name) as ann,
        kind(tmp_path / "phone", name) as phone,
        login(irc_server.port(), new("jo")) as json,
    ):
        json.say("/join", room)
        for device in (ann, phone):
            device.follows(manual(kind.program, irc_server, name))
            device.goes_to(room)
        json.say(room, "on both")
        ann.shows("on both")
        phone.shows("on both")
        ann.says("/quit")
        ann.has_ended()
        json.say(room, "still here?")
        phone.shows("still here?")
        phone.says("yes")
        assert json.wait_for("yes")["from"]["name"] == name


def test_people_talk_with_those_who_have_other_clients(irc_server: Server, tmp_path: Path, kind: Kind) -> None:
    name, jo, teo = new("ann"), new("jo"), new("teo")
    with kind(tmp_path, name) as ann, login(irc_server.port(), jo) as json, Peer(irc_server.port("telnet")) as telnet:
        telnet.send(f"{teo}\n/to {LOBBY}\n".encode())
        ann.connects(irc_server.port("irc"))
        ann.says("good morning, äöü €")
        assert json.wait_for("good morning, äöü €")["from"]["name"] == name
        assert name in reads(telnet, "good morning, äöü €")
        ann.says("/me waves")
        reads(telnet, f"* {name} waves")
        json.say(LOBBY, "one\ntwo")
        ann.hears(jo, "one")
        ann.hears(jo, "two")
        telnet.send(b"three\n")
        ann.hears(teo, "three")
        ann.says(f"/query {jo}")
        ann.is_in(jo)
        ann.says("between us")
        json.wait_for("between us")
        json.say(name, "and back")
        ann.hears(jo, "and back")


def test_what_was_said_before_is_shown_after_joining(irc_server: Server, tmp_path: Path, kind: Kind) -> None:
    room = new("#ops")
    with kind(tmp_path, new("ann")) as ann, login(irc_server.port(), new("jo")) as json:
        json.say("/join", room)
        json.say(room, "said before")
        json.say("/topic", f"{room} the pump is back")
        ann.connects(irc_server.port("irc"))
        ann.joins(room)
        ann.shows("said before", "the pump is back")
        json.say(room, "said after")
        ann.shows("said after")


def test_rooms_are_led_and_listed(irc_server: Server, tmp_path: Path, kind: Kind) -> None:
    jo, room = new("jo"), new("#ops")
    with kind(tmp_path, new("ann")) as ann, login(irc_server.port(), jo) as json:
        ann.connects(irc_server.port("irc"))
        ann.joins(room)
        json.say("/join", room)
        ann.shows(f"{jo} ", "has joined")
        ann.says("/topic the pump is back")
        ann.shows("the pump is back")
        json.say("/topic", room)
        json.wait_for("the pump is back")
        ann.says(f"/kick {jo} enough for today")
        json.wait_for("enough for today")
        ann.shows("enough for today")
        ann.goes_to_the_server()
        ann.says("/list")
        ann.shows(room, "the pump is back")
        ann.says(f"/whois {jo}")
        ann.shows("idle", "End of")
        ann.says("/quit that is all")
        ann.has_ended()


def test_people_are_back_when_the_server_is(tmp_path: Path, kind: Kind) -> None:
    name, room = new("ann"), new("#ops")
    server = start(tmp_path)
    with kind(tmp_path / "client", name) as ann:
        ann.connects(server.port("irc"))
        ann.joins(room)
        server.stop()
        with start(tmp_path, server) as again, login(again.port(), "jo") as json:
            ann.reconnects()
            again.logged(f"{name} joined from")
            again.logged(f"{name} made {room}")
            json.say("/join", room)
            json.say(room, "welcome back")
            ann.goes_to(room)
            ann.hears("jo", "welcome back")
            ann.says("it is good to be back")
            json.wait_for("good to be back")
