"""`lanchat` at a terminal: a real command in a pseudo-terminal, a real server."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timezone, tzinfo
from pathlib import Path
from typing import Any

import pexpect
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output.plain_text import PlainTextOutput

from lanchat.client.history_pages import HistoryPages
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import MAX_MSG, ReceivedPacket, Sender
from lanchat.terminal.arrivals import SUMMED_SECONDS
from lanchat.terminal.attention import AWAY_SECONDS
from lanchat.terminal.completion_words import CompletionWords
from lanchat.terminal.formatting import Formatter, Paragraph
from lanchat.terminal.prompt import Prompt, SecretFreeHistory
from lanchat.terminal.view import SLOW_SECONDS, View
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Peer, Server, environment, login
from tests.talk import Talk

Open = Callable[..., Any]
CTRL_C, CTRL_D, TAB, UP = "\x03", "\x04", "\t", "\x1b[A"
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]m|\x1b\[2m")


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Open]:
    """Starts clients in terminals, which are closed at the end; what they keep is this test's."""
    opened: list[Any] = []

    def start_client(server: Server, name: str, *arguments: str, **variables: str) -> Any:
        variables = {"TERM": "xterm", "XDG_STATE_HOME": str(tmp_path)} | variables
        command = [f"127.0.0.1:{server.port()}", "--name", name, *arguments]
        client = pexpect.spawn(
            str(SCRIPTS / "lanchat"), command, env=environment(**variables), encoding="utf-8", timeout=PATIENCE
        )
        client.logfile_read = io.StringIO()
        client.seen = client.logfile_read.getvalue
        opened.append(client)
        return client

    yield start_client
    for client in opened:
        client.close(force=True)


@pytest.fixture
def terminal(spawn: Open) -> Open:
    """Opens clients in terminals, and waits for their prompt."""

    def open_client(server: Server, name: str, *arguments: str, **variables: str) -> Any:
        client = spawn(server, name, *arguments, **variables)
        client.expect(f"Welcome {name}")
        client.expect("Everyone>")
        return client

    return open_client


@pytest.fixture
def bob(shared_server: Server) -> Iterator[Peer]:
    """Somebody to talk with."""
    with login(shared_server.port(), "bob") as peer:
        yield peer


def status(client: Any) -> int:
    """The exit code, once it has ended."""
    client.expect(pexpect.EOF)
    client.close()
    assert client.signalstatus is None
    return int(client.exitstatus)


def test_a_line_being_typed_stays_whole_when_a_message_comes(shared_server: Server, bob: Peer, terminal: Open) -> None:
    client = terminal(shared_server, "ann")
    client.send("@bob half a l")
    client.expect("half a l")
    bob.say("ann", "interrupting")
    client.expect("\a.*bob -> you: .*interrupting")
    client.expect("half a l")
    client.sendline("ine")
    assert bob.wait_for("half a line")["from"]["name"] == "ann"


def test_plain_text_goes_to_the_target_which_is_everyone_at_first(shared_server: Server, bob: Peer, terminal: Open) -> None:
    client = terminal(shared_server, "ann")
    client.sendline("to all")
    assert bob.wait_for("to all")["to"] == "Everyone"
    client.sendline("/to bob")
    client.expect("bob>")
    client.sendline("to one")
    assert bob.wait_for("to one")["to"] == "bob"
    client.sendline("/to")
    client.expect("Everyone>")
    client.sendline("to all again")
    assert bob.wait_for("to all again")["to"] == "Everyone"


def test_tab_completes_names_and_commands_and_arrows_bring_back_lines(shared_server: Server, bob: Peer, terminal: Open) -> None:
    client = terminal(shared_server, "ann")
    client.sendline("/standard")
    client.expect("A packet is one JSON object")
    with login(shared_server.port(), "Zebulon"):
        client.expect("Zebulon came")
        client.send("@zeb" + TAB)
        client.expect("@Zebulon")
        client.sendline("hello")
    client.send("/sta" + TAB)
    client.expect("/standard")
    client.sendline()
    client.expect("A packet is one JSON object")
    client.send(UP + UP)
    client.expect("hello")


