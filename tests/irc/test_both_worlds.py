"""Both worlds read the same: whatever can be said, as IRC clients, programs that send packets, and people at telnet read it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from lanchat.core.router import Router
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.protocol.packet import SERVER, Packet, Sender
from tests.fakes import PASSWORD, User, Wire, dump, log_in
from tests.irc.wire import IrcWire, make_chat

CAPS = "message-tags server-time echo-message labeled-response batch account-tag"
ALL_CAPS = f"{CAPS} draft/message-redaction draft/account-registration"


class World(NamedTuple):
    """Everybody is in #ops; ann and zoe have accounts."""

    router: Router
    clock: Clock
    #: IRC clients: one with all capabilities, one without any.
    ann: IrcWire
    pat: IrcWire
    #: A program with all caps, and a classic client.
    zoe: User
    eve: User
    #: Somebody at telnet.
    ted: Wire

    def say_as_bot(self, text: str) -> None:
        """Let the server say something in #ops, once its owner has allowed that."""
        assert self.ann.connection.session is not None
        self.router.receive(self.ann.connection.session, Packet(Sender("", ""), "/rules", "#ops bots on"))
        self.read()
        bots = self.router.chat.bots
        Deferred.fromCoroutine(bots.say(SERVER, self.router.chat.rooms.get("#ops", self.zoe.session), text))

    def read(self) -> tuple[list[str], list[str], list[str], list[str], list[str]]:
        """What was shown since the last look, to ann, pat, zoe, eve and ted."""
        zoe = [f"{packet.from_.name} {_kind(dump(packet.x))}{packet.msg}" for packet in self.zoe.shown()]
        ted = [line for line in self.ted.bytes().decode().split("\r\n") if line]
        return self.ann.lines(), self.pat.lines(), zoe, self.eve.msgs(), ted


def _kind(x: dict[str, object]) -> str:
    """What a program reads of a packet besides the text."""
    shown = {name: x[name] for name in ("op", "kind", "bot", "re", "ev") if name in x}
    return "".join(f"{name}={value} " for name, value in shown.items())


@pytest.fixture
def world() -> World:
    router, clock = make_chat()
    ann = IrcWire(router, clock, "ann", ALL_CAPS)
    ann.ask(f"REGISTER * * :{PASSWORD}", "JOIN #ops")
    pat = IrcWire(router, clock, "pat")
    pat.ask("JOIN #ops")
    zoe = User(router, "zoe").hello("id", "ack", "room", "edit", "react", "typing").register()
    eve, ted = User(router, "eve"), Wire(router, clock, TelnetProtocol)
    for user in (zoe, eve):
        user.send("/join", "#ops")
    ted.send(b"ted\r\n/join #ops\r\n")
    clock.advance(2)
    world = World(router, clock, ann, pat, zoe, eve, ted)
    world.read()
    return world


def from_irc(line: str) -> Callable[[World], object]:
    """Something that ann says."""
    return lambda world: world.ann.say(line)


def from_program(to: str, msg: str = "", kind: str | None = None) -> Callable[[World], object]:
    """Something that zoe says."""
    return lambda world: world.zoe.send(to, msg, kind=kind)


def from_telnet(line: str) -> Callable[[World], object]:
    """Something that ted types."""
    return lambda world: world.ted.send(f"{line}\r\n".encode())


ANN, ZOE, TED = ":ann!~ann@10.0.0.7", ":zoe!~u@10.0.0.1", ":ted!~u@10.0.0.7"
#: The tags of a message of ann's, of zoe's and of ted's; and of a reply to the first message.
OF_ANN, OF_ZOE, OF_TED = "@T;account=ann;msgid=e1.3", "@T;account=zoe;msgid=e1.3", "@T;msgid=e1.3"
REPLY = "+reply=e1.2;+draft/reply=e1.2"
OK = "SERVER op=ok "
_TIME = re.compile("time=[^; ]*")

