"""What is typed about files at a terminal: names, what TAB offers, and what is said when something can't be done."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lanchat.client.interfaces import NotSent
from lanchat.terminal.file_commands import TOLD_SECONDS, FileCommands, path_choices, split_path
from tests.talk import CAPS, Talk
from tests.terminal.test_terminal import Shown


class Desk:
    """A terminal with files, without sockets: requests over HTTP fail as they are told to."""

    def __init__(self, plain: bool = False) -> None:
        self.talk = Talk()
        self.shown = Shown(self.talk)
        self.talk.account(caps=[*CAPS, "file"])
        self.target = SimpleNamespace(name="#ops")
        client: Any = SimpleNamespace(session=self.talk.session, reactor=self.talk.clock)
        prompt: Any = SimpleNamespace(redraw=lambda: None, plain=plain)
        requests: Any = SimpleNamespace(reactor=self.talk.clock)
        self.files = FileCommands(client, lambda: requests, self.shown.view, self.target, prompt)  # type: ignore[arg-type]  # it has a name
        received = self.talk.screen.packet_received

        def take(packet: Any, request: Any, line: bytes) -> None:
            if not self.files.take(packet, request):
                received(packet, request, line)

        self.talk.screen.packet_received = take  # type: ignore[method-assign]
        self.talk.written()
        self.shown.new()


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("plan.pdf", ("plan.pdf", "")),
        ("plan.pdf  as we  said ", ("plan.pdf", "as we  said")),
        (r"my\ plan\\.pdf it's", ("my plan\\.pdf", "it's")),
        ("'my plan.pdf' it's", ("my plan.pdf", "it's")),
        ('"it\'s" x', ("it's", "x")),
        ("'my plan", ("'my", "plan")),
        ("x\\", ("x\\", "")),
        ("", ("", "")),
    ],
)
def test_a_name_ends_at_a_blank_that_is_not_quoted(typed: str, parts: tuple[str, str]) -> None:
    assert split_path(typed) == parts


def test_tab_offers_files_as_they_must_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "docs").mkdir()
    for name in ("dear bob.txt", "it's", ".hidden", "x\x1b[2J", "docs/plan.pdf"):
        (tmp_path / name).touch()
    assert path_choices("/send d") == [("dear\\ bob.txt ", 1), ("docs/", 1)]
    assert path_choices("/send docs/p") == [("plan.pdf ", 1)]
    assert path_choices("/send ~/do") == [("docs/", 2)]
    assert path_choices(r"/send dear\ b") == [("dear\\ bob.txt ", 7)]
    assert path_choices("/send ") == [("dear\\ bob.txt ", 0), ("docs/", 0), ("it\\'s ", 0)]
    assert path_choices("/send .h") == [(".hidden ", 2)]
    for nothing in ("/send dear bob", "/send nowhere/x", "/send 'd", "/sen", "hello /send d", "/send \x00/x"):
        assert path_choices(nothing) == []


def test_what_was_typed_is_put_back_together_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a b", "it's", 'say "x"', "back\\slash"):
        (tmp_path / name).touch()
        ((offered, replaced),) = path_choices(f"/send {name[:1]}")
        assert replaced == 1
        assert split_path(f"{offered}text") == (name, "text")
        (tmp_path / name).unlink()


def test_get_offers_the_files_of_the_conversation_and_saves_the_newest(desk: Desk) -> None:
    for seq, conv in ((1, "#ops"), (2, "@bob"), (3, "#ops")):
        desk.talk.hear("", conv, "bob", id=f"e.{seq}", seq=seq, conv=conv, file={"name": f"{seq}.pdf", "size": 5})
    desk.talk.hear("no file", "#ops", "bob", id="e.4", seq=4, conv="#ops")
    assert [reference for reference, _ in desk.files.choices("/get ")] == ["3", "1"]
    assert desk.files.choices("/get 1") == [("1", "bob: 1.pdf")]
    assert desk.files.choices("/reply ") == []
    for typed, asked in (("", "e.3"), ("last", "e.3"), ("1", "e.1"), ("e.1 there", "e.1"), ("77", "77"), ("./77", "e.3")):
        desk.files.get(typed)
        (packet,) = desk.talk.written()
        assert (packet["to"], packet["msg"]) == ("/link", asked)


def test_a_refusal_is_one_line_and_nothing_else_shows_it(desk: Desk) -> None:
    desk.files.get("77")
    (packet,) = desk.talk.written()
    desk.shown.new()
    desk.talk.hear("No such message.", op="fail", code="NO_SUCH_TARGET", cid=packet["x"]["cid"])
    assert desk.shown.new() == ["! the file of 77 was not saved: No such message."]
    desk.files.get("78")
    (packet,) = desk.talk.written()
    desk.talk.hear("", op="ok", cid=packet["x"]["cid"], file={"name": "x"})
    assert desk.shown.new() == ["! the file of 78 was not saved: the server does not say where it is."]


def test_what_can_not_be_meant_is_said_before_anything_is_sent(desk: Desk) -> None:
    for typed, why in (("", "needs a file"), ("plan.pdf", "choose with /to")):
        desk.target.name = "Everyone"
        with pytest.raises(NotSent, match=why):
            desk.files.send(typed)
    with pytest.raises(NotSent, match="no file has come here yet"):
        desk.files.get("")
    assert desk.talk.written() == []


def test_a_file_is_announced_with_its_size_and_text(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.pdf").write_text("abc")
    desk.files.send("plan.pdf as we said")
    (packet,) = desk.talk.written()
    assert packet["to"] == "/file"
    assert {name: packet["x"][name] for name in ("target", "name", "size", "text")} == {
        "target": "#ops",
        "name": "plan.pdf",
        "size": 3,
        "text": "as we said",
    }
    desk.shown.new()
    desk.talk.hear("Nothing was sent: it is full.", op="fail", code="FULL", cid=packet["x"]["cid"])
    assert desk.shown.new() == ["! plan.pdf was not sent: it is full."]
    assert desk.files.beside() == ""


def test_leaving_while_a_file_is_on_its_way_asks_once(tmp_path: Path) -> None:
    desk = Desk(plain=True)
    (tmp_path / "plan.pdf").write_text("abc")
    assert not desk.files.holds_back()
    desk.files.send(f"{tmp_path}/plan.pdf")
    assert desk.files.beside() == "sending plan.pdf: 0% of 3 bytes"
    assert desk.files.holds_back()
    assert "Still sending plan.pdf: 0% of 3 bytes. Leave once more to give it" in desk.shown.new()[-2]
    assert not desk.files.holds_back()
    desk.talk.clock.advance(TOLD_SECONDS)
    assert any("sending plan.pdf: 0%" in row for row in desk.shown.new())