def test_an_error_is_shown_as_one_with_what_was_not_delivered(shared_server: Server, terminal: Open) -> None:
    client = terminal(shared_server, "ann")
    client.sendline("@nobody are you there?")
    client.expect(re.escape("\x1b[1;31m! The user nobody is not available"))
    client.expect("NOT DELIVERED to nobody: are you there?")
    client.sendline("/nonsense")
    client.expect("! There is no command /nonsense")


def test_what_can_not_be_sent_is_said_here(shared_server: Server, terminal: Open) -> None:
    client = terminal(shared_server, "ann")
    client.sendline("@bob")
    client.expect("! Not sent: Nobody got that")
    client.send("\x1b[200~" + "x" * (MAX_MSG + 1) + "\x1b[201~\r")
    client.expect("! Not sent: A message has at most 16384 bytes")


def test_what_others_write_is_never_obeyed_by_the_terminal(shared_server: Server, bob: Peer, terminal: Open) -> None:
    client = terminal(shared_server, "ann")
    bob.say("ann", "\x1b]0;owned\x07 \x9b31m <b>{x}</b> %s\nEveryone> forged")
    client.expect(re.escape(r"\x1b]0;owned\x07 \x9b31m <b>{x}</b> %s"))
    assert "\x1b]0" not in client.before + client.after
    client.expect("bob -> you: .*Everyone> forged")


def test_a_pasted_text_of_several_lines_is_one_message(shared_server: Server, bob: Peer, terminal: Open) -> None:
    client = terminal(shared_server, "ann")
    client.send("\x1b[200~one\ntwo\x1b[201~\r")
    assert bob.wait_for("one")["msg"] == "one\ntwo"


def test_a_pasted_text_is_never_obeyed_line_by_line(shared_server: Server, bob: Peer, terminal: Open) -> None:
    client = terminal(shared_server, "ann")
    client.send("\x1b[200~/quit\n/dev/vdb 20%\x1b[201~\r")
    client.expect("! Not sent: A command is a single line")
    client.send("\x1b[200~look:\n /register hunter22\x1b[201~\r")
    client.expect("! Not sent: That looks like a command with a password")
    client.send("\x1b[200~/say /dev is full\n/register no\x1b[201~\r")
    assert bob.wait_for("is full")["msg"] == "/dev is full\n/register no"


def test_what_shows_a_password_is_not_remembered() -> None:
    history = SecretFreeHistory()
    lines = ["hello", "\N{NO-BREAK SPACE}/register hunter22", "\N{FULLWIDTH SOLIDUS}login x", "@bob /password a b", "/list"]
    for line in lines:
        history.append_string(line)
    assert history.get_strings() == ["hello", "/list"]


def test_a_restarted_server_is_found_again_and_what_was_typed_meanwhile_arrives_once(tmp_path: Path, terminal: Open) -> None:
    with Server(tmp_path) as first:
        port = first.port()
        client = terminal(first, "ann")
        first.stop(signal.SIGKILL)
    client.expect("The connection was lost")
    client.expect("trying again in")
    client.sendline("typed meanwhile")
    client.expect("typed meanwhile")
    with Server(tmp_path, "--port", f"tcp:{port}:interface=127.0.0.1"), login(port, "bob") as bob:
        client.expect("Welcome ann")
        assert bob.wait_for("typed meanwhile")["from"]["name"] == "ann"
        client.expect("Everyone>")
        client.sendline("typed after")
        assert bob.packet()["msg"] == "typed after"
        client.sendline("/quit")
        assert status(client) == 0


@pytest.mark.parametrize("end", [CTRL_C, CTRL_D, "/quit so long\r"])
def test_it_is_left_in_these_ways(end: str, shared_server: Server, terminal: Open) -> None:
    client = terminal(shared_server, "ann")
    client.send(end)
    client.expect("Goodbye")
    assert status(client) == 0
    assert "Traceback" not in client.before


