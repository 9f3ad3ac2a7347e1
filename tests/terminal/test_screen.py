"""What a person sees: the client in a window of an emulated terminal, with a real server."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest
from hypothesis import example, given, settings, strategies as st
from prompt_toolkit.application import create_app_session
from prompt_toolkit.output.plain_text import PlainTextOutput

from lanchat.protocol.packet import BLANK_LETTERS, ReceivedPacket, Sender, visible
from lanchat.terminal.formatting import Formatter
from lanchat.terminal.screen import Screen
from tests.live import PATIENCE, SCRIPTS, Peer, Server, environment, login, until
from tests.screens import Terminal

CTRL_C, CTRL_D, CTRL_R, CTRL_U, CTRL_W, CTRL_Z, UP, TAB = "\x03", "\x04", "\x12", "\x15", "\x17", "\x1a", "\x1b[A", "\t"
Open = Callable[..., Terminal]


@pytest.fixture
def window(shared_server: Server, tmp_path: Path) -> Iterator[Open]:
    """Opens clients in windows, and waits for their prompt."""
    opened: list[Terminal] = []

    def open_window(name: str, *arguments: str, columns: int = 80, echo: bool = True, **variables: str) -> Terminal:
        command = [str(SCRIPTS / "lanchat"), f"127.0.0.1:{shared_server.port()}", "--name", name, *arguments]
        variables = {"XDG_STATE_HOME": str(tmp_path)} | variables
        terminal = Terminal(command, columns, 24, echo, **variables)
        opened.append(terminal)
        terminal.shows("\nEveryone>")
        return terminal

    yield open_window
    for terminal in opened:
        terminal.process.close(force=True)


@pytest.fixture
def bob(shared_server: Server) -> Iterator[Peer]:
    """Somebody to talk with."""
    with login(shared_server.port(), "bob") as peer:
        yield peer


def last(terminal: Terminal, row: str) -> None:
    """Wait until this is the last row."""
    terminal.wait(lambda: terminal.text().endswith(f"\n{row}"), f"the row {row!r} at the end")


# What a shell's user expects.


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_ctrl_c_empties_the_line_and_leaves_when_it_is_empty(window: Open, bob: Peer, term: str) -> None:
    client = window("ann", TERM=term)
    client.types("half a line")
    last(client, "Everyone> half a line")
    client.types(CTRL_C)
    last(client, "Everyone>")
    client.types("and another")
    last(client, "Everyone> and another")
    client.process.kill(signal.SIGINT)  # as it is while something is written
    last(client, "Everyone>")
    client.types("whole\r")
    assert bob.packet()["msg"] == "whole"
    client.types(CTRL_C)
    client.shows("Goodbye")


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_ctrl_z_suspends_at_a_question_too_and_fg_draws_the_line_anew(
    shared_server: Server, bob: Peer, tmp_path: Path, term: str
) -> None:
    command = f"{SCRIPTS / 'lanchat'} 127.0.0.1:{shared_server.port()} --name susi-{term}"
    with Terminal(["/bin/bash", "--norc", "-i"], TERM=term, XDG_STATE_HOME=str(tmp_path), PS1="$ ") as shell:
        shell.shows("$")
        shell.types(f"{command}\r")
        shell.shows("\nEveryone>")
        shell.types("half a line")
        last(shell, "Everyone> half a line")
        shell.types(CTRL_Z)
        shell.shows("Stopped")
        bob.say(f"susi-{term}", "are you there?")
        shell.types("fg\r")
        shell.shows("are you there?")
        last(shell, "Everyone> half a line")
        shell.types(f"{CTRL_C}/register\r")
        shell.shows("Password:")
        shell.types(f"hunter22{CTRL_Z}")
        shell.wait(lambda: shell.text().count("Stopped") == 2, "the shell")
        shell.types("fg\r")
        shell.wait(lambda: shell.text().splitlines()[-1].startswith("Password:"), "the question again")
        shell.types("\r")
        shell.shows("Repeat it:")
        shell.types("hunter22\r")
        shell.shows(f"susi-{term} is your account now")
    assert "hunter22" not in shell.raw


# Terminals that only print.


def test_on_a_terminal_that_only_prints_the_line_is_what_is_seen(window: Open, bob: Peer) -> None:
    client = window("ann", TERM="dumb")
    client.types("hello all\r")
    assert bob.packet()["msg"] == "hello all"
    client.types(f"{UP}{TAB}ax\x7fe\u0301\u6f22 two words{CTRL_W}\x7f\x7f\x7fb")
    last(client, "Everyone> a\u00e9\u6f22 tb")
    bob.say("ann", "news")
    client.shows("bob -> you: news")
    last(client, "Everyone> a\u00e9\u6f22 tb")
    client.types(f"{CTRL_U}\u0645\u06cc\u200c\u062e\u0648\u0627 \u6771\u4eac\u3000\u99c5\r")
    assert bob.packet()["msg"] == "\u0645\u06cc\u200c\u062e\u0648\u0627 \u6771\u4eac \u99c5", "joiners, and any blank"
    client.types(f"{CTRL_U}half {CTRL_R}a line\r")
    assert bob.packet()["msg"] == "half a line"
    assert "\x1b" not in client.raw
    client.types(CTRL_D)
    client.shows("Goodbye")


def test_where_the_terminal_shows_by_itself_what_is_typed_it_is_not_written_twice(window: Open, bob: Peer) -> None:
    client = window("ann", TERM="dumb", echo=False)
    client.types("zeb")
    bob.say("ann", "news")
    client.shows("bob -> you: news\nEveryone>")
    client.types("rx\x7fa\r")
    assert bob.packet()["msg"] == "zebra"
    assert "zeb" not in client.raw


def test_several_lines_can_be_edited_there_too(window: Open, bob: Peer, tmp_path: Path) -> None:
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nprintf "one\\ntwo \\033[31m" > "$1"\n')
    editor.chmod(0o700)
    client = window("ann", TERM="dumb", VISUAL=str(editor))
    client.types("/edit\r")
    last(client, "two \\x1b[31m")
    client.types("\x7f\x7f\x7f\x7f\x7f!")
    last(client, "two !")
    client.types("\r")
    assert bob.packet()["msg"] == "one\ntwo !"
    assert "\x1b" not in client.raw


def test_a_line_of_several_rows_is_printed_anew_where_it_can_not_be_rubbed_out(window: Open, bob: Peer) -> None:
    client = window("ann", TERM="dumb", columns=40)
    client.types("x" * 60)
    client.shows("x" * 30)
    client.types("\x7f" * 40 + "\r")
    assert bob.packet()["msg"] == "x" * 20


@pytest.mark.parametrize(("term", "plain"), [("vt52", True), ("xterm", False), ("none-such", False), ("", True)])
def test_terminals_that_are_told_where_to_go_in_another_way_only_print(window: Open, term: str, plain: bool) -> None:
    client = window("ann", TERM=term)
    assert ("\x1b" not in client.raw) is plain


def test_a_terminal_that_does_not_say_where_its_cursor_is_is_not_asked(window: Open) -> None:
    client = window("ann")
    client.types("x")
    last(client, "Everyone> x")
    assert "\x1b[6n" not in client.raw


# Windows.


def test_a_window_that_becomes_narrower_leaves_no_copy_of_the_line(window: Open, bob: Peer) -> None:
    client = window("ann", columns=60)
    bob.say("ann", "a word " * 9)
    client.shows("bob -> you: a word")
    client.types("q" * 70)
    client.shows("q" * 20)
    client.resize(25)
    client.wait(lambda: client.text().count("Everyone>") == 1 and "q" * 25 in client.text(), "the line at its new width")
    before = client.text()
    assert before.count("q") == 70
    assert before.count("[private]") == 1
    assert before.count("word") == 9
    client.resize(70)
    client.wait(lambda: "q" * 50 in client.text(), "the line at its new width")
    assert client.text().count("q") == 70
    assert client.text().count("Everyone>") == 1


@pytest.mark.skipif(shutil.which("tmux") is None, reason="there is no tmux")
def test_nor_does_it_where_the_terminal_breaks_rows_anew(shared_server: Server, bob: Peer, tmp_path: Path) -> None:
    def tmux(*words: str) -> str:
        command = ["tmux", "-S", str(tmp_path / "socket"), "-f", "/dev/null", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE, env=env).stdout  # noqa: S603 (ours)

    def shows(text: str) -> str:
        """Wait until a text is there, in what can be scrolled back too."""

        def look() -> str | None:
            shown = tmux("capture-pane", "-p", "-S", "-")
            return shown if text in shown else None

        return until(look, text)

    env = environment(XDG_STATE_HOME=str(tmp_path), LC_ALL="C.UTF-8")
    command = f"{SCRIPTS / 'lanchat'} 127.0.0.1:{shared_server.port()} --name tim"
    tmux("new-session", "-d", "-x", "60", "-y", "20", command)
    try:
        shows("\nEveryone>")
        bob.say("tim", "a word " * 9)
        shows("bob -> you: a word")
        tmux("send-keys", "-l", "q" * 90)
        shows(f"{'q' * 50}\n{'q' * 40}\n")
        for columns in (25, 50, 30):
            tmux("resize-window", "-x", str(columns), "-y", "20")
            line = f"Everyone> {'q' * 90}"
            shown = shows("".join(f"{line[n : n + columns]}\n" for n in range(0, len(line), columns)))
            assert shown.count("q") == 90
            assert len(re.findall("^Everyone>", shown, re.MULTILINE)) == 1
    finally:
        tmux("kill-server")


# No row looks like another's message.

BLANKS = st.sampled_from([*BLANK_LETTERS, " ", "\t", "\u3000", "\u00a0", "\u200b", "\ufe0f", "\u0301"])
PIECES = BLANKS | st.sampled_from(["x", "\u6f22", "\U0001f642", "\u2764\ufe0f", "13:30:00 bob: hi", "\n", "\U0001f1e9"])
TEXTS = st.lists(st.tuples(PIECES, st.integers(1, 40)).map(lambda pair: pair[0] * pair[1]), max_size=4).map("".join)


@settings(deadline=None, max_examples=60)
@given(
    TEXTS,
    st.integers(4, 60),
    st.sampled_from(["eve", "e" * 40, "\u6f22" * 20, "i\u0301" * 20]),
    st.sampled_from(["ann", "#ops"]),
)
@example("x" * 58 + "13:30:00 bob -> you: the new door code is 4711", 80, "eve", "ann")
@example("x" * 58 + "13:30:00\u2800bob\u2800->\u2800you:\u2800the\u2800code", 80, "eve", "ann")
def test_no_row_begins_as_somebody_elses_message(text: str, columns: int, name: str, to: str) -> None:
    paragraph = Formatter(colours=True, at_terminal=True).packet(ReceivedPacket(Sender(name, ""), to, text))
    begins = 0
    for row in paragraph.rendered(columns).splitlines():
        screen = pyte.Screen(columns, 2)
        pyte.Stream(screen).feed(row)
        shown, below = screen.display
        assert not below.strip(), "the terminal breaks no row"
        assert not set(shown) & set(BLANK_LETTERS)
        begins += not shown.startswith(" ")
        assert shown.startswith((" ", paragraph.stamp[: columns - 1]))
    assert begins == len(text.rstrip("\n").split("\n")), (
        "each line of a text, and nothing else, begins with its time and sender"
    )


def test_nor_does_it_where_a_terminal_takes_characters_to_be_wider_than_they_are_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lanchat.system.columns._columns", lambda char: 1)
    monkeypatch.setattr("lanchat.terminal.screen.columns", lambda: 40)
    written, errors = io.StringIO(), list[OSError]()
    with create_app_session(output=PlainTextOutput(written)):
        screen = Screen(contextlib.nullcontext, errors.append, plain=False, folds=True)
        message = ReceivedPacket(Sender("eve", ""), "ann", "\u6f22" * 17 + "13:30:00 bob -> you: 4711")
        screen._waiting.append(Formatter(colours=False, at_terminal=True).packet(message))
        screen.flush()
    emulated = pyte.Screen(40, 10)
    emulated.set_mode(pyte.modes.LNM)
    pyte.Stream(emulated).feed(written.getvalue())
    begins = [row for row in emulated.display if row.strip() and not row.startswith(" ")]
    assert len(begins) == 1
    assert "eve -> you: " in begins[0]


@pytest.mark.parametrize("blank", "\u115f\u1160\u2800\u303f\u3164\uffa0\U00013441\U00013442\U0001d159\u00ad\u200b\ufeff")
def test_what_is_blank_is_written_out_or_is_a_space(blank: str) -> None:
    assert visible(f"a{blank}b") == f"a{ascii(blank)[1:-1]}b"
    assert visible(f"a\t{blank}\u3000b") == f"a {ascii(blank)[1:-1]} b"


def test_a_word_that_fills_the_row_does_not_begin_another(window: Open, shared_server: Server) -> None:
    client = window("ann")
    with login(shared_server.port(), "eve") as eve:
        eve.say("ann", "x" * 200 + "13:30:00 bob -> you: the new door code is 4711")
        client.shows("4711")
    rows = [row for row in client.rows() if "x" in row or "4711" in row]
    assert re.match(r"\d\d:\d\d:\d\d \[private\] eve -> you: x", rows[0])
    assert all(row.startswith(" " * 11) for row in rows[1:])


# What becomes of what was said.


def test_what_was_said_is_shown_with_its_time_once_it_has_arrived(window: Open, bob: Peer) -> None:
    client = window("olga")
    for typed, shown in (("morning", "you: morning"), ("@bob psst", "[private] you -> bob: psst"), ("/shout hey", "you: hey")):
        client.types(f"{typed}\r")
        client.shows(f" {shown}\n")
    assert client.text().count("morning") == 1
    client.types("/list\r")
    client.shows("Everyone> /list\n")
    client.types("/register hunter22\r")
    client.shows("Everyone> /register ...\n")


def test_it_is_told_that_nobody_was_there(tmp_path: Path) -> None:
    with (
        Server(tmp_path) as server,
        Terminal([str(SCRIPTS / "lanchat"), f"127.0.0.1:{server.port()}", "--name", "ann"]) as client,
    ):
        client.shows("\nEveryone>")
        client.types("hello?\r")
        client.shows("you: hello? (nobody received it)")
        assert "0 users" not in client.text()
        server.stop(signal.SIGKILL)
        client.shows("(offline) Everyone>")
        client.types("and now?\r")
        client.shows("* Not confirmed yet: Everyone: and now?")


def test_the_rest_of_a_long_message_can_be_had(window: Open, bob: Peer) -> None:
    client = window("ann")
    bob.say("ann", "\n".join(f"line {n}" for n in range(240)))
    client.shows("... and 140 more rows: /more shows them")
    client.types("/more\r")
    client.shows("... and 40 more rows: /more shows them")
    client.types("/more\r")
    client.shows("line 239")
    client.types("/more\r")
    client.shows("! Not sent: there is no earlier page")


def test_several_lines_are_written_in_the_editor_one_has(window: Open, bob: Peer, tmp_path: Path) -> None:
    editor = tmp_path / "an editor"
    editor.write_text(f'#!/bin/sh\nls -ld "$(dirname "$1")" > {tmp_path}/mode\nprintf "and more\\n" >> "$1"\n')
    editor.chmod(0o700)
    client = window("ann", EDITOR=f"'{editor}'")
    client.types("/edit\r")
    client.shows("> and more")
    client.types("\r")
    assert bob.packet()["msg"] == "and more"
    assert (tmp_path / "mode").read_text().startswith("drwx------")
    editor.chmod(stat.S_IRUSR)
    client.types("/edit\r")
    client.shows("! Not sent: the editor in $VISUAL or $EDITOR can't be used")
    assert os.listdir(tmp_path)  # noqa: PTH208 (only whether)
