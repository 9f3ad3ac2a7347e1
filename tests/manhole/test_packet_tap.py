"""The tap: what an operator sees of one session, what it costs the others, and how it ends."""

from __future__ import annotations

import re

import pytest

from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.manhole.commands import Commands
from lanchat.manhole.packet_tap import MAX_SHOWN
from lanchat.protocol.errors import ChatError
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import SERVER, Packet, ServerPacket
from tests.fakes import User, Wire, make_router
from tests.live import line
from tests.manholes import FakeWindow, make_service


class Scene:
    """Ann on a real connection in memory, bob, and an operator."""

    def __init__(self, protocol: type[ChatProtocol | TelnetProtocol] = ChatProtocol) -> None:
        self.router, self.clock = make_router()
        self.bob = User(self.router, "bob")
        self.ann = Wire(self.router, self.clock, protocol)
        self.ann.send(b"ann\n")
        self.ann.bytes()
        self.window = FakeWindow(Commands(make_service(self.router.chat), self.router))

    def tapped(self) -> list[str]:
        """What the window showed since the last look."""
        shown, self.window.shown = self.window.shown, ""
        return shown.splitlines()

    def untouched(self) -> bool:
        """Whether ann's connection is as it was before any tap."""
        session = self.ann.connection.session
        assert session is not None
        return session.client is self.ann.connection and self.ann.connection.router is self.router


@pytest.fixture
def scene() -> Scene:
    """One of this test's own, whose tap has begun."""
    made = Scene()
    made.window.say("tap('ann')")
    return made


def test_packets_are_shown_both_ways_and_go_where_they_went(scene: Scene) -> None:
    scene.ann.send(line("bob", "hello bob"))
    scene.bob.send("ann", "hello ann")
    assert scene.bob.msgs() == ["hello bob"]
    assert "hello ann" in scene.ann.msgs()
    came, went = scene.tapped()
    assert re.fullmatch(r'\d\d:\d\d:\d\d ann > \{"from":.*"to":"bob","msg":"hello bob".*\}', came)
    assert re.fullmatch(r'\d\d:\d\d:\d\d ann < \{"from":.*"name":"bob".*"to":"ann","msg":"hello ann".*\}', went)


def test_a_tap_hears_a_client_that_became_known_to_write_lines_since(scene: Scene) -> None:
    dora = Wire(scene.router, scene.clock)
    dora.send(b"dora")
    dora.wait(5)  # silence completes the name
    assert scene.window.say("tap('dora')") == ""
    for n in range(3):
        dora.send(line("bob", f"word {n}"))
        dora.wait(1)
    assert scene.bob.msgs() == ["word 0", "word 1", "word 2"]
    assert [word for shown in scene.tapped() for word in re.findall(r"dora > .*word (\d)", shown)] == ["0", "1", "2"]


def test_what_somebody_types_on_telnet_is_shown_as_packets() -> None:
    scene = Scene(TelnetProtocol)
    scene.window.say("tap('ann')")
    scene.ann.send(b"hello all\r\n/nick \x1b[31m\r\n")
    came = [shown for shown in scene.tapped() if " > " in shown]
    assert '"to":"Everyone","msg":"hello all"' in came[0]
    assert '"to":"/nick","msg":"\\u001b[31m"' in came[1]


def test_nothing_that_a_terminal_obeys_gets_through(scene: Scene) -> None:
    scene.ann.send(line("bob", "\x1b]0;pwned\x07\u202e\x9b31m\r\n"))
    (shown,) = scene.tapped()
    assert shown.isprintable()
    assert "pwned" in shown


def test_what_is_long_is_cut(scene: Scene) -> None:
    scene.ann.send(line("bob", "x" * 8000))
    (shown,) = scene.tapped()
    assert MAX_SHOWN < len(shown) < MAX_SHOWN + 50


def test_what_is_no_packet_is_shown_as_such(scene: Scene) -> None:
    scene.ann.send(b"{oops\n")
    assert "ann > (no packet: BAD_JSON" in scene.tapped()[0]


