"""Events: what somebody did with a room or to somebody in it, as data and as a sentence; and the names of other events."""

from __future__ import annotations

import msgspec

#: What can happen in a room (`RoomEvent.ev`).
JOINED, LEFT, KICKED, BANNED, TOPIC = "joined", "left", "kicked", "banned", "topic"
INVITED, RANK, MODE, RENAMED, CLOSED = "invited", "rank", "mode", "renamed", "closed"
#: What can happen to a person, wherever they are: they are away or back, or have another name.
AWAY, NAME = "away", "name"
#: What clients are told of a conversation besides: another device of the account has read it, or somebody is typing in it.
READ, TYPING = "read", "typing"


class RoomEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """One event. It is the text of an entry of the log of the kind `EVENT`; who did it is the entry's sender."""

    ev: str
    #: To whom it was done, if that is not who did it.
    who: str | None = None
    #: A reason, a topic, a new name, a rank, a rule; "" if there is none.
    text: str = ""
    #: Whether who left is not online any more either, as a guest whose connection ended.
    gone: bool = False
    #: The rank that somebody had before this one; "" if they had none.
    was: str = ""
    #: Whether who was banned was not in the room.
    absent: bool = False

    def encode(self) -> str:
        """The event as JSON, as the log has it."""
        return msgspec.json.encode(self).decode()

    def sentence(self, by: str, room: str) -> str:
        """What happened, for people. `by` is the name of who did it."""
        bare, told = _SENTENCES.get(self.ev, _UNKNOWN)
        return (told if self.text else bare).format(by=by, who=self.who or by, room=room, ev=self.ev, text=self.text)


# For each event the sentence without a text, and with one.
_SENTENCES = {
    JOINED: ("{who} joined {room}", "{who} joined {room} ({text})"),
    LEFT: ("{who} left {room}", "{who} left {room} ({text})"),
    KICKED: ("{who} was taken out of {room} by {by}", "{who} was taken out of {room} by {by} ({text})"),
    BANNED: ("{who} was banned from {room} by {by}", "{who} was banned from {room} by {by} ({text})"),
    TOPIC: ("{by} removed the topic of {room}", "{by} set the topic of {room}: {text}"),
    INVITED: ("{by} invited {who} to {room}", "{by} invited {who} to {room} ({text})"),
    RANK: ("{by} took the rank of {who} in {room} away", "{by} gave {who} a rank in {room}: {text}"),
    MODE: ("{by} changed the rules of {room}", "{by} changed the rules of {room}: {text}"),
    RENAMED: ("{by} renamed {room}", "{by} renamed {room}: it is {text} now"),
    CLOSED: ("{room} is closed for good, by {by}.", "{room} is closed for good, by {by} ({text})."),
    AWAY: ("{by} is back", "{by} is away: {text}"),
    NAME: ("{by} has another name", "{by} is now called {text}"),
}
_UNKNOWN = ("{by}: {ev} ({room})", "{by}: {ev} ({room}: {text})")

_decode = msgspec.json.Decoder(RoomEvent).decode


def decode(text: str) -> RoomEvent:
    """The event in the text of an entry. Raises `ValueError` if there is none, as in an entry of a newer version."""
    return _decode(text)
