"""Fakes for tests of the manhole: a service without doors, and an operator's window that remembers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lanchat.auth.passwords import Hasher
from lanchat.core.chat import Chat
from lanchat.manhole.commands import Commands
from lanchat.manhole.console import Console
from lanchat.service.service import ChatService
from lanchat.store.store import Store


def make_service(chat: Chat, stop: Callable[[], object] = lambda: None) -> ChatService:
    """A service that was not started: its store and its hasher do nothing."""

    def at_once(call: Callable[..., object], *args: Any) -> None:
        call(*args)

    return ChatService(chat, Store(Path("nowhere"), at_once), Hasher(at_once), None, stop)


class FakeWindow:
    """A window, with the prompt in it."""

    def __init__(self, commands: Commands) -> None:
        self.interruptions: list[Callable[[], object]] = []
        self.is_behind = False
        self.shown = self.out = self.err = ""
        self.audited: list[str] = []
        self.commands = commands
        self.names = commands.names(self)
        self.console = Console(self.names, self._say, self._complain, self.audited.append)

    def show(self, text: str) -> None:
        """What comes in between."""
        self.shown += text

    def behind(self) -> bool:
        """As the test says."""
        return self.is_behind

    def audit(self, what: str) -> None:
        """What would be in the log."""
        self.audited.append(what)

    def interrupt(self) -> None:
        """Ctrl-C."""
        for call in tuple(self.interruptions):
            call()

    def say(self, statement: str) -> str:
        """What a statement shows, on standard output and then on the other."""
        self.out = self.err = ""
        self.console.run(statement)
        return self.out + self.err

    def _say(self, text: str) -> None:
        self.out += text

    def _complain(self, text: str) -> None:
        self.err += text