@pytest.mark.parametrize("to", ["/login", "/REGISTER", "/password"])
def test_passwords_are_not_shown(scene: Scene, to: str) -> None:
    scene.ann.send(line(to, "sesame open"))
    assert not any("sesame" in shown for shown in scene.tapped())


def test_secrets_of_programs_are_not_shown(scene: Scene) -> None:
    scene.ann.send(line("/hello", "lanchat", v=1, caps=["id"], auth={"name": "ann", "password": "sesame"}))
    scene.ann.send(line("/register", "", password="sesame"))  # noqa: S106 (nobody's)
    shown = scene.tapped()
    assert any('"to":"/hello"' in one for one in shown)
    assert not any("sesame" in one for one in shown)


def test_a_token_is_not_shown(scene: Scene) -> None:
    session = scene.ann.connection.session
    assert session is not None
    session.client.deliver(ServerPacket(SERVER, "ann", "Welcome", AnswerX(op="welcome", token="sesame")))  # noqa: S106 (nobody's)
    assert '"token":"(hidden)"' in scene.tapped()[0]


def test_it_is_in_the_log_when_it_begins_and_when_it_ends(scene: Scene) -> None:
    scene.ann.send(line("bob", "one"))
    scene.window.say("untap()")
    assert [note for note in scene.window.audited if "tap of" in note] == [
        "tap of ann (10.0.0.7) begins",
        "tap of ann ends (stopped): 1 packet",
    ]


def test_ctrl_c_stops_it_and_all_is_as_it_was(scene: Scene) -> None:
    assert not scene.untouched()
    scene.window.out = ""
    scene.window.interrupt()
    assert scene.window.out == "The tap of ann ends (stopped): 0 packets.\n"
    assert scene.untouched()
    scene.ann.send(line("bob", "unheard"))
    assert scene.bob.msgs() == ["unheard"]
    assert scene.tapped() == []


def test_whoever_is_not_tapped_has_nothing_in_the_way(scene: Scene) -> None:
    scene.bob.send("ann", "hello")
    assert scene.bob.session.client is scene.bob.client


def test_several_operators_may_tap_the_same_session(scene: Scene) -> None:
    other = FakeWindow(scene.window.commands)
    other.say("tap('ann')")
    scene.ann.send(line("bob", "once"))
    assert "once" in scene.tapped()[0]
    assert "once" in other.shown
    assert scene.bob.msgs() == ["once"]
    other.interrupt()
    scene.ann.send(line("bob", "again"))
    assert "again" in scene.tapped()[0]
    assert "again" not in other.shown
    assert scene.window.say("untap()").endswith("1\n")
    assert scene.untouched()


def test_it_ends_with_the_session(scene: Scene) -> None:
    scene.window.out = ""
    scene.ann.lose()
    assert scene.window.out.startswith("The tap of ann ends (it has left):")
    assert scene.untouched()


def test_it_ends_with_a_kick(scene: Scene) -> None:
    scene.window.say("kick('ann', 'bye')")
    assert any("(bye)" in shown for shown in scene.tapped())
    assert scene.untouched()


def test_a_slow_window_loses_packets_and_is_told_how_many(scene: Scene) -> None:
    scene.window.is_behind = True
    for n in range(50):
        scene.ann.send(line("bob", f"word {n}"))
    assert scene.tapped() == []
    scene.window.is_behind = False
    scene.ann.send(line("bob", "the last"))
    told, shown = scene.tapped()
    assert told == "(not shown, because this window is too slow: 50 packets)"
    assert "the last" in shown
    scene.window.out = ""
    scene.window.interrupt()
    assert scene.window.out == "The tap of ann ends (stopped): 51 packets, 50 of them not shown.\n"
    assert len(scene.bob.msgs()) == 51


def test_a_packet_that_can_not_be_shown_goes_where_it_went(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(heard: Packet | ChatError) -> str:
        raise ValueError("no")

    monkeypatch.setattr("lanchat.manhole.packet_tap.render", fail)
    scene.ann.send(line("bob", "hello"))
    assert scene.bob.msgs() == ["hello"]
    assert scene.untouched()