def test_a_signal_ends_it_and_the_terminal_is_as_it_was(shared_server: Server, terminal: Open) -> None:
    client = terminal(shared_server, "ann")
    client.send("half a line")
    client.expect("half a line")
    client.kill(signal.SIGTERM)
    assert status(client) == 0
    assert "Traceback" not in client.before


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_who_is_not_let_in_is_told_why_without_a_key_pressed(tmp_path: Path, spawn: Open, term: str) -> None:
    with Server(tmp_path, "--port", LOOPBACK, "--limit", "users=1") as server, login(server.port(), "ann"):
        client = spawn(server, "bob", TERM=term)
        client.expect("lanchat: .*full")
        assert status(client) == 1


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {}])
def test_colours_are_left_out_where_they_are_not_wanted(
    variables: dict[str, str], shared_server: Server, bob: Peer, terminal: Open
) -> None:
    client = terminal(shared_server, "ann", **variables)
    bob.say("ann", "colourful")
    client.expect("colourful")
    assert bool(COLOUR.search(client.before)) is not bool(variables)


def test_no_bell_is_rung_where_it_is_not_wanted(shared_server: Server, bob: Peer, terminal: Open) -> None:
    client = terminal(shared_server, "ann", "--no-bell")
    bob.say("ann", "quietly")
    client.expect("quietly")
    assert "\a" not in client.before


def test_json_is_shown_line_by_line_and_harmless(shared_server: Server, bob: Peer, terminal: Open) -> None:
    client = terminal(shared_server, "ann", "--json")
    bob.say("ann", "\x9b31m")
    client.expect(re.escape(r'"msg":"\u009b31m"'))
    client.sendline("@bob hi")
    client.expect("Everyone> @bob hi\r\n")
    client.expect('"op":"ack"')


def test_a_refused_name_is_said_in_one_line(shared_server: Server, bob: Peer) -> None:
    command = [f"127.0.0.1:{shared_server.port()}", "--name", "BOB"]
    client = pexpect.spawn(str(SCRIPTS / "lanchat"), command, env=environment(TERM="xterm"), encoding="utf-8", timeout=PATIENCE)
    client.expect("lanchat: the server refused the name BOB: .*already")
    assert status(client) == 1


@pytest.fixture
def account(shared_server: Server) -> Callable[[str], None]:
    """Makes names accounts, with the password "hunter22"."""

    def register(name: str) -> None:
        with login(shared_server.port(), name) as peer:
            peer.say("/register", "hunter22")
            peer.wait_for("your account")

    return register


def answer(client: Any, question: str, text: str) -> None:
    """Type what must not be seen."""
    client.expect(question)
    client.sendline(text)


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_password_is_asked_for_unseen_and_a_token_kept_for_the_next_time(
    shared_server: Server, account: Callable[[str], None], spawn: Open, term: str
) -> None:
    name = f"dora-{term}"
    account(name)
    client = spawn(shared_server, name, TERM=term)
    answer(client, f"Password for {name}:", "wrong")
    answer(client, f"Wrong name.*Password for {name}:", "hunter22")
    client.expect(f"Welcome {name}")
    answer(client, "Stay logged in.*y/N", "y")
    client.expect("A token is stored in")
    client.send(CTRL_D)
    assert status(client) == 0
    assert "hunter22" not in client.seen()
    client = spawn(shared_server, name)
    client.expect(f"Welcome {name}")
    client.expect("Everyone>")


def test_a_question_in_the_middle_of_a_line_gives_it_back_on_a_dumb_terminal_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    screen = io.StringIO()
    request: list[str | None] = []

    async def typed() -> str | None:
        prompt = Prompt(lambda: "> ", CompletionWords())
        line = asyncio.ensure_future(prompt.line())
        keys.send_text("half a ")
        while not screen.getvalue().endswith("half a "):  # noqa: ASYNC110 (the screen tells nobody; the whole has a bound)
            await asyncio.sleep(0)
        prompt.ask("Well?", request.append, hidden=False)
        assert await line is None
        keys.send_text("yes\r")
        assert await prompt.line() is None
        keys.send_text("line\r")
        return await prompt.line()

    with create_pipe_input() as keys, create_app_session(input=keys, output=PlainTextOutput(screen)):
        assert asyncio.run(asyncio.wait_for(typed(), PATIENCE)) == "half a line"
    assert request == ["yes"]
    assert screen.getvalue().endswith("> half a line\n")


