"""The target of lines that name nobody: the server's lobby at first, if it has one, until the user chooses another."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.client.rooms import valid_room
from lanchat.protocol.destination import followed
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import EVERYONE
from lanchat.protocol.spelling import key
from lanchat.protocol.typed_lines import TypedLine, completed, lacks_target, parse_target


class Target:
    """Knows whom the next line is for. Lines wait here until the server has said whether it has a lobby."""

    def __init__(self, name: str, lobby_first: bool, notice: Callable[[str], None]) -> None:
        """`name` is a user, a room ("#ops") or everyone; with `lobby_first` the lobby takes its place, if there is one.

        `notice` shows a text to the user.
        """
        self.name = name
        self._notice = notice
        self._lobby_first = lobby_first
        self._waiting: list[TypedLine] = []
        #: The lobby, if the server stores what is said there; "" otherwise.
        self._stored_lobby = ""
        self._warned = False

    @property
    def is_known(self) -> bool:
        """Whether the target is certain: the user has chosen it, or the server has welcomed us."""
        return not self._lobby_first

    def choose(self, words: str) -> None:
        """Make this user or room the target, or everyone if `words` are blank. Raises `UnclearLine`."""
        self.name = parse_target(words)
        self._lobby_first = False
        self.said_to(self.name)

    def follow(self, event: AnswerX | None) -> None:
        """Keep the target when it has another name now, as an event says."""
        self.name = followed(self.name, event)

    def complete(self, typed: TypedLine) -> TypedLine | None:
        """The line with whom it is for. None if it has to wait: `welcomed` returns it. Raises `UnclearLine`."""
        line = completed(typed, self.name)
        if self.is_known or not lacks_target(typed):
            return line
        self._waiting.append(typed)
        return None

    def welcomed(self, lobby: str | None, stores: bool) -> list[TypedLine]:
        """Take in a welcome with the name of the `lobby`, if there is one, and whether the server `stores` messages.

        Returns the lines that waited for this. They are for the lobby, or everyone, whatever was chosen after them.
        """
        room = valid_room(lobby)
        self._stored_lobby = room if stores else ""
        first = room or EVERYONE
        if self._lobby_first:
            self.name, self._lobby_first = first, False
        waited, self._waiting = self._waiting, []
        return [completed(typed, first) for typed in waited]

    def said_to(self, recipient: str) -> None:
        """Something is said to this recipient. The user is told, once, that messages to everyone are not stored."""
        if self._stored_lobby and not self._warned and key(recipient) == key(EVERYONE):
            self._warned = True
            lobby = self._stored_lobby
            self._notice(f"Messages to everyone are not stored; those to {lobby} are (/to {lobby}).")
