"""Random clients of every kind against a model of the server that is a dict: what each is shown, and who has which name."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.irc.message import MAX_LINE
from lanchat.model.room_rules import ANYONE
from tests.fakes import Wire, make_router
from tests.irc.wire import IrcWire


class Spelt(NamedTuple):
    """What a spelling of a name comes to: as it is shown, what it is compared by, and what it looks like."""

    shown: str
    key: str
    look: str

    def collides(self, other: Spelt) -> bool:
        """Whether only one of these can be here: equal names, or look-alikes of which one is outside ASCII."""
        alike = self.look == other.look and not (self.shown.isascii() and other.shown.isascii())
        return self.key == other.key or alike


SPELT = {
    "bob": Spelt("bob", "bob", "bob"),
    "BOB": Spelt("BOB", "bob", "bob"),
    "\uff22\uff4f\uff42": Spelt("Bob", "bob", "bob"),  # full width
    "scope": Spelt("scope", "scope", "scope"),
    "Scope": Spelt("Scope", "scope", "scope"),
    "sc0pe": Spelt("sc0pe", "sc0pe", "scope"),
    "\u0455\u0441\u043e\u0440\u0435": Spelt("\u0455\u0441\u043e\u0440\u0435", "\u0455\u0441\u043e\u0440\u0435", "scope"),
    "Zo\u00eb": Spelt("Zo\u00eb", "zo\u00eb", "zoe\u0308"),
    "ZOE\u0308": Spelt("ZO\u00cb", "zo\u00eb", "zoe\u0308"),  # the two dots are a character of their own
    "carol": Spelt("carol", "carol", "carol"),
}
NO_NAMES = ["SERVER", "everyone", "a b", "10.0.0.1", "x" * 33, "\u0455cope"]
NOBODY = "No other user has a name like that."
TEXTS = ["hi", "h\u00e9 \u4e2d \U0001f600", '}{"\\', " padded ", "/list", "x" * 500, "a\u200db"]

#: How a message in IRC begins; a line that can't be longer, so that the next one goes on; and what programs say by themselves.
SAID = re.compile(r":(?P<sender>[^!]+)![^ ]+@10\.0\.0\.7 (?P<command>PRIVMSG|NOTICE) (?P<to>[^ ]+) :(?P<text>.*)", re.DOTALL)
FULL, PING = 500, ":irc.lan PING irc.lan"
#: The room of IRC clients: the first who joins makes it, and it ends with the last one who leaves.
ROOM = "#room"

KINDS = st.sampled_from(["classic", "unframed", "silent", "glued", "capable", "telnet", "irc", "irc"])
NAMES = st.sampled_from(sorted(SPELT)) | st.sampled_from([name for name in SPELT if SPELT[name].look == "scope"])
WORDS = st.sampled_from(TEXTS)
CUTS = st.integers(min_value=0, max_value=150)
#: Characters of a text that fits into a line of IRC.
SURE_TO_FIT = 100
WHO = st.integers(min_value=0, max_value=99)


def packet(to: str, msg: str, claim: str = "", **x: object) -> bytes:
    """A packet without its newline."""
    members = {"from": {"name": claim, "ip": "1.2.3.4"}, "to": to, "msg": msg} | ({"x": x} if x else {})
    return json.dumps(members, ensure_ascii=len(msg) % 2 == 0).encode()


HELLO = packet("/hello", "lanchat", v=1, caps=["id", "ack"])


class Far:
    """A client: its wire, and what it should have been shown."""

    def __init__(self, wire: Wire, kind: str) -> None:
        self.wire, self.kind = wire, kind
        self.name = Spelt("", "", "")
        self.junk = False  # an unframed client's: answered once for each run of it
        self.expected: list[tuple[str, ...]] = []

    def expect(self, sender: str, to: str, msg: str, op: str = "", cid: str = "") -> None:
        """This should be shown, in the form for this kind; a `msg` that ends in "..." is only the beginning."""
        if self.kind == "telnet":
            who = "*" if sender == "SERVER" else f"{sender}:" if to == "Everyone" else f"{sender} (private):"
            self.expected.append((f"{who} {msg}",))
        elif self.kind == "capable":
            self.expected.append((msg, sender, to, op, cid))
        elif self.kind == "irc" and to == "Everyone":
            self.expected.append((msg, sender, "$*"))
        else:
            self.expected.append((msg, sender, to))

    def told(self, msg: str, op: str = "ok", cid: str = "", *irc: str) -> None:
        """The server should say this; in IRC it should send lines with these commands or numerics."""
        if self.kind == "irc":
            self.expected += [(command,) for command in irc]
            return
        self.expect("SERVER", self.name.shown, msg, op, cid)

    def seen(self) -> Iterator[tuple[str, ...]]:
        """What was shown since the last look, in the same form."""
        if self.kind == "telnet":
            lines: list[str] = []
            for row in self.wire.bytes().decode().split("\r\n")[:-1]:
                if row.startswith(" ") and lines:  # a long word goes on
                    lines[-1] += row.strip()
                else:
                    lines.append(row)
            yield from ((line,) for line in lines)
            return
        if self.kind == "irc":
            yield from self._irc_lines()
            return
        for one in self.wire.packets():
            sender, x = one["from"], one.get("x")
            assert sender["ip"] == ("0.0.0.0" if sender["name"] == "SERVER" else "10.0.0.7")  # noqa: S104 (the contract's)
            if x is not None:
                assert "op" in x or x["conv"] == ("Everyone" if one["to"] == "Everyone" else f"@{sender['name']}")
                yield one["msg"], sender["name"], one["to"], x.get("op", ""), x.get("cid", "")
            else:
                yield one["msg"], sender["name"], one["to"]

    def _irc_lines(self) -> Iterator[tuple[str, ...]]:
        """Messages whole, however many lines they take; of other lines the command or the numeric."""
        pieces: list[str] = []
        for line in self.wire.bytes().decode().split("\r\n")[:-1]:
            assert len(line.encode()) <= MAX_LINE
            said = SAID.fullmatch(line)
            if line == PING:
                self.wire.send(b"PONG :irc.lan\r\n")
            elif said is None:
                yield (line.removeprefix(":irc.lan ").split(" ")[line.startswith(":") and ":irc.lan" not in line],)
            elif len(line.encode()) >= FULL:
                pieces.append(said["text"])
            else:
                yield "".join([*pieces, said["text"]]), said["sender"], said["to"]
                pieces = []

    def send(self, data: bytes, cut: int = 0) -> None:
        """Send a packet, or what a person types, as its kind does, in two segments."""
        data += b"" if self.kind == "unframed" else b"\r\n" if self.kind in ("telnet", "irc") else b"\n"
        self.wire.send(data[:cut], data[cut:])


class Chat(RuleBasedStateMachine):
    """The server and its model."""

    def __init__(self) -> None:
        super().__init__()
        self.router, self.clock = make_router()
        for limit in ("renames", "creations", "decided"):
            self.router.chat.limits.set(limit, "off")
        self.router.chat.rooms_by = ANYONE
        self.in_room: dict[Far, None] = {}
        self.owners: set[Far] = set()
        self.here: dict[str, Far] = {}  # the model, by key
        self.closing: list[Far] = []
        self.wires: list[Wire] = []
        self.cids = 0

    # Coming.

    def connect(self, kind: str) -> Far:
        """A connection without a name."""
        protocol = TelnetProtocol if kind == "telnet" else ChatProtocol
        wire = IrcWire(self.router, self.clock) if kind == "irc" else Wire(self.router, self.clock, protocol)
        self.wires.append(wire)
        assert wire.bytes() == (b"Your name: " if kind == "telnet" else b"")
        return Far(wire, "unframed" if kind in ("silent", "glued") else kind)

    @rule(kind=KINDS, spelling=NAMES | st.sampled_from(NO_NAMES), cut=CUTS)
    def open(self, kind: str, spelling: str, cut: int) -> None:
        """Somebody asks for a name."""
        far, name = self.connect(kind), SPELT.get(spelling)
        taken = name is not None and any(name.collides(other.name) for other in self.here.values())
        data = spelling.encode()
        if kind == "irc":  # (with a space, only the first word would be the nick)
            data = b"NICK " + data.replace(b" ", b"#") + b"\r\nUSER u 0 * :U"
        if kind == "capable":
            data += b"\n" + HELLO
        if kind == "glued":
            data += packet("/nonsense", "")
        if kind == "unframed" and name is not None and not taken:
            kind = "silent"
        if kind == "silent":
            far.wire.send(data)
            far.wire.wait(0.12)
        elif kind == "unframed":
            far.send(data + b"{", cut)
        else:
            far.send(data, cut)
        if name is None or taken:
            same = name is not None and any(name.key == other.name.key for other in self.here.values())
            why = "is already taken" if same else "looks like another that is taken"
            self.turned_away(far, f"The name {name.shown} {why}..." if name else "The name you asked for ...")
            return
        far.name = name
        if kind == "capable" and len(spelling.encode()) < cut <= len(data):
            far.kind = "classic"  # until the rest of its hello is here
            self.welcomed(far)
            far.kind = "capable"
        self.welcomed(far)
        self.here[name.key] = far
        if kind == "glued":
            far.told("There is no command /nonsense. Send /help to see those there are.")

    def welcomed(self, far: Far) -> None:
        """A name, or a hello, was accepted."""
        if far.kind == "irc":
            assert f":irc.lan 001 {far.name.shown} " in far.wire.bytes().decode()
            return
        far.told(f"Welcome {far.name.shown}! Send /help to see the commands. {self.online(far.name.key)}", "welcome")

    def turned_away(self, far: Far, why: str) -> None:
        """No name: a packet to Guest, and the end; a person may try again, and does not."""
        if far.kind == "irc":
            assert re.search(r":irc\.lan 43[23] \* ", far.wire.bytes().decode())
            far.wire.lose()
            return
        if far.kind == "capable":
            far.kind = "classic"  # no hello was accepted
        far.expect("SERVER", "Guest", why)
        if far.kind == "telnet":
            self.clock.advance(0.01)
            (told,) = far.expected.pop()
            shown = far.wire.bytes().decode()
            assert shown.startswith(told.removesuffix("..."))
            assert shown.endswith("\r\nYour name: ")
            far.wire.lose()
        else:
            self.closing.append(far)

    @rule(kind=KINDS)
    def stranger(self, kind: str) -> None:
        """Somebody says nothing: not for long, at the JSON door."""
        far = self.connect(kind)
        far.wire.wait(10.1)
        if kind in ("telnet", "irc"):
            far.wire.lose()
        else:
            self.turned_away(far, "No name came within 10 seconds. Connect again and send your name first.")

    # Talking.

    def someone(self, who: int) -> Far:
        """One of those who are here."""
        return list(self.here.values())[who % len(self.here)]

    def cid(self, far: Far) -> str:
        """An id for a packet, from those who can have one."""
        self.cids += 1
        return str(self.cids) if far.kind == "capable" and self.cids % 3 else ""

    @precondition(lambda self: self.here)
    @rule(who=WHO, to=NAMES | st.just("no one"), text=WORDS, cut=CUTS, claim=st.sampled_from(["", "bob", "SCOPE"]))
    def private(self, who: int, to: str, text: str, cut: int, claim: str) -> None:
        """A word to one, who may be the sender."""
        far = self.someone(who)
        cid = self.cid(far)
        if far.kind == "telnet":
            to = to.replace(" ", "_")  # a name ends there
            far.send(f"/pm {to} {text}".encode(), cut)
        elif far.kind == "irc":
            to, text = to.replace(" ", "_"), text[:SURE_TO_FIT]
            far.send(f"PRIVMSG {to} :{text}".encode(), cut)
        else:
            far.send(packet(to, text, claim, **({"cid": cid} if cid else {})), cut)
        self.relayed(far, to, text, cid, claim)

    def relayed(self, far: Far, to: str, text: str, cid: str, claim: str = "") -> None:
        """What comes of a private word."""
        far.junk = False
        recipient = self.here.get(SPELT[to].key) if to in SPELT else None
        if far.kind == "capable" and claim and claim.lower() != far.name.key:
            far.told(f"You are {far.name.shown}; a packet that claims another name is not passed on.", "fail", cid)
        elif recipient is None:
            far.told(f"The user {to} is not available. Send /list to see who is.", "fail", cid, "401")
        else:
            recipient.expect(far.name.shown, recipient.name.shown, text)
            if cid:
                far.told("", "ack", cid)

    @precondition(lambda self: self.here)
    @rule(who=WHO, text=WORDS | st.just(" "), cut=CUTS, command=st.booleans())
    def everyone(self, who: int, text: str, cut: int, command: bool) -> None:
        """A word to everyone else, which IRC clients don't say."""
        far = self.someone(who)
        if far.kind == "irc":
            return
        far.junk = False
        cid = self.cid(far)
        typed = far.kind == "telnet"
        if typed:
            command = command or text.startswith("/") or not text.strip()
            far.send((f"/shout {text}" if command else text).encode(), cut)
        else:
            to = "/Shout" if command else "everyone"
            far.send(packet(to, text, **({"cid": cid} if cid else {})), cut)
        if not text.strip():
            far.told("Usage: /shout TEXT (say something to everyone)", "fail", cid)
            return
        others = [other for other in self.here.values() if other is not far]
        for other in others:
            other.expect(far.name.shown, "Everyone", text)
        if command or not typed:
            far.told(f"Message sent to {len(others)} users", "ack" if cid else "ok", cid)

    @precondition(lambda self: self.here)
    @rule(who=WHO, prefix=st.sampled_from(["", "", "SC", "z", "q"]), cut=CUTS)
    def list(self, who: int, prefix: str, cut: int) -> None:
        """Somebody asks who is here."""
        far = self.someone(who)
        if far.kind == "irc":
            here = [name.shown for name in SPELT.values() if name.key in self.here]
            far.send(f"ISON :{' '.join(here)}".encode(), cut)
            far.told("", "", "", "303")
            return
        far.junk = False
        cid = self.cid(far)
        if far.kind == "telnet":
            far.send(f"/list {prefix}".encode(), cut)
        else:
            far.send(packet("/list", prefix, **({"cid": cid} if cid else {})), cut)
        prefix = "" if far.kind == "unframed" else prefix.lower()  # these send any text with a command
        told = self.online(far.name.key, prefix)
        if far.kind == "classic" and told == NOBODY:  # and these may
            told = self.online(far.name.key)
        far.told(told, "ok", cid)

    def online(self, asker: str, prefix: str = "") -> str:
        """Who is here besides the asker, as text."""
        others = [self.here[key].name.shown for key in sorted(self.here) if key != asker and key.startswith(prefix)]
        if others:
            return f"Online users ({len(others)}): {', '.join(others)}"
        return NOBODY if prefix else "You are the only active user!"

    @precondition(lambda self: self.here)
    @rule(who=WHO, spelling=NAMES | st.sampled_from(NO_NAMES), cut=CUTS)
    def rename(self, who: int, spelling: str, cut: int) -> None:
        """Somebody asks for another name, and keeps the old one if it can't be."""
        far, name = self.someone(who), SPELT.get(spelling)
        far.junk = False
        cid = self.cid(far)
        data = packet("/name", spelling, **({"cid": cid} if cid else {}))
        if far.kind == "irc":
            spelling = spelling.replace(" ", "#")
            data = f"NICK {spelling}".encode()
        far.send(f"/name {spelling}".encode() if far.kind == "telnet" else data, cut)
        others = [other.name for other in self.here.values() if other is not far]
        if name is None:
            far.told("The name you asked for ...", "fail", cid, "432")
        elif name.shown == far.name.shown:
            far.told(f"You are called {name.shown} already.", "fail", cid)
        elif any(map(name.collides, others)):
            same = any(name.key == other.key for other in others)
            why = "is already taken" if same else "looks like another that is taken"
            far.told(f"The name {name.shown} {why}...", "fail", cid, "433")
        else:
            del self.here[far.name.key]
            far.name = name
            self.here[name.key] = far
            far.told(f"You are called {name.shown} now.", "ok", cid, "NICK")
            if far in self.in_room:
                self.others_read(far, "NICK")

    @precondition(lambda self: any(far.kind not in ("telnet", "irc") for far in self.here.values()))
    @rule(who=WHO, cut=CUTS)
    def hello(self, who: int, cut: int) -> None:
        """Somebody asks for more than the classic protocol, perhaps for the second time."""
        can = [far for far in self.here.values() if far.kind not in ("telnet", "irc")]
        far = can[who % len(can)]
        far.send(HELLO, cut)
        far.junk = False
        if far.kind == "capable":
            far.told("You have already sent a hello.", "fail")
        else:
            far.kind = "capable"
            self.welcomed(far)

    @precondition(lambda self: self.here)
    @rule(who=WHO, bad=st.sampled_from([b"junk", b"[]", b"{}", b'{"a":1}', b'"{"', b"\xff", b'{"to":1e999}']), cut=CUTS)
    def bad(self, who: int, bad: bytes, cut: int) -> None:
        """Somebody sends what is no packet."""
        far = self.someone(who)
        if far.kind == "telnet":
            far.send(b"/nonsense " + bad, cut)
            far.told("There is no command /nonsense. Send /help to see those there are.")
            return
        if far.kind == "irc":
            far.send(b"NONSENSE " + bad, cut)
            far.told("", "", "", "FAIL" if bad == b"\xff" else "421")
            return
        if far.kind == "unframed":
            bad = bad.replace(b'"{"', b'"')  # this would begin an object
        far.send(bad, cut)
        is_object = bad.startswith(b"{")
        if far.kind == "unframed" and not is_object:
            if not far.junk:
                far.told("Text outside of a packet was skipped.", "fail")
            far.junk = True
            return
        far.junk = False
        no_json = bad in (b"junk", b"\xff")
        far.told("That is not JSON in UTF-8, so nothing was done. ..." if no_json else "That is not a packet: ...", "fail")

    # The room of IRC clients.

    def someone_of_irc(self, who: int) -> Far:
        """One of those here who speak IRC."""
        can = [far for far in self.here.values() if far.kind == "irc"]
        return can[who % len(can)]

    def others_read(self, far: Far, *shown: str) -> None:
        """The others in the room should be shown this: a command, or the three parts of a message."""
        for other in self.in_room:
            if other is not far:
                other.expected.append(shown)

    def out_of_room(self, far: Far, told: str) -> None:
        """Somebody is not in the room any more, and the others in it should be told so with this command."""
        if far in self.in_room:
            del self.in_room[far]
            self.owners.discard(far)
            self.others_read(far, told)

    @precondition(lambda self: any(far.kind == "irc" for far in self.here.values()))
    @rule(who=WHO, cut=CUTS)
    def join(self, who: int, cut: int) -> None:
        """Somebody enters the room, and has made it if nobody is there; who is there already reads nothing."""
        far = self.someone_of_irc(who)
        far.send(f"JOIN {ROOM}".encode(), cut)
        if far in self.in_room:
            return
        if not self.in_room:
            self.owners.add(far)
        self.in_room[far] = None
        far.told("", "", "", "JOIN", "353", "366")
        self.others_read(far, "JOIN")

    @precondition(lambda self: any(far.kind == "irc" for far in self.here.values()))
    @rule(who=WHO, cut=CUTS)
    def part(self, who: int, cut: int) -> None:
        """Somebody leaves the room."""
        far = self.someone_of_irc(who)
        far.send(f"PART {ROOM} :enough".encode(), cut)
        far.told("", "", "", "PART" if far in self.in_room else "442" if self.in_room else "403")
        self.out_of_room(far, "PART")

    @precondition(lambda self: any(far.kind == "irc" for far in self.here.values()))
    @rule(who=WHO, text=WORDS, cut=CUTS)
    def room_message(self, who: int, text: str, cut: int) -> None:
        """A word to those in the room, from one of them or an outsider."""
        far, text = self.someone_of_irc(who), text[:SURE_TO_FIT]
        far.send(f"PRIVMSG {ROOM} :{text}".encode(), cut)
        if far in self.in_room:
            self.others_read(far, text, far.name.shown, ROOM)
        else:
            far.told("", "", "", "404" if self.in_room else "403")

    @precondition(lambda self: any(far.kind == "irc" for far in self.here.values()))
    @rule(who=WHO, number=WHO, cut=CUTS)
    def kick(self, who: int, number: int, cut: int) -> None:
        """Somebody takes another out of the room, if it may; nobody takes out themselves."""
        can = [*self.owners, *(far for far in self.here.values() if far.kind == "irc")]
        names = [*(one.name.shown for one in self.in_room), *SPELT]
        far, whom = can[who % len(can)], names[number % len(names)]
        other = self.here.get(SPELT[whom].key if whom in SPELT else whom.lower())
        far.send(f"KICK {ROOM} {whom}".encode(), cut)
        if not self.in_room:
            far.told("", "", "", "403")
        elif far not in self.in_room:
            far.told("", "", "", "442")
        elif far not in self.owners:
            far.told("", "", "", "482")
        elif other is None:
            far.told("", "", "", "401")
        elif other not in self.in_room:
            far.told("", "", "", "441")
        elif other is far:
            far.told("", "", "", "482")
        else:
            other.told("", "", "", "KICK")
            self.out_of_room(other, "KICK")

    # Leaving.

    def forget(self, far: Far) -> None:
        """The model's end of a session."""
        del self.here[far.name.key]
        self.out_of_room(far, "QUIT")
        self.closing.append(far)

    @precondition(lambda self: self.here)
    @rule(who=WHO, cut=CUTS, more=st.booleans())
    def quit(self, who: int, cut: int, more: bool) -> None:
        """Somebody says goodbye, and perhaps more, which is for nobody."""
        far = self.someone(who)
        typed = {"telnet": b"/quit", "irc": b"QUIT :so long"}
        data = typed.get(far.kind) or packet("/QUIT", "so long")
        if more and far.kind not in typed:
            data += (b"" if far.kind == "unframed" else b"\n") + packet("everyone", "too late")
        far.send(data, cut)
        far.told("Goodbye", "bye", "", "ERROR")
        self.forget(far)

    @precondition(lambda self: self.here)
    @rule(who=WHO)
    def lost(self, who: int) -> None:
        """A connection breaks."""
        far = self.someone(who)
        del self.here[far.name.key]
        self.out_of_room(far, "QUIT")
        far.wire.lose()

    @precondition(lambda self: self.here)
    @rule(who=WHO, to=NAMES, last_word=st.booleans())
    def half_close(self, who: int, to: str, last_word: bool) -> None:
        """Somebody stops sending, with a last packet that has no end; only a capable client's must have one."""
        far = self.someone(who)
        if last_word:
            typed = {"telnet": f"/pm {to} last".encode(), "irc": f"PRIVMSG {to} :last".encode()}
            far.wire.send(typed.get(far.kind) or packet(to, "last"))
            if far.kind != "capable":
                self.relayed(far, to, "last", "")
        far.wire.connection.readConnectionLost()
        self.forget(far)

    @precondition(lambda self: self.closing)
    @rule(who=WHO, data=st.sampled_from([b"bob\n", packet("everyone", "late") + b"\n", b""]))
    def reaped(self, who: int, data: bytes) -> None:
        """A connection that the server has closed ends; what it sent until then is for nobody."""
        self.settle()
        far = self.closing.pop(who % len(self.closing))
        far.wire.send(data)
        self.compare(far)
        far.wire.lose()

    # What must be true.

    def settle(self) -> None:
        """Let everything be written, also what is paced."""
        for _ in range(500):
            self.clock.advance(0.01)
            if not any(wire.connection.outbox.waiting for wire in self.wires):
                break

    def compare(self, far: Far) -> None:
        """What was shown is what should have been."""
        seen, expected = [*far.seen()], far.expected
        far.expected = []
        for one, other in zip(seen, expected, strict=False):
            if other[0].endswith("..."):
                assert one[0].startswith(other[0][:-3])
                assert one[1:] == other[1:]
            else:
                assert one == other, (far.kind, seen, expected)
        assert len(seen) == len(expected), (seen, expected)

    @invariant()
    def shown(self) -> None:
        """Everybody was shown what the model says, no more and no less, in order."""
        self.settle()
        for far in (*self.here.values(), *self.closing):
            self.compare(far)
        assert all(far.wire.transport.disconnecting for far in self.closing)
        assert not any(far.wire.transport.disconnecting for far in self.here.values())

    @invariant()
    def owned(self) -> None:
        """Each name is one's, in every spelling, and in the order of the list."""
        online = self.router.chat.online
        assert online.listed("", 99)[0] == [self.here[key].name.shown for key in sorted(self.here)]
        for spelling, name in SPELT.items():
            far = self.here.get(name.key)
            assert online.find(spelling) is (far.wire.connection.session if far else None)
        open_now = [far.wire for far in (*self.here.values(), *self.closing)]
        assert [wire for wire in self.wires if wire.factory.connections] == [wire for wire in self.wires if wire in open_now]

    def teardown(self) -> None:
        """At the end nothing is left, and no timer but those of presence and the keepalive, which end by themselves."""
        for far in (*self.here.values(), *self.closing):
            far.wire.lose()
        assert not [*self.router.chat.online]
        assert not any(wire.factory.connections for wire in self.wires)
        self.clock.advance(0.01)
        assert [call for call in self.clock.getDelayedCalls() if not re.search("Presence|Keepalive", repr(call))] == []
        for _ in range(10):
            self.clock.advance(2)
        assert not self.clock.getDelayedCalls()


TestHouse = pytest.mark.slow(Chat.TestCase)
TestHouse.settings = settings(TestHouse.settings, stateful_step_count=40, max_examples=3 * TestHouse.settings.max_examples)