def test_a_login_asks_before_there_is_a_connection(shared_server: Server, account: Callable[[str], None], spawn: Open) -> None:
    account("emil")
    client = spawn(shared_server, "emil", "--login", "--keep-token")
    answer(client, "Password for emil:", "hunter22")
    client.expect("A token is stored in")
    client.expect("Welcome emil")
    assert "hunter22" not in client.seen()


def test_who_types_no_password_is_told_why_it_is_over(shared_server: Server, spawn: Open) -> None:
    client = spawn(shared_server, "emil", "--login")
    client.expect("Password for emil:")
    client.send(CTRL_D)
    client.expect("lanchat: no password was typed")
    assert status(client) == 1


def test_a_password_that_is_typed_once_more_than_it_is_asked_for_goes_to_nobody(
    shared_server: Server, account: Callable[[str], None], spawn: Open, bob: Peer
) -> None:
    account("egon")
    client = spawn(shared_server, "egon")
    client.expect("Password for egon:")
    client.send("wrong\rhunter22\r")
    client.expect("Not sent: you are not logged in yet")
    answer(client, "Wrong name.*Password for egon:", "hunter22")
    answer(client, "y/N", "n")
    client.sendline("hello")
    assert bob.packet()["msg"] == "hello"


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_new_password_with_a_typo_is_asked_for_anew(shared_server: Server, spawn: Open, bob: Peer, term: str) -> None:
    name = f"ella-{term}"
    client = spawn(shared_server, name, TERM=term)
    client.expect(f"Welcome {name}")
    client.sendline("/register")
    client.expect("Password:")
    client.send("hunter11\rhunter22\r")
    answer(client, "passwords differ.*Password:", "hunter22")
    answer(client, "Repeat it:", "hunter22")
    client.expect(f"{name} is your account now")
    assert "hunter" not in client.seen()


def test_a_password_that_is_typed_into_a_line_does_not_come_back_with_the_arrows(shared_server: Server, spawn: Open) -> None:
    client = spawn(shared_server, "fritz")
    client.expect("Welcome fritz")
    client.sendline("/time")
    client.expect("Server time")
    client.sendline("/register hunter22")
    client.expect("fritz is your account now")
    client.send(UP)
    client.expect("/time")
    client.sendline()
    client.expect("Server time")
    client.send("half a li")
    client.expect("half a li")
    client.sendcontrol("u")
    client.sendline("/password")
    answer(client, "Current password:", "hunter22")
    answer(client, "New password:", "hunter33")
    answer(client, "Repeat it:", "hunter33")
    client.expect("password is changed")
    assert "hunter33" not in client.seen()


def test_what_was_said_while_one_was_away_is_shown_and_so_is_what_was_before(
    shared_server: Server, account: Callable[[str], None], spawn: Open, bob: Peer
) -> None:
    account("gerd")
    client = spawn(shared_server, "gerd")
    answer(client, "Password for gerd:", "hunter22")
    answer(client, "y/N", "y")
    client.expect("token is stored")
    client.sendline("/create #attic")
    client.expect("#attic is there")
    client.sendline("/quit")
    assert status(client) == 0
    for n in range(3):
        bob.say("gerd", f"dust {n}")
        bob.wait_for("gerd is away")
    client = spawn(shared_server, "gerd")
    client.expect("3 messages while you were away:")
    client.expect("bob -> you: .*dust 0")
    client.expect("dust 2")
    client.expect("That was all.")
    client.sendline("/to #attic")
    client.expect("#attic>")
    client.sendline("anybody?")
    client.sendline("/history @bob 2")
    client.expect("bob -> you: .*dust 1.*dust 2.*more: /more")
    client.sendline("/more")
    client.expect("dust 0.*That is all.")
    client.sendline("/history")
    client.expect("#attic you: .*anybody?")
    client.sendline("/search dust")
    client.expect("dust 0.*dust 1.*dust 2.*That is all.")