#: After the message e1.2, which says who said it: what is said, and what ann, pat, zoe, eve and ted read of it.
SAID: dict[str, tuple[str, Callable[[World], object], list[list[str]]]] = {
    "a message from IRC": (
        "ann",
        from_irc("PRIVMSG #ops :hi there"),
        [
            [f"{OF_ANN} {ANN} PRIVMSG #ops :hi there"],
            [f"{ANN} PRIVMSG #ops :hi there"],
            ["ann hi there"],
            ["[#ops] hi there"],
            ["ann: [#ops] hi there"],
        ],
    ),
    "a message from a program": (
        "ann",
        from_program("#ops", "one\ntwo"),
        [
            [f"{OF_ZOE} {ZOE} PRIVMSG #ops :one", f"@T;account=zoe {ZOE} PRIVMSG #ops :two"],
            [f"{ZOE} PRIVMSG #ops :one", f"{ZOE} PRIVMSG #ops :two"],
            [],
            ["[#ops] one\ntwo"],
            ["zoe: [#ops] one", "zoe: two"],
        ],
    ),
    "a message from telnet": (
        "ann",
        from_telnet("#ops hi there"),
        [
            [f"{OF_TED} {TED} PRIVMSG #ops :hi there"],
            [f"{TED} PRIVMSG #ops :hi there"],
            ["ted hi there"],
            ["[#ops] hi there"],
            [],
        ],
    ),
    "an action from IRC": (
        "ann",
        from_irc("PRIVMSG #ops :\x01ACTION waves\x01"),
        [
            [f"{OF_ANN} {ANN} PRIVMSG #ops :\x01ACTION waves\x01"],
            [f"{ANN} PRIVMSG #ops :\x01ACTION waves\x01"],
            ["ann kind=action waves"],
            ["[#ops] * ann waves"],
            ["[#ops] * ann waves"],
        ],
    ),
    "an action from a program": (
        "ann",
        from_program("#ops", "waves", kind="action"),
        [
            [f"{OF_ZOE} {ZOE} PRIVMSG #ops :\x01ACTION waves\x01"],
            [f"{ZOE} PRIVMSG #ops :\x01ACTION waves\x01"],
            [],
            ["[#ops] * zoe waves"],
            ["[#ops] * zoe waves"],
        ],
    ),
    "a notice from IRC": (
        "ann",
        from_irc("NOTICE #ops :beep"),
        [
            [f"{OF_ANN} {ANN} NOTICE #ops :beep"],
            [f"{ANN} NOTICE #ops :beep"],
            ["ann kind=notice beep"],
            ["[#ops] beep"],
            ["ann (notice): [#ops] beep"],
        ],
    ),
    "a notice from a program": (
        "ann",
        from_program("/notice", "#ops beep"),
        [
            [f"{OF_ZOE} {ZOE} NOTICE #ops :beep"],
            [f"{ZOE} NOTICE #ops :beep"],
            [],
            ["[#ops] beep"],
            ["zoe (notice): [#ops] beep"],
        ],
    ),
    "a reply from IRC": (
        "zoe",
        from_irc("@+draft/reply=e1.2 PRIVMSG #ops :yes"),
        [
            [f"{OF_ANN};{REPLY} {ANN} PRIVMSG #ops :yes"],
            [f"{ANN} PRIVMSG #ops :yes"],
            ["ann re=e1.2 yes"],
            ["[#ops] yes"],
            ["ann (reply): [#ops] yes"],
        ],
    ),
    "a reply from a program": (
        "ann",
        from_program("/reply", "last yes"),
        [
            [f"{OF_ZOE};{REPLY} {ZOE} PRIVMSG #ops :yes"],
            [f"{ZOE} PRIVMSG #ops :yes"],
            [],
            ["[#ops] yes"],
            ["zoe (reply): [#ops] yes"],
        ],
    ),
    "an edit from a program": (
        "zoe",
        from_program("/edit", "last the pump"),
        [
            [f"{OF_ZOE};{REPLY} {ZOE} PRIVMSG #ops :(edited) the pump"],
            [f"{ZOE} PRIVMSG #ops :(edited) the pump"],
            [f"{OK}The message is edited."],
            ["[#ops] (edited) the pump"],
            ["zoe (edited): [#ops] the pump"],
        ],
    ),
    "a withdrawal from IRC": (
        "ann",
        from_irc("REDACT #ops e1.2"),
        [
            [f"{ANN} REDACT #ops e1.2"],
            [f"{ANN} PRIVMSG #ops :(withdrew a message)"],
            ["ann op=withdraw "],
            ["[#ops] (withdrew a message)"],
            ["ann: [#ops] (withdrew a message)"],
        ],
    ),
    "a withdrawal from a program": (
        "zoe",
        from_program("/withdraw", "last"),
        [
            [f"@T;account=zoe {ZOE} REDACT #ops e1.2"],
            [f"{ZOE} PRIVMSG #ops :(withdrew a message)"],
            [f"{OK}The message is withdrawn."],
            ["[#ops] (withdrew a message)"],
            ["zoe: [#ops] (withdrew a message)"],
        ],
    ),
    "a reaction from IRC": (
        "zoe",
        from_irc("@+draft/react=👍;+reply=e1.2 TAGMSG #ops"),
        [
            [f"{OF_ANN};+draft/react=👍;+reply=e1.2 {ANN} TAGMSG #ops"],
            [f"{ANN} PRIVMSG #ops :(reacted 👍 to: the pmup)"],
            ["ann op=react 👍"],
            ["[#ops] (reacted 👍 to: the pmup)"],
            ["ann (reacted): [#ops] 👍"],
        ],
    ),
    "a reaction from a program": (
        "ann",
        from_program("/react", "last 👍"),
        [
            [f"{OF_ZOE};{REPLY};+draft/react=👍 {ZOE} TAGMSG #ops"],
            [f"{ZOE} PRIVMSG #ops :(reacted 👍 to: the pmup)"],
            [],
            ["[#ops] (reacted 👍 to: the pmup)"],
            ["zoe (reacted): [#ops] 👍"],
        ],
    ),
    "a bot": (
        "ann",
        lambda world: world.say_as_bot("backup done"),
        [
            ["@T;bot;msgid=e1.4 :irc.lan NOTICE #ops :backup done"],
            [":irc.lan NOTICE #ops :backup done"],
            ["SERVER kind=notice bot=True backup done"],
            ["[#ops] backup done"],
            ["* [#ops] backup done"],
        ],
    ),
    "something for everyone from IRC": (
        "ann",
        from_irc("PRIVMSG $* :fire"),
        [
            [f"@T;account=ann;msgid=test.1 {ANN} NOTICE $* :fire"],
            [f"{ANN} NOTICE $* :fire"],
            ["ann fire"],
            ["fire"],
            ["ann: fire"],
        ],
    ),
    "something for everyone from a program": (
        "ann",
        from_program("Everyone", "fire"),
        [
            [f"@T;account=zoe;msgid=test.1 {ZOE} NOTICE $* :fire"],
            [f"{ZOE} NOTICE $* :fire"],
            [f"{OK}Message sent to 4 users"],
            ["fire"],
            ["zoe: fire"],
        ],
    ),
    "something private from IRC": (
        "ann",
        from_irc("PRIVMSG zoe,pat,ted :psst"),
        [
            [f"@T;account=ann;msgid=e1.{seq} {ANN} PRIVMSG {to} :psst" for seq, to in ((3, "zoe"), (4, "pat"), (5, "ted"))],
            [f"{ANN} PRIVMSG pat :psst"],
            ["ann psst"],
            [],
            ["ann (private): psst"],
        ],
    ),
    "something private from a program": (
        "ann",
        from_program("ann", "psst"),
        [[f"{OF_ZOE} {ZOE} PRIVMSG ann :psst"], [], [], [], []],
    ),
    "something private from telnet": (
        "ann",
        from_telnet("@ann psst"),
        [[f"{OF_TED} {TED} PRIVMSG ann :psst"], [], [], [], []],
    ),
    "who is typing, from IRC": (
        "ann",
        from_irc("@+typing=active TAGMSG #ops"),
        [
            [f"@T;account=ann;msgid=test.1;+typing=active {ANN} TAGMSG #ops"],
            [],
            ["SERVER op=event ev=typing ann is typing"],
            [],
            [],
        ],
    ),
    "who is typing, from a program": (
        "ann",
        from_program("/typing", "#ops"),
        [[f"@+typing=active {ZOE} TAGMSG #ops"], [], [], [], []],
    ),
}


