"""The capabilities of IRCv3 that clients may ask for, and what each lets the core send (https://ircv3.net/irc/)."""

from __future__ import annotations

from functools import lru_cache

#: The capabilities by name, each with what it gives a client, in one line.
CAPS = {
    "account-notify": "who of those in your rooms makes their name an account",
    "account-tag": "which account said a message",
    "away-notify": "who of those in your rooms is away, and back",
    "batch": "which lines belong together",
    "cap-notify": "changes of this list",
    "draft/account-registration": "making an account with REGISTER",
    "draft/channel-rename": "a room that has another name",
    "draft/chathistory": "earlier messages with CHATHISTORY",
    "draft/message-redaction": "messages that are withdrawn",
    "draft/multiline": "messages of several lines",
    "draft/no-implicit-names": "the same as no-implicit-names",
    "draft/read-marker": "up to where you have read, on all your devices",
    "echo-message": "your own messages, once they are stored",
    "extended-join": "accounts of those who join",
    "extended-monitor": "changes of those you watch with MONITOR",
    "invite-notify": "who is invited to your rooms",
    "labeled-response": "which lines answer which command",
    "message-tags": "ids, replies, reactions, typing",
    "multi-prefix": "all ranks of a member",
    "no-implicit-names": "no list of names after a JOIN",
    "server-time": "when a message was said",
    "setname": "changes of real names",
    "soju.im/search": "finding messages with SEARCH",
    "standard-replies": "errors with codes",
    "userhost-in-names": "addresses in lists of names",
}
#: Those that clients are offered only sometimes: encryption elsewhere, and logins where nobody can read the password.
STS, SASL = "sts", "sasl"
#: For making an account, and for fetching earlier messages; and those that need messages to be kept.
REGISTERING, HISTORY = "draft/account-registration", "draft/chathistory"
STORED = (HISTORY, "draft/message-redaction", "draft/read-marker", "soju.im/search")

#: The caps of the core (docs/protocol.md, "Hello") that every IRC session has, and those that come with others.
_ALWAYS = frozenset({"id", "room", "event"})
_WITH = {
    "echo-message": "ack",
    "labeled-response": "ack",
    "message-tags": "react",
    "draft/message-redaction": "edit",
    "draft/read-marker": "read",
}


@lru_cache(maxsize=256)
def core_caps(caps: frozenset[str], stores_messages: bool) -> frozenset[str]:
    """The caps of the core for a client that was granted these capabilities, where messages are kept or not."""
    more = {"typing", "tags"} if "message-tags" in caps else set()
    more |= {"history"} if stores_messages else set()
    return _ALWAYS | more | {core for cap, core in _WITH.items() if cap in caps}
