"""All commands: what holds for each row of the table, now and when another is added."""

from __future__ import annotations

from typing import Any

import pytest

from lanchat.commands import COMMANDS
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.model.session import Role
from lanchat.protocol.limits import LIMITS
from lanchat.protocol.packet import MAX_MSG, MAX_PACKET
from tests.fakes import User, Wire, make_router
from tests.live import line

#: What the first server had, and took no text with.
FIRST = ("/help", "/list", "/quit", "/standard", "/time")
ANYTHING = ["x", "hello", "/x", "pm", "bob", "zoe zoe", "after:7", "{}", " "]


def answer(command: str, msg: str, unframed: bool) -> list[str]:
    """What a client like the first ones is told."""
    router, clock = make_router()
    User(router, "bob")
    wire = Wire(router, clock)
    wire.send(b"ann" if unframed else b"ann\n")
    wire.wait(0.2)
    wire.bytes()
    wire.send(line(command, msg).strip() if unframed else line(command, msg))
    told = []
    for _ in range(100):
        told += wire.msgs()
        wire.wait(0.02)
    return told


@pytest.mark.parametrize("command", FIRST)
def test_to_a_client_like_the_first_ones_the_text_of_a_command_means_nothing(command: str) -> None:
    assert COMMANDS[command].textless
    expected = answer(command, "", unframed=True)
    assert expected
    assert all(answer(command, text, unframed=True) == expected for text in ANYTHING)


@pytest.mark.parametrize("command", FIRST)
def test_a_classic_client_on_lines_gets_the_whole_answer_to_what_fits_nothing(command: str) -> None:
    expected = answer(command, "", unframed=False)
    assert all(answer(command, text, unframed=False) == expected for text in ("x", "morning", "/x", "zoe zoe"))


def test_who_knows_the_arguments_is_told_what_fits_nothing() -> None:
    router, clock = make_router()
    capable, typist = User(router, "ann").hello("id"), Wire(router, clock, TelnetProtocol)
    typist.send(b"tom\r\n/help pm\r\n/help nonsense\r\n/list nobody\r\n/list an\r\n")
    assert [text.strip("* ") for text in typist.bytes().decode().splitlines()[1:]] == [
        "Usage: /pm USER TEXT (say something to one user)",
        "There is no command /nonsense. Send /help to see those there are.",
        "No other user has a name like that.",
        "Online users (1): ann",
    ]
    capable.send("/help", "pm")
    capable.send("/help", command="nonsense")
    capable.send("/list", "nobody")
    assert [text[:20] for text in capable.msgs()] == ["Usage: /pm USER TEXT", "There is no command ", "No other user has a "]
    classic = User(router, "zoe")
    classic.send("/help", "pm")
    classic.send("/list", "an")
    assert [text[:20] for text in classic.msgs()] == ["Usage: /pm USER TEXT", "Online users (1): an"]


MANY = 1000
#: So many rooms have a long name and a topic: of the others the data is much longer than the words.
LONG = 50
QUOTES, ROOM, GUEST = '"' * 200, "ё" * 26, "ж" * 26


@pytest.fixture(scope="module")
def boss() -> User:
    """A moderator, among a thousand of each: with long names and texts, which JSON has to escape."""
    router, _ = make_router()
    for limit in LIMITS:
        router.chat.limits.set(limit, "off")
    boss = User(router, "boss").register()
    assert boss.session.account is not None
    boss.session.account.role = boss.session.role = Role.OPERATOR
    for n in range(MANY):
        boss.send("/create", f"#{ROOM}-{n:02}" if n < LONG else f"#{n:04}")
        if n < LONG:
            boss.send("/topic", f"#{ROOM}-{n:02} {QUOTES}")
        boss.send("/ban", f"10.1.{n // 250}.{n % 250 + 1} {QUOTES}")
        User(router, f"{n:04}-{GUEST}", "10.0.0.9").register()
        boss.send("/invite", f"{n:04}-{GUEST} #{ROOM}-00")
        if n % 2:
            User(router, f"{n:04}-{GUEST}2", "10.0.0.9").send("/join", f"#{ROOM}-00")
    return boss.hello()


def everything(boss: User, command: str, member: str) -> list[Any]:
    """A whole list, in as many parts as it takes; each is looked at."""
    found: list[Any] = []
    for _ in range(100):
        boss.send(command, f"#{ROOM}-00" if command == "/members" else "", after=len(found))
        told = boss.told()
        assert told.x is not None
        assert len(told.line) <= MAX_PACKET + 1
        assert len(told.msg.encode()) <= MAX_MSG
        found += [*(getattr(told.x, member) or ()), *(getattr(told.x, "invited", None) or ())]
        if not told.x.more:
            assert "more: " not in told.msg
            return found
        assert told.msg.endswith(f"after:{len(found)}")
    pytest.fail("it has no end")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "member", "count"),
    [
        ("/list", "names", MANY * 3 // 2),
        ("/rooms", "rooms", MANY),
        ("/members", "names", MANY * 3 // 2 + 1),
        ("/bans", "bans", MANY),
    ],
)
def test_a_list_comes_in_parts_that_fit_into_a_packet(boss: User, command: str, member: str, count: int) -> None:
    found = everything(boss, command, member)
    assert len(found) == count
    assert len({str(one) for one in found}) == count


@pytest.mark.parametrize("command", [name for name in COMMANDS if name not in ("/quit", "/close", "/leave")])
def test_every_answer_fits_into_a_packet(boss: User, command: str) -> None:
    given = {"room": f"#{ROOM}-00", "target": "", "prefix": "", "user": f"0001-{GUEST}", "text": QUOTES}
    boss.send(command, **{arg: given.get(arg, "") for arg in COMMANDS[command].args})
    assert all(len(packet.line) <= MAX_PACKET + 1 for packet in boss.shown())


@pytest.mark.parametrize("command", ["/list", "/rooms", "/members", "/bans"])
def test_what_is_typed_for_the_rest_of_a_list_brings_it(boss: User, command: str) -> None:
    boss.send(command, f"#{ROOM}-00" if command == "/members" else "")
    first = boss.told()
    again = first.msg.rpartition("more: ")[2]
    assert again.startswith(f"{command} ")
    boss.send(*again.split(" ", 1))
    second = boss.told()
    assert second.msg != first.msg
    assert second.x is not None
    assert second.x.code is None
    boss.send(command, f"{'#' + ROOM + '-00' if command == '/members' else ''} after:9999")
    assert boss.told().msg == "There are no more."


def test_a_topic_can_be_removed() -> None:
    router, _ = make_router()
    ann = User(router, "ann").register()
    for text in ("/create #ops", "/topic #ops the pump", "/topic #ops", "/topic #ops -delete", "/topic #ops"):
        ann.send(*text.split(" ", 1))
    assert ann.msgs()[1:] == ["Topic of #ops: the pump", "the pump", "The topic of #ops was removed.", "#ops has no topic."]
    ann.hello("id")
    ann.send("/topic", room="#ops", text="the pump")
    ann.send("/topic", room="#ops")
    ann.send("/topic", room="#ops", text="")
    ann.send("/topic", room="#ops")
    assert [x["topic"] for x in ann.xs()] == ["the pump", "the pump", "", ""]
    bob = User(router, "bob").hello()
    bob.send("/join", "#ops")
    bob.client.packets.clear()
    bob.send("/topic", room="#ops", text="")
    assert bob.xs()[0]["code"] == "FORBIDDEN"
