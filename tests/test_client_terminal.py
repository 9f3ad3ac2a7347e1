"""`lanchat` at a terminal: a real command in a pseudo-terminal, a real server."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

from lanchat.packet import MAX_MSG
from tests.live import PATIENCE, SCRIPTS, Peer, Server, environment, login

Open = Callable[..., Any]
CTRL_C, CTRL_D, TAB, UP = "\x03", "\x04", "\t", "\x1b[A"
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]m|\x1b\[2m")


@pytest.fixture
def terminal() -> Iterator[Open]:
    """Opens clients in terminals, which are closed at the end."""
    opened: list[Any] = []

    def open_client(server: Server, name: str, *arguments: str, **variables: str) -> Any:
        # Nothing answers here where the cursor is, as a terminal would.
        variables = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"} | variables
        command = [f"127.0.0.1:{server.port()}", "--name", name, *arguments]
        opened.append(
            pexpect.spawn(str(SCRIPTS / "lanchat"), command, env=environment(**variables), encoding="utf-8", timeout=PATIENCE)
        )
        opened[-1].expect(f"Welcome {name}")
        opened[-1].expect("Everyone>")
        return opened[-1]

    yield open_client
    for client in opened:
        client.close(force=True)


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
    client.expect("! Not sent: write @NAME TEXT")
    client.send("\x1b[200~" + "x" * (MAX_MSG + 1) + "\x1b[201~\r")
    client.expect("! Not sent: A message is at most 16384 bytes")


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


def test_a_refused_name_is_said_in_one_line(shared_server: Server, bob: Peer) -> None:
    command = [f"127.0.0.1:{shared_server.port()}", "--name", "BOB"]
    client = pexpect.spawn(str(SCRIPTS / "lanchat"), command, env=environment(TERM="xterm"), encoding="utf-8", timeout=PATIENCE)
    client.expect("lanchat: the server refused the name BOB: .*already")
    assert status(client) == 1
