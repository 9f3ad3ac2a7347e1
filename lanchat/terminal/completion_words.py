"""Roster: the names and the commands that a client has heard of, to complete what is being typed."""

from __future__ import annotations

from collections.abc import Iterable

from lanchat.protocol.packet import ServerPacket, is_visible
from lanchat.protocol.spelling import key

#: What the client itself understands, before any server has said what it knows.
COMMANDS = ("/edit", "/help", "/list", "/more", "/pm", "/quit", "/say", "/shout", "/time", "/to")
#: Words of each kind that are remembered, as many as a server may have users by default; and characters of one.
MAX_KNOWN, MAX_WORD = 20_000, 64


class CompletionWords:
    """Who is online, as far as the server has told, and what may be asked of it."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.rooms: set[str] = set()
        self.commands: set[str] = set(COMMANDS)

    def learn(self, packet: ServerPacket) -> None:
        """Take in what a packet tells about names and commands."""
        x = packet.x
        if packet.to.startswith("#"):
            _learn(self.rooms, [packet.to])
        if x is not None and x.rooms is not None:
            _learn(self.rooms, (room["name"] for room in x.rooms if isinstance(room.get("name"), str)))
        if packet.from_.name != "SERVER":
            if x is None or x.batch is None:  # who said something long ago may not be here
                _learn(self.names, [packet.from_.name])
        elif x is not None and x.ev is not None:
            self._changed(x.ev, x.who or ())
        elif x is not None and x.names is not None:
            _learn(self.names, x.names)
        elif x is not None and x.commands is not None:
            _learn(self.commands, (command["name"] for command in x.commands if "name" in command))

    def forget(self) -> None:
        """A new connection: who was online before may not be now, and we may be in other rooms."""
        self.names.clear()
        self.rooms.clear()

    def completions(self, text: str) -> list[tuple[str, int]]:
        """What the last word before the cursor may become, and how many characters of it are replaced."""
        word = text[max(text.rfind(" "), text.rfind("\n")) + 1 :]
        if word.startswith("/") and word == text:
            return _starting(word, (f"{command} " for command in self.commands))
        if word.startswith("@") and word == text:
            return _starting(word, (f"@{name} " for name in self.names))
        if word.startswith("#"):
            return _starting(word, (f"{room} " for room in self.rooms))
        return _starting(word, self.names) if word else []

    def _changed(self, event: str, who: Iterable[str]) -> None:
        if event == "came":
            _learn(self.names, who)
        elif event == "went":
            self.names.difference_update(who)


def _learn(known: set[str], words: Iterable[str]) -> None:
    """Add words, up to `MAX_KNOWN`, that a person can be shown and would type."""
    for word in words:
        if len(known) < MAX_KNOWN and len(word) <= MAX_WORD and is_visible(word):
            known.add(word)


def _starting(word: str, choices: Iterable[str]) -> list[tuple[str, int]]:
    start = key(word)
    return [(choice, len(word)) for choice in sorted(choices, key=key) if key(choice).startswith(start)]
