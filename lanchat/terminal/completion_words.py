"""Words for TAB completion: the names, rooms and commands that the client has heard of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from lanchat.protocol.events import CLOSED, JOINED, NAME, RENAMED
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import ReceivedPacket, is_visible
from lanchat.protocol.spelling import key

#: Commands of the client itself and of every server, known before a server lists its own.
COMMANDS = (
    "/edit",
    "/get",
    "/help",
    "/list",
    "/me",
    "/more",
    "/pm",
    "/quit",
    "/reply",
    "/say",
    "/send",
    "/shout",
    "/time",
    "/to",
)
#: The most words of each kind (as many as a server may have users by default), and the longest word in characters.
MAX_KNOWN, MAX_WORD = 20_000, 64
#: The completed text, and the number of characters before the cursor that it replaces.
Choice: TypeAlias = tuple[str, int]


class CompletionWords:
    """The names, rooms and commands that TAB can complete."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.rooms: set[str] = set()
        self.commands: set[str] = set(COMMANDS)
        #: For a line up to the cursor: the messages that its next word may name, each with what it says.
        self.messages: Callable[[str], Iterable[tuple[str, str]]] = lambda line: ()
        #: For such a line: the files of this machine that its next word may name.
        self.files: Callable[[str], list[Choice]] = lambda line: []

    def learn(self, packet: ReceivedPacket) -> None:
        """Take the names, rooms and commands from a packet."""
        x = packet.x
        if packet.to.startswith("#"):
            _learn(self.rooms, [packet.to])
        if x is not None and x.rooms is not None:
            _learn(self.rooms, _texts(x.rooms, "name"))
        if x is not None and x.conversations is not None:
            _learn(self.rooms, (conv for conv in _texts(x.conversations, "conv") if conv.startswith("#")))
        if packet.from_.name != "SERVER":
            if x is None or x.batch is None:  # who wrote an old message may not be online
                _learn(self.names, [packet.from_.name])
        elif x is not None and x.ev is not None:
            self._changed(x)
        elif x is not None and x.names is not None:
            _learn(self.names, x.names)
        elif x is not None and x.people is not None:
            _learn(self.names, _texts(x.people, "name"))
        elif x is not None and x.commands is not None:
            _learn(self.commands, (command["name"] for command in x.commands if "name" in command))

    def forget(self) -> None:
        """Forget names and rooms: on a new connection others may be online, and we may be in other rooms."""
        self.names.clear()
        self.rooms.clear()

    def completions(self, text: str) -> list[Choice]:
        """Completions of the last word before the cursor, each with the number of characters that it replaces."""
        if text.startswith("/send "):
            return self.files(text)
        word = text[max(text.rfind(" "), text.rfind("\n")) + 1 :]
        if word.startswith("/") and word == text:
            return _starting(word, (f"{command} " for command in self.commands))
        if word.startswith("@") and word == text:
            return _starting(word, (f"@{name} " for name in self.names))
        if word.startswith("#"):
            return _starting(word, (f"{room} " for room in self.rooms))
        return _starting(word, self.names) if word else []

    def _changed(self, x: AnswerX) -> None:
        """Take what an event changes: who is online, and which rooms there are."""
        if x.batch is not None:
            return
        if x.ev in ("came", JOINED):
            _learn(self.names, x.who or ())
        elif x.ev in ("went", NAME):
            self.names.difference_update(x.who or ())
            _learn(self.names, [x.text] if x.ev == NAME and x.text else [])
        elif x.ev in (CLOSED, RENAMED):
            self.rooms.discard(x.conv or "")
            _learn(self.rooms, [x.text] if x.ev == RENAMED and x.text else [])


def _texts(listed: Iterable[dict[str, Any]], member: str) -> Iterator[str]:
    """The texts that this member has in a list of an answer's."""
    return (entry[member] for entry in listed if isinstance(entry.get(member), str))


def _learn(known: set[str], words: Iterable[str]) -> None:
    """Add words that can be shown and typed, up to `MAX_KNOWN`."""
    for word in words:
        if len(known) < MAX_KNOWN and len(word) <= MAX_WORD and is_visible(word):
            known.add(word)


def _starting(word: str, choices: Iterable[str]) -> list[Choice]:
    start = key(word)
    return [(choice, len(word)) for choice in sorted(choices, key=key) if key(choice).startswith(start)]
