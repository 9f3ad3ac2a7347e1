"""The telnet port as people meet it: with the programs they have, at a terminal and in scripts."""

from __future__ import annotations

import shutil
import socket
import subprocess
from itertools import count

import pexpect
import pytest

from tests.live import PATIENCE, Peer, Server, login

HOST = "127.0.0.1"
NAMES = (f"typist{n}" for n in count())
#: Programs that connect to a port, each with how it is asked for the port and how a person leaves: with Ctrl-D, or with a word
#: to the server where the program keeps the end of its input to itself.
CTRL_D, QUIT = "\x04", "/quit\r"
PEOPLE = {
    "telnet": (["telnet", HOST, "PORT"], CTRL_D),
    "busybox telnet": (["busybox", "telnet", HOST, "PORT"], CTRL_D),
    "plink -telnet": (["plink", "-telnet", "-P", "PORT", HOST], CTRL_D),
    "plink -raw": (["plink", "-raw", "-P", "PORT", HOST], CTRL_D),
    "nc.openbsd -N": (["nc.openbsd", "-N", HOST, "PORT"], CTRL_D),
    "nc.traditional": (["nc.traditional", HOST, "PORT"], QUIT),
    "busybox nc": (["busybox", "nc", HOST, "PORT"], CTRL_D),
}
#: Those that end by themselves when their input does. (`telnet` sends nothing on a pipe.)
SCRIPTS = {
    "plink -telnet": ["plink", "-batch", "-telnet", "-P", "PORT", HOST],
    "plink -raw": ["plink", "-batch", "-raw", "-P", "PORT", HOST],
    "nc.openbsd -N": ["nc.openbsd", "-N", HOST, "PORT"],
    "nc.traditional -q 5": ["nc.traditional", "-q", "5", HOST, "PORT"],
    "busybox nc": ["busybox", "nc", HOST, "PORT"],
}


def here(command: list[str], server: Server) -> list[str]:
    """The command with the telnet port; the test is skipped if there is no such program."""
    if not shutil.which(command[0]):
        pytest.skip(f"there is no {command[0]} here")
    return [str(server.port("telnet")) if word == "PORT" else word for word in command]


def person(server: Server, command: list[str], before: str = "") -> tuple[pexpect.spawn, str]:
    """Somebody who sits at a terminal, and has mistyped the name and mended it; `before` is done with the terminal first."""
    program = ["sh", "-c", f'{before} exec "$@"', "sh", *here(command, server)]
    sitting = pexpect.spawn(program[0], program[1:], timeout=PATIENCE, encoding="utf-8")
    sitting.expect("Your name: ")
    name = next(NAMES)
    sitting.send(f"x\x7f{name}\r")
    sitting.expect(f"Welcome {name}!")
    return sitting, name


@pytest.mark.parametrize("program", PEOPLE)
def test_a_person_talks_erases_and_leaves(shared_server: Server, program: str) -> None:
    command, leave = PEOPLE[program]
    with login(shared_server.port(), "friend") as friend:
        typist, name = person(shared_server, command)
        typist.send("not this\x15hellu\x7fo\r")
        assert friend.packet()["msg"] == "hello"
        friend.say(name, "hello\x1b[31m")
        typist.expect_exact(r"friend (private): hello\x1b[31m")
        typist.send(leave)
        typist.expect(pexpect.EOF)
        typist.close()


def test_an_urgent_byte_takes_no_letter_with_it(shared_server: Server) -> None:
    """Telnet's Synch (RFC 854): its data mark comes as urgent data of TCP, which the system would take out of the stream."""
    with login(shared_server.port(), "friend") as friend, Peer(shared_server.port("telnet")) as peer:
        peer.send(b"hurried\r\n\xff\xf4\xff")
        peer.socket.send(b"\xf2", socket.MSG_OOB)
        peer.send(b"hello\r\n")
        assert friend.packet()["msg"] == "hello"


@pytest.mark.parametrize("key", ["\x03", "\x1c"])
def test_telnet_shows_what_comes_after_an_interrupt(shared_server: Server, key: str) -> None:
    typist, _name = person(shared_server, PEOPLE["telnet"][0])
    for _ in range(2):
        typist.send(f"this is gone{key}")
        typist.expect_exact({"\x03": "^C", "\x1c": "^\\"}[key])
        typist.send("/time\r")
        typist.expect("Server time")
    typist.send(CTRL_D)
    typist.expect("closed by foreign host")
    typist.close()


def test_keys_that_are_sent_as_they_are_typed_edit_the_line(shared_server: Server) -> None:
    """Windows' telnet and serial lines send each key, as `nc` does at a terminal that edits nothing."""
    with login(shared_server.port(), "friend") as friend:
        typist, _name = person(shared_server, PEOPLE["busybox nc"][0], "stty raw -echo;")
        for key in "gone\x15gone\x03halle\u0301\b\b\x7f\x7fello\r":
            typist.send(key)
        assert friend.packet()["msg"] == "hello"
        typist.send(CTRL_D)
        typist.expect(pexpect.EOF)
        typist.close()


def test_telnet_in_character_mode_edits_the_line_too(shared_server: Server) -> None:
    """There it asks the server to echo, which is refused, and to let it send each key."""
    with login(shared_server.port(), "friend") as friend:
        typist, _name = person(shared_server, PEOPLE["telnet"][0])
        typist.send("\x1dmode character\r")
        typist.send("hellu\x7fo\r")
        assert friend.packet()["msg"] == "hello"
        typist.send("\x03/time\r")
        typist.expect("Server time")
        typist.close(force=True)


@pytest.mark.parametrize("program", SCRIPTS)
def test_a_script_sends_all_and_is_told_all(shared_server: Server, program: str) -> None:
    with login(shared_server.port(), "reader") as reader:
        command, said = here(SCRIPTS[program], shared_server), b"script\n@reader one\n/time\n@reader last"
        ended = subprocess.run(command, input=said, capture_output=True, timeout=PATIENCE, check=True)  # noqa: S603 (ours)
        assert [reader.packet()["msg"] for _ in range(2)] == ["one", "last"]
        assert b"Welcome script!" in ended.stdout
        assert b"Server time" in ended.stdout


@pytest.mark.parametrize("kind", ["telnet", "json"])
@pytest.mark.parametrize(
    "command",
    [
        ["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-p", "PORT", HOST],
        ["curl", "-sk", "https://127.0.0.1:PORT/"],
        ["plink", "-batch", "-telnet", "-P", "PORT", HOST],
    ],
)
def test_another_protocol_is_not_let_wait(shared_server: Server, command: list[str], kind: str) -> None:
    if command[0] == "plink" and kind == "telnet":
        pytest.skip("that is its port")
    if not shutil.which(command[0]):
        pytest.skip(f"there is no {command[0]} here")
    run = [word.replace("PORT", str(shared_server.port(kind))) for word in command]
    ended = subprocess.run(run, capture_output=True, timeout=5, check=False)  # noqa: S603 (ours)
    assert ended.returncode != 0 or b"the --telnet port" in ended.stdout


@pytest.mark.skipif(not shutil.which("curl"), reason="there is no curl here")
def test_a_browser_at_the_json_port_shows_what_is_meant(shared_server: Server) -> None:
    command = ["curl", "-s", "-w", "%{http_code}", f"http://{HOST}:{shared_server.port()}/"]
    ended = subprocess.run(command, capture_output=True, timeout=5, check=True)  # noqa: S603 (ours)
    assert b"does not speak HTTP" in ended.stdout
    assert ended.stdout.endswith(b"400")