def test_what_is_more_than_a_text_comes_and_goes(shared_server: Server, spawn: Open) -> None:
    client = spawn(shared_server, "ines")
    client.expect("Welcome ines")
    client.sendline("/register hunter22")
    client.expect("ines is your account now")
    client.sendline("/create #more")
    client.expect("#more is there")
    client.sendline("/to #more")
    client.expect("#more>")
    with login(shared_server.port(), "igor") as igor:
        for to, msg in (("/register", "hunter22"), ("/join", "#more"), ("#more", "lunch?"), ("/me", "#more looks up")):
            igor.say(to, msg)
        client.expect("#more igor: .*lunch")
        client.expect(re.escape("#more * igor") + ".*looks up")
        client.sendline("/reply in a minute")
        client.expect(r'you \(re: "looks up"\): .*in a minute')
        assert igor.wait_for("in a minute")["from"]["name"] == "ines"
        client.sendline("/edit in an hour")
        client.expect("The message is edited")
        igor.wait_for("(edited) in an hour")
        igor.say("/react", "last :)")
        client.expect(r'igor \(reacted to "in an hour"\): .*:\)')
        igor.say("/edit", "last looks down")
        client.expect(r"igor \(edited\): .*looks down")
        client.sendline("/withdraw")
        client.expect("The message is withdrawn")
        igor.wait_for("(withdrew a message)")
        igor.say("/leave", "#more")
        client.expect("igor left #more")


def test_what_a_terminal_that_was_hung_up_did_not_show_comes_again(
    shared_server: Server, account: Callable[[str], None], bob: Peer, tmp_path: Path
) -> None:
    account("hugo")
    (secret := tmp_path / "password").touch(0o600)
    secret.write_text("hunter22\n")
    command = [str(SCRIPTS / "lanchat"), f"127.0.0.1:{shared_server.port()}", "--name", "hugo", "--password-file", str(secret)]
    (keyboard, stdin), (screen, stdout) = os.openpty(), os.openpty()
    env = environment(TERM="xterm")
    client = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, env=env, start_new_session=True)  # noqa: S603 (ours)
    for device in (stdin, stdout):
        os.close(device)
    with client:
        seen = b""
        while b"Welcome hugo" not in seen:
            seen += os.read(screen, 4096)
        os.close(screen)
        bob.say("hugo", "nobody sees this")
        try:
            assert client.wait(PATIENCE) == 1
        finally:
            client.kill()
        assert client.stderr is not None
        assert client.stderr.read() == b"lanchat: can't write to the terminal: Input/output error\n"
    os.close(keyboard)
    again = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert again.stdout.endswith("bob -> you: nobody sees this\n")


