"""What other people do just now, for the prompt: who is away, and who is typing."""

from __future__ import annotations

from lanchat.client.recent_messages import conversation
from lanchat.protocol.events import AWAY, NAME, TYPING
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import ReceivedPacket, visible
from lanchat.protocol.spelling import key

#: Seconds after which somebody is taken to have stopped typing.
TYPING_SECONDS = 6.0
#: People who are remembered as away, or as typing; typing names that are shown, and characters of each.
MAX_PEOPLE, MAX_TYPING, MAX_NAME = 1000, 3, 40


class People:
    """Follows who is away and who is typing. Times are in seconds, of any clock that only goes forward."""

    def __init__(self) -> None:
        self._away: set[str] = set()
        #: By conversation and name: until when this is shown.
        self._typing: dict[tuple[str, str], float] = {}

    def learn(self, packet: ReceivedPacket, now: float) -> bool:
        """Take in a packet; whether the prompt may have to be drawn again."""
        x = packet.x or AnswerX()
        if x.op is None:  # what somebody typed has come
            return self._typing.pop((key(x.conv or ""), packet.from_.name), None) is not None
        for person in x.people or ():
            self._note_away(str(person.get("name")), person.get("away"))
        if x.op != "event" or x.ev not in (TYPING, AWAY, NAME):
            return x.people is not None
        for name in x.who or ():
            if x.ev != TYPING:
                self._note_away(name, x.text if x.ev == AWAY else None)
            elif len(self._typing) < MAX_PEOPLE:
                self._typing[key(x.conv or ""), name] = now + TYPING_SECONDS
        return True

    def forget(self) -> None:
        """Forget everything: on a new connection it may be different."""
        self._away.clear()
        self._typing.clear()

    def is_away(self, target: str) -> bool:
        """Whether this person is away."""
        return key(target) in self._away

    def typing(self, target: str, now: float) -> str:
        """A text about who is typing in the conversation with this user or room: "bob is typing"; "" if nobody is."""
        self._typing = {who: until for who, until in self._typing.items() if until > now}
        here = key(conversation(target))
        names = sorted({visible(name, MAX_NAME) for conv, name in self._typing if conv == here})
        if len(names) > MAX_TYPING:
            return "several people are typing"
        return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} typing" if names else ""

    def _note_away(self, name: str, text: object) -> None:
        self._away.discard(key(name))
        if text and len(self._away) < MAX_PEOPLE:
            self._away.add(key(name))
