"""IrcServer: what the IRC connections of one server share."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from typing import NamedTuple, TypeAlias

from lanchat.core.chat import Chat
from lanchat.irc import shapes
from lanchat.irc.command import IrcCommand
from lanchat.irc.event_lines import RELEVANT, EventShape
from lanchat.irc.monitor import Reader
from lanchat.irc.multiline import Compositions
from lanchat.irc.people import SERVICES
from lanchat.irc.people_changes import PeopleChanges
from lanchat.irc.shapes import Shape
from lanchat.model.names import key, parse
from lanchat.model.session import Session
from lanchat.protocol.errors import BadName, NameTaken


class Settings(NamedTuple):
    """What the operator chose."""

    #: The name of the server, and of the network.
    name: str = "irc.lan"
    #: How many messages of a room somebody is shown who enters it, if the client can't ask for them.
    history: int = 20
    #: The port to which clients without TLS are sent (`sts`); 0 for none.
    sts_port: Callable[[], int] = int


#: How many moments are remembered, of all users together.
MAX_REMEMBERED = 10_000

#: An account, or one session of a guest: since when it is there, and which one it is.
_Reader: TypeAlias = int | tuple[float, int]


class Markers:
    """The moments up to which clients said that their users have read, as RFC 3339 in UTC with milliseconds."""

    def __init__(self) -> None:
        self._moments: dict[tuple[_Reader, str], str] = {}  # (the one that moved last is the last)

    def of(self, session: Session, target: str) -> str:
        """The moment for a channel or a nick; "" if there is none."""
        return self._moments.get((_reader(session), key(target)), "")

    def move(self, session: Session, target: str, moment: str) -> None:
        """Set it; with "" forget it."""
        where = _reader(session), key(target)
        self._moments.pop(where, None)
        if moment:
            self._moments[where] = moment
        if len(self._moments) > MAX_REMEMBERED:
            del self._moments[next(iter(self._moments))]


def _reserve(chat: Chat, name: str) -> None:
    """Let nobody be called so whom IRC users would take for the server or for a service. An account that is so called stays."""
    with suppress(BadName, NameTaken):
        chat.online.reserve_for_bot(parse(name))


def _reader(session: Session) -> _Reader:
    return session.account.id if session.account is not None else (session.since, id(session))


class IrcServer:
    """What all IRC connections share: the settings, the commands, and how messages are written for clients."""

    def __init__(self, chat: Chat, settings: Settings, commands: Mapping[str, IrcCommand]) -> None:
        self.chat = chat
        self.settings = settings
        self.name = settings.name
        self.commands = commands
        #: Up to when its users have read.
        self.markers = Markers()
        #: When it began, in seconds since 1970.
        self.created = chat.now()
        #: What its clients are told of people; and those whose registration is not complete.
        self.people = PeopleChanges(chat, self.name)
        self.unregistered: set[Reader] = set()
        chat.presence.listeners.append(self.people)
        for name in (self.name, *SERVICES.values()):
            _reserve(chat, name)
        # Ids of requests to the core are unique for good, as the log recognises a message that is sent twice by its id.
        self._prefix, self._numbers = f"irc-{secrets.token_hex(8)}-", count(1)
        #: How the newest messages of several lines were composed.
        self.compositions = Compositions()
        self._shapes: dict[frozenset[str], Shape] = {}
        self._event_shapes: dict[frozenset[str], EventShape] = {}

    def new_cid(self) -> str:
        """A new id for something that the core is asked for."""
        return f"{self._prefix}{next(self._numbers)}"

    def new_batch(self) -> str:
        """A new name for a batch of lines."""
        return f"b{next(self._numbers)}"

    def shape(self, caps: frozenset[str]) -> Shape:
        """How messages are written for clients with these capabilities."""
        relevant = caps & shapes.CAPS
        if relevant not in self._shapes:
            self._shapes[relevant] = Shape(self.name, self.chat.online, self.compositions, relevant)
        return self._shapes[relevant]

    def event_shape(self, caps: frozenset[str]) -> EventShape:
        """How events are written for clients with these capabilities."""
        relevant = caps & RELEVANT
        if relevant not in self._event_shapes:
            self._event_shapes[relevant] = EventShape(self.chat, self.people, self.name, relevant)
        return self._event_shapes[relevant]