class At(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> At:
        """Noon, in UTC."""
        return cls(2026, 11, 29, 12, tzinfo=timezone.utc)


class Shown:
    """What a view put on the screen, on a clock of the test's own."""

    caught_up = True

    def __init__(self, talk: Talk, echoes: bool = True) -> None:
        self.rows: list[str] = []
        self.bells = 0
        self.columns = 80
        self.view = View(self, Formatter(colours=False, at_terminal=True), bell=True, as_json=False, echoes=echoes)  # type: ignore[arg-type]  # it is a screen
        self.view.start(talk.clock, talk.session, HistoryPages(talk.session))
        for name in ("packet_received", "state_changed", "not_acknowledged", "notice"):
            setattr(talk.screen, name, getattr(self.view, name))

    def show(self, paragraph: Paragraph) -> None:
        """Remember its rows."""
        self.rows += paragraph.rendered(80, 100).splitlines()

    def rest(self, paragraph: Paragraph) -> Paragraph | None:
        """As a screen."""
        return paragraph.rest(80, 100)

    def ring(self) -> None:
        """Count."""
        self.bells += 1

    def new(self) -> list[str]:
        """The rows since this was asked last, without their times."""
        rows, self.rows = self.rows, []
        return [row[9:] if row[2:3] == ":" else row for row in rows]


def test_that_was_all_is_said_when_all_that_was_missed_has_come() -> None:
    talk = Talk()
    shown = Shown(talk)
    talk.account(seq=9, resumed=True, missed=3)
    talk.said(7, batch="resume")
    talk.hear(op="end", batch="resume", n=1, more=True)
    assert "* That was all." not in shown.new()
    (asked,) = [packet["x"]["cid"] for packet in talk.written() if packet["to"] == "/history"]
    talk.said(9, batch=asked)
    talk.hear(op="end", cid=asked, n=1, more=False)
    assert [row for row in shown.new() if row[0] != "\u2014"][-2:] == ["[private] bob -> you: 9", "* That was all."]
    assert shown.bells == 1, "for all that was missed"


def test_a_bell_rings_for_what_is_live_and_for_oneself() -> None:
    talk = Talk()
    shown = Shown(talk)
    talk.account()
    talk.hear("hi", "alice", "bob", id="1")
    talk.hear("ask Alice!", "#ops", "bob", id="2")
    assert shown.bells == 2
    talk.hear("malice, alicent", "#ops", "bob", id="3")
    talk.hear("alice said", "#ops", "alice", id="4", self=True)
    talk.hear("alice", "Everyone", "SERVER", op="ok", cid="5")
    assert shown.bells == 2


def test_each_day_has_a_line_and_so_has_what_came_while_nobody_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Talk()
    shown = Shown(talk)
    talk.account()
    monkeypatch.setattr("lanchat.terminal.formatting.datetime", At)
    shown.new()
    talk.hear("late", "#ops", "bob", id="1", ts="2026-11-28T12:00:00.000Z")
    talk.hear("later", "#ops", "bob", id="2", ts="2026-11-29T12:00:00.000Z")
    shown.view.notice("done")
    days = ["\u2014 Saturday, 28 November 2026 \u2014", "\u2014 Sunday, 29 November 2026 \u2014"]
    assert shown.new() == [days[0], "#ops bob: late", days[1], "#ops bob: later", "* done"]
    talk.clock.advance(AWAY_SECONDS)
    for _ in range(2):
        talk.hear("hello?", "#ops", "bob", id="3", ts="2026-11-29T12:00:00.000Z")
    assert shown.new() == ["\u2014 new \u2014", "#ops bob: hello?", "#ops bob: hello?"]
    shown.view.attention.attend()
    talk.clock.advance(AWAY_SECONDS)
    talk.hear("still?", "#ops", "bob", id="4", ts="2026-11-29T12:00:00.000Z")
    assert shown.new()[0] == "\u2014 new \u2014"


def test_who_spoke_lately_is_seen_to_come_and_go_and_the_others_are_summed_up() -> None:
    talk = Talk()
    shown = Shown(talk)
    talk.account()
    talk.hear("hi", "Everyone", "Bob", id="1")
    shown.new()

    def event(what: str, *who: str, **more: str) -> list[str]:
        talk.hear(f"{', '.join(who)} {what}", "Everyone", op="event", ev=what, who=list(who), n=len(who), **more)
        return shown.new()

    for n in range(3):
        told = [event(what, "cron") for what in ("came", "went")]
        assert told == ([[], []] if n == 2 else [["* cron came"], ["* cron went"]])
        assert event("went", "bob") == ["* bob went"]
    assert event("came", "tom") == []
    assert event("left", "zoe", conv="#ops") == []
    talk.clock.advance(SUMMED_SECONDS)
    assert shown.new() == ["* Meanwhile: cron went (2 times), tom came, zoe left #ops"]
    assert event("came", "eve") == ["* eve came"]
    talk.clock.advance(SUMMED_SECONDS)
    assert shown.new() == []


def test_what_is_slow_to_arrive_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    talk = Talk()
    shown = Shown(talk)
    talk.account()
    shown.new()
    shown.view.message_sent(said := talk.session.send("#ops", "hello"))
    talk.clock.advance(SLOW_SECONDS)
    assert shown.new() == ["* Not confirmed yet: #ops: hello"]
    talk.hear(op="ack", cid=said.cid, id="e.1", seq=1, state="stored")
    assert shown.new() == ["#ops you: hello"]
    shown.view.message_sent(said := talk.session.send("bob", "hello"))
    talk.hear("No.", op="fail", cid=said.cid, code="NO_SUCH_TARGET")
    talk.clock.advance(SLOW_SECONDS)
    assert shown.new() == ["! No.", "! NOT DELIVERED to bob: hello"]


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Server]:
    """A server with a lobby."""
    with Server(tmp_path, "--port", LOOPBACK, "--lobby", "#hall") as server:
        yield server


