"""Bots made with irc-framework, which The Lounge and Kiwi IRC use, too."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.irc.real_clients.doors import LOBBY, PASSWORD
from tests.irc.real_clients.node import HERE, NODE, installed, shared_folder
from tests.live import PATIENCE, Peer, Server, login


class Bot:
    """A bot that does what it is told, and what happened to it (bot.js)."""

    def __init__(self, modules: Path, port: int, name: str, **options: Any) -> None:
        options = {"host": "127.0.0.1", "port": port, "nick": name, "enable_echomessage": True} | options
        self._process = subprocess.Popen(  # noqa: S603 (ours)
            [NODE, HERE / "bot.js", json.dumps(options)],
            env=os.environ | {"NODE_PATH": str(modules)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._happened: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def does(self, method: str, *args: Any) -> None:
        """Let it call one of the methods of irc-framework's client."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": method, "args": args}) + "\n")
        self._process.stdin.flush()

    def sees(self, name: str, **members: Any) -> dict[str, Any]:
        """The next event with this name and these members (a list is the member `all`); those before it are passed over."""
        passed: list[Any] = []
        while True:
            try:
                found = self._happened.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f"no event {name} {members}, but {passed}") from None
            event: dict[str, Any] = (
                {"all": found["event"]} if isinstance(found.get("event"), list) else found.get("event") or {}
            )
            if found["name"] == name and members.items() <= event.items():
                return dict(event)
            passed.append(found)

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._happened.put(json.loads(line))

    def __enter__(self) -> Bot:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._reader.join(PATIENCE)
        self._process.__exit__(kind, error, trace)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where irc-framework is."""
    return installed(shared_folder(tmp_path_factory))


@pytest.fixture
def ann(irc_server: Server) -> Iterator[Peer]:
    """Somebody with a JSON client."""
    with login(irc_server.port(), "ann") as peer:
        yield peer


def test_a_bot_makes_an_account_and_comes_back_with_it(irc_server: Server, modules: Path) -> None:
    port = irc_server.port("irc")
    with Bot(modules, port, "clerk") as bot:
        bot.sees("registered", nick="clerk")
        bot.does("raw", "REGISTER", "*", "*", PASSWORD)
        bot.sees("account", nick="clerk", account="clerk")
        bot.does("quit")
    with Bot(modules, port, "anything", account={"account": "clerk", "password": PASSWORD}) as bot:
        bot.sees("loggedin", account="clerk")
        bot.sees("registered", nick="clerk")
        bot.sees("join", nick="clerk", channel=LOBBY, account="clerk")


def test_a_bot_answers_in_a_room(irc_server: Server, modules: Path, ann: Peer) -> None:
    with Bot(modules, irc_server.port("irc"), "echo") as bot:
        bot.sees("join", nick="echo", channel=LOBBY)
        ann.say(LOBBY, "are you there?")
        heard = bot.sees("privmsg", nick="ann", target=LOBBY, message="are you there?")
        assert heard["tags"]["msgid"]
        assert heard["time"]
        bot.does("say", LOBBY, "I am")
        assert bot.sees("privmsg", nick="echo", target=LOBBY, message="I am")["tags"]["msgid"]
        assert ann.wait_for("I am")["from"]["name"] == "echo"
        bot.does("action", LOBBY, "nods")
        ann.wait_for("nods")
        ann.say("echo", "psst")
        bot.sees("privmsg", nick="ann", target="echo", message="psst")


def test_a_bot_looks_around(irc_server: Server, modules: Path, ann: Peer) -> None:
    with Bot(modules, irc_server.port("irc"), "scout") as bot:
        bot.sees("join", nick="scout", channel=LOBBY)
        bot.does("whois", "ann")
        found = bot.sees("whois", nick="ann")
        assert LOBBY in found["channels"]
        bot.does("who", LOBBY)
        assert {user["nick"] for user in bot.sees("wholist", target=LOBBY)["users"]} >= {"ann", "scout"}
        bot.does("join", "#watch")
        bot.sees("join", nick="scout", channel="#watch")
        bot.does("setTopic", "#watch", "all is quiet")
        bot.sees("topic", nick="scout", channel="#watch", topic="all is quiet")
        bot.does("list")
        listed = {row["channel"]: row for row in bot.sees("channel list")["all"]}
        assert listed["#watch"]["topic"] == "all is quiet"
        assert listed[LOBBY]["num_users"] >= 2
