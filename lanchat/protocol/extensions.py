"""The extensions of a packet, its member `x`: everything newer than the classic packet (docs/protocol.md)."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

#: The longest `cid`, a client's own id of a packet, in characters.
MAX_CID = 64

_Id = Annotated[str, msgspec.Meta(max_length=MAX_CID)]


class _CommonX(msgspec.Struct, omit_defaults=True, gc=False):
    """The members of `x` that clients and the server send; a missing member is None."""

    cid: _Id | None = None
    re: _Id | None = None
    t: int | None = None
    v: int | None = None
    caps: list[Any] | None = None
    seq: int | None = None


class X(_CommonX, omit_defaults=True, gc=False):
    """The extensions in `x` of a packet from a client: everything newer than the classic packet.

    Unknown members are ignored, so that clients and servers of different versions understand each other.
    """

    # In a hello (docs/protocol.md, "Accounts").
    auth: dict[str, Any] | None = None
    dev: str | None = None
    resume: dict[str, Any] | None = None
    # Arguments of commands, for clients that send them as members instead of in `msg`.
    command: str | None = None
    prefix: str | None = None
    user: str | None = None
    room: str | None = None
    text: str | None = None
    target: str | None = None
    id: str | None = None
    # Of a message: `lanchat.protocol.entry.NOTICE` or `ACTION`.
    kind: str | None = None
    # What it carries for other clients (`lanchat.protocol.tags`).
    tags: dict[str, str] | None = None
    password: str | None = None
    private: bool | None = None
    key: str | None = None
    duration: str | None = None
    rank: str | None = None
    rule: str | None = None
    value: str | None = None
    rules: dict[str, bool | int | str] | None = None
    # A place in the log: a sequence number, the id of a message, or a date.
    before: int | str | None = None
    after: int | str | None = None
    around: int | str | None = None
    limit: int | None = None
    # A file that is to be sent: its name and size, those of a picture in it, and the size of a thumbnail.
    name: str | None = None
    size: int | None = None
    w: int | None = None
    h: int | None = None
    thumb: int | None = None
    # Whether a page of `/history` has the events of rooms, for a client with the cap `event`.
    events: bool | None = None


class ServerX(_CommonX, omit_defaults=True, rename={"self_": "self"}, gc=False):
    """The extensions in `x` of a packet from the server: of messages, acknowledgements, events and errors.

    One is made for each delivery, so the members that only answers have are in a class of their own.
    """

    before: int | None = None
    after: int | None = None
    op: str | None = None
    id: str | None = None
    ts: str | None = None
    conv: str | None = None
    self_: bool | None = None
    batch: str | None = None
    state: str | None = None
    n: int | None = None
    dup: bool | None = None
    code: str | None = None
    retry_ms: int | None = None
    why: str | None = None
    upto: int | None = None
    more: bool | None = None
    # An event: what happened, with whom, who did it, and a text such as a reason (`lanchat.protocol.events`).
    ev: str | None = None
    who: list[str] | None = None
    by: str | None = None
    text: str | None = None
    gone: bool | None = None
    was: str | None = None
    absent: bool | None = None
    # What is known of a message besides: what it carries for other clients; a bot said it; when it was edited; who reacted how;
    # where a search found a word.
    kind: str | None = None
    tags: dict[str, str] | None = None
    bot: bool | None = None
    edited: str | None = None
    reactions: dict[str, list[str]] | None = None
    snippet: str | None = None
    # The file that goes with a message (docs/protocol.md, "Files").
    file: dict[str, Any] | None = None
    # Of a read marker: when the last message was said up to there.
    at: str | None = None


class AnswerX(ServerX, omit_defaults=True, gc=False):
    """The extensions of an answer with data, and so all that the server sends in `x`."""

    # In a welcome.
    limits: dict[str, int] | None = None
    lobby: str | None = None
    account: bool | None = None
    token: str | None = None
    epoch: str | None = None
    resumed: bool | None = None
    missed: int | None = None
    # What files can be sent; and where one is sent.
    files: dict[str, int] | None = None
    upload: dict[str, Any] | None = None
    # Answers of commands as data, besides the text for people.
    names: list[str] | None = None
    invited: list[str] | None = None
    time: str | None = None
    commands: list[dict[str, str]] | None = None
    rooms: list[dict[str, Any]] | None = None
    topic: str | None = None
    bans: list[dict[str, Any]] | None = None
    conversations: list[dict[str, Any]] | None = None
    people: list[dict[str, Any]] | None = None
    rules: dict[str, Any] | None = None
    ranks: dict[str, str] | None = None
    hooks: list[dict[str, Any]] | None = None