def test_with_a_lobby_it_is_where_one_speaks_first(hall: Server, spawn: Open) -> None:
    with login(hall.port(), "bob") as bob:
        client = spawn(hall, "ann")
        client.expect("#hall>")
        client.sendline("good morning")
        client.expect("#hall you: .*good morning")
        bob.wait_for("[#hall] good morning")
        client.sendline("/history")
        client.expect("good morning.*That is all")
        client = spawn(hall, "cat", "--to", "bob")
        client.expect("Welcome cat")
        client.expect("bob>")
        assert "#hall>" not in client.seen()


def test_with_a_lobby_it_is_told_once_that_messages_to_everyone_are_not_stored(hall: Server, spawn: Open) -> None:
    with login(hall.port(), "bob") as bob:
        client = spawn(hall, "ann")
        client.expect("#hall>")
        client.sendline("/shout lunch!")
        client.expect("you: .*lunch!")
        client.expect_exact("* Messages to everyone are not stored; those to #hall are (/to #hall).")
        assert bob.wait_for("lunch!")["to"] == "Everyone"
        client.sendline("/to")
        client.expect("Everyone>")
        client.sendline("to all")
        client.expect("you: .*to all")
        assert bob.wait_for("to all")["to"] == "Everyone"
        client.sendline("/to #hall")
        client.expect("#hall>")
        client.sendline("/to")
        client.expect("Everyone>")
        assert client.seen().count("are not stored") == 1


def test_what_is_typed_before_the_welcome_goes_to_the_lobby(hall: Server, spawn: Open) -> None:
    with login(hall.port(), "bob") as bob:
        hall.process.send_signal(signal.SIGSTOP)
        try:
            client = spawn(hall, "ann")
            client.expect(r"\(connecting\) >")
            client.sendline("good morning")
            client.expect("Not sent yet: good morning")
        finally:
            hall.process.send_signal(signal.SIGCONT)
        client.expect("#hall you: .*good morning")
        client.expect("#hall>")
        bob.wait_for("[#hall] good morning")


def test_after_a_new_connection_the_target_is_the_one_before_and_not_the_lobby(tmp_path: Path, spawn: Open) -> None:
    with Server(tmp_path, "--port", LOOPBACK, "--lobby", "#hall") as first:
        port = first.port()
        clients = [spawn(first, "ann"), spawn(first, "cat")]
        for client in clients:
            client.expect("#hall>")
        clients[0].sendline("/to bob")
        clients[0].expect("bob>")
        first.stop(signal.SIGKILL)
    for client in clients:
        client.expect("trying again in")
    with Server(tmp_path, "--port", f"tcp:{port}:interface=127.0.0.1", "--lobby", "#hall"), login(port, "bob") as bob:
        for client, place in zip(clients, ("bob", "#hall"), strict=True):
            client.expect("You are back")
            client.expect(f"{place}>")
            client.sendline(f"to {place}")
            assert bob.wait_for(f"to {place}")["to"] == place


def test_a_page_that_was_refused_can_be_asked_for_again() -> None:
    session = Talk().account().session
    pages = HistoryPages(session)
    said = session.send("/history", "@bob", args={"before": 7})
    pages.finish(ReceivedPacket(Sender("SERVER", ""), "alice", "", AnswerX(op="end", cid="c", n=1, more=True, before=7)), said)
    pages.finish(ReceivedPacket(Sender("SERVER", ""), "alice", "Too much.", AnswerX(op="fail", code="RATE_LIMITED")), said)
    assert pages.footer(0) == "more: /more"


def test_the_rest_of_a_page_whose_connection_broke_is_no_part_of_the_next_one() -> None:
    session = Talk().account().session
    pages = HistoryPages(session)
    pages.ask("/history", "@bob", "Everyone")
    page = [
        ReceivedPacket(Sender("bob", ""), "alice", text, AnswerX(seq=seq, batch="c")) for seq, text in ((1, "old"), (2, "new"))
    ]
    assert pages.collect(page[0])
    pages.discard()
    said = session.send("/history", "@bob")
    assert pages.collect(page[1])
    end = ReceivedPacket(Sender("SERVER", ""), "alice", "", AnswerX(op="end", cid=said.cid, n=1, more=False))
    assert pages.finish(end, said) == [page[1]]
