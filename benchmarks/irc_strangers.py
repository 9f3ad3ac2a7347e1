"""What a stranger may send at the IRC port: each command, what is no line, and what is answered with many lines."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.strangers import IRC, IRC_ACCOUNT, IRC_EARLY, OWN_ROOM, OWNER, ROOM, VICTIM, Row
from lanchat.irc_commands import COMMANDS

_LATEST, _MOMENT = "2038-01-01T00:00:00.000Z", "timestamp=2020-01-01T00:00:00.000Z"
#: So many names fit into a line, and so many tags.
_NAMES = ",".join(f"n{number}" for number in range(100))
_STARS = "*" * 400
#: What each command is given, besides nothing; {room} is one that the stranger is in, and owns if he has an account.
_GIVEN = {
    "AUTHENTICATE": ["PLAIN", "A" * 400],
    "AWAY": [":lunch"],
    "CAP": ["LS 302", "LIST", "REQ :echo-message", f"REQ :{'nothing ' * 50}"],
    "CHATHISTORY": [
        "LATEST {room} * 1000",
        f"BEFORE {{room}} timestamp={_LATEST} 1000",
        f"AFTER {{room}} {_MOMENT} 1000",
        f"AROUND {{room}} {_MOMENT} 1000",
        f"BETWEEN {{room}} {_MOMENT} timestamp={_LATEST} 1000",
        f"TARGETS {_MOMENT} timestamp={_LATEST} 1000",
    ],
    "HELP": ["PRIVMSG"],
    "HISTORY": ["{room} 1000"],
    "INVITE": [f"{VICTIM} {{room}}"],
    "ISON": [f":{_NAMES.replace(',', ' ')}"],
    "JOIN": [ROOM, "0", "#nowhere", ",".join(f"#{number}" for number in range(100))],
    "KICK": [f"{{room}} {VICTIM} :out", f"{{room}} {_NAMES} :out"],
    "KILL": [f"{VICTIM} :out"],
    "LIST": ["*", "*o*", ">0", f"{_STARS}x", "C>1,T<1,U<9"],
    "MARKREAD": ["{room}", f"{{room}} timestamp={_LATEST}"],
    "MODE": [
        "{room}",
        "{room} b",
        f"{{room}} +b {_STARS}!x@x",
        f"{{room}} -b+b {VICTIM} {VICTIM}",
        f"{{room}} +ov {OWNER} {OWNER}",
    ],
    "MONITOR": [f"+ {_NAMES}", f"- {_NAMES}", "C", "L", "S"],
    "NAMES": ["{room}", ",".join(["{room}"] * 50)],
    "NOTICE": [f"{VICTIM} :hello", "{room} :hello"],
    "OPER": [f"{OWNER} wrong"],
    "PART": ["{room}", f"{_NAMES} :bye"],
    "PASS": ["wrong"],
    "PING": ["x"],
    "PRIVMSG": [
        f"{VICTIM} :hello",
        "{room} :hello",
        "nobody :hello",
        f"{VICTIM} :{'x' * 400}",
        f"{VICTIM} :" + "\x03" * 400,
        f"{VICTIM} :\x01VERSION\x01",
        f"{_NAMES} :hello",
    ],
    "REDACT": ["{room} e.1 :no"],
    "REGISTER": ["* * password"],
    "RENAME": ["{room} {room} :why"],
    "SEARCH": ["text=message", f"in={{room}};text=message;before={_LATEST}", f"text={'a ' * 100}"],
    "SETNAME": [":another"],
    "TAGMSG": ["{room}", VICTIM],
    "TOPIC": ["{room}", "{room} :hello", f"{{room}} :{'x' * 300}"],
    "USER": ["u 0 * :u"],
    "USERHOST": [f"{VICTIM} {VICTIM} {VICTIM} {VICTIM} {VICTIM}"],
    "WHO": ["*", "{room}", "{room} %tcuhsnfdlaor,1", f"{_STARS}x", VICTIM],
    "WHOIS": [VICTIM, f"{VICTIM} {VICTIM}", _NAMES, _STARS],
    "WHOWAS": ["nobody", _STARS],
}
#: What is no command, or more of one than a line takes.
_FRAMES = {
    "a line without an end": b"PRIVMSG victim :" + b"x" * 60_000,
    "tags without an end": b"@" + b"a=b;" * 15_000,
    "long tags": b"@" + b"+a=b;" * 800 + b" PRIVMSG victim :hello\r\n",
    "tags that are escapes": b"@+a=" + b"\\s" * 2000 + b" PRIVMSG victim :hello\r\n",
    "labels": b"@label=x PING x\r\n",
    "a label on each WHO": b"@label=x WHO #ops\r\n",
    "NUL": b"PRIVMSG victim :hello\0\r\n",
    "CR without LF": b"PRIVMSG victim :hello\r",
    "a thousand parameters": b"PRIVMSG" + b" x" * 250 + b"\r\n",
    "bytes that are no UTF-8": b"PRIVMSG victim :\xff\xfe\xfd\r\n",
    "blank lines": b"\r\n" * 1000,
    "unknown commands": b"NOTHING\r\n",
    "no command": b":\r\n",
    "two names in turns": b"NICK one-name\r\nNICK another-name\r\n",
    "in and out": b"PART #ops\r\nJOIN #ops\r\n",
    "capabilities on and off": b"CAP REQ :away-notify\r\nCAP REQ :-away-notify\r\n",
    "away and back": b"AWAY :lunch\r\nAWAY\r\n",
    "typing": b"@+typing=active TAGMSG #ops\r\n",
}
#: What may come before the registration is complete.
_EARLY = {
    "capabilities again and again": b"CAP LS 302\r\n",
    "AUTHENTICATE in pieces for ever": b"AUTHENTICATE " + b"A" * 400 + b"\r\n",
    "AUTHENTICATE, wrong": b"AUTHENTICATE PLAIN\r\nAUTHENTICATE AG1hbGxvcnkAd3Jvbmc=\r\n",
    "one name after another": b"NICK one-name\r\nNICK another-name\r\n",
    "JOIN too early": b"JOIN #ops\r\n",
}


def rows() -> Iterator[Row]:
    """All of them."""
    for gateway in (IRC, IRC_ACCOUNT):
        yield Row("connecting", gateway, b"")
        yield Row("a byte at a time", gateway, f"PRIVMSG {VICTIM} :hello\r\n".encode(), piece=1)
        room = OWN_ROOM if gateway == IRC_ACCOUNT else ROOM
        for name in COMMANDS:
            yield Row(name, gateway, f"{name}\r\n".encode())
            for given in _GIVEN.get(name, []):
                written = given.format(room=room)
                yield Row(f"{name} {shown(written)}", gateway, f"{name} {written}\r\n".encode())
    for title, frame in _FRAMES.items():
        yield Row(title, IRC, frame)
    yield Row("connecting", IRC_EARLY, b"")
    for title, frame in _EARLY.items():
        yield Row(title, IRC_EARLY, frame)


def shown(text: str) -> str:
    """Parameters in a table, which are cut where they are long."""
    return text.replace("\x03", "^C").replace("\x01", "^A") if len(text) <= 30 else f"{text[:27]}...".replace("\x03", "^C")