@pytest.mark.parametrize("what", SAID)
def test_both_worlds_read_the_same(world: World, what: str) -> None:
    before, say, expected = SAID[what]
    if before == "ann":
        world.ann.say("PRIVMSG #ops :the pmup")
    else:
        world.zoe.send("#ops", "the pmup")
    world.read()
    say(world)
    ann, *others = world.read()
    assert [[_TIME.sub("T", line) for line in ann], *others] == expected


def test_what_another_device_of_one_s_account_says_is_shown_to_who_wants_echoes(world: World) -> None:
    phone = log_in(world.router, "ann", "id", "room")
    world.read()
    phone.send("#ops", "from my phone")
    phone.send("zoe", "psst")
    ann, pat, zoe, _, ted = world.read()
    own = ":ann!~u@10.0.0.1"
    assert [line.partition(" ")[2] for line in ann] == [f"{own} PRIVMSG #ops :from my phone", f"{own} PRIVMSG zoe :psst"]
    assert pat == [f"{own} PRIVMSG #ops :from my phone"]
    assert zoe == ["ann from my phone", "ann psst"]
    assert ted == ["ann: [#ops] from my phone"]
    phone.shown()
    world.ann.say("PRIVMSG #ops :back at my desk", "PRIVMSG zoe :psst", "CAP REQ -echo-message")
    told = [(packet.msg, packet.x and packet.x.self_) for packet in phone.shown()]
    assert told == [("back at my desk", True), ("psst", True)]
    world.read()
    phone.send("zoe", "psst")
    assert world.ann.lines() == []
