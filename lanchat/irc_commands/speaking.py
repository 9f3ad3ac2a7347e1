"""What is said: PRIVMSG and NOTICE (RFC 2812, 3.3), CTCP, and tags without a text (TAGMSG; IRCv3 "Message Tags")."""

from __future__ import annotations

from lanchat.irc import multiline, numerics
from lanchat.irc.client import NOBODY, IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.message import MAX_LINE, Message, line, middle, unformatted
from lanchat.irc.multiline import Multiline
from lanchat.irc.request import Said
from lanchat.irc.shapes import TO_ALL
from lanchat.irc_commands import services
from lanchat.protocol.entry import ACTION, NOTICE
from lanchat.protocol.errors import ChatError
from lanchat.protocol.extensions import MAX_CID, X
from lanchat.protocol.packet import EVERYONE, Packet
from lanchat.protocol.tags import is_tag

#: How many targets one command may have.
MAX_TARGETS = 4
#: Characters of a text that fits into a line, whoever says it.
SURE_TO_FIT = 60
#: How a text of CTCP begins and ends; and the one kind of it that is a message: what somebody does.
_CTCP, _ACTION = "\x01", "\x01ACTION "
#: No name begins so: in packets of the core these mean something else.
_NO_NAMES = "/@$"
#: The tags of clients for a reply, and for reactions.
_REPLIES, _REACT, _UNREACT = ("+reply", "+draft/reply"), "+draft/react", "+draft/unreact"


def forget_said(client: IrcClient) -> None:
    """Forget what is stored by now, if the core acknowledges nothing, as the client has not asked for that."""
    if client.session is not None and not client.session.has_cap("ack"):
        while len(client.said) > client.session.pending:
            del client.said[next(iter(client.said))]


def _privmsg(client: IrcClient, message: Message) -> None:
    if message.tags and "batch" in message.tags and multiline.CAP in client.caps:
        _take_line(client, message, message.tags["batch"])
        return
    forget_said(client)
    targets = _targets(message)
    text = message.params[1] if len(message.params) > 1 else ""
    kind = NOTICE if message.command == "NOTICE" else None
    if text.startswith(_ACTION) and kind is None:
        kind, text = ACTION, text[len(_ACTION) :]
    elif text.startswith(_CTCP):
        for target in targets:
            _pass_ctcp(client, message.command, target, text)
        return
    text = unformatted(text)
    if not text:
        raise Numeric(numerics.ERR_NOTEXTTOSEND)
    if len(text) > SURE_TO_FIT and kind != NOTICE:
        _check_length(client, targets, message.params[1])
    say(client, message, targets, text, kind)


def say(client: IrcClient, message: Message, targets: list[str], text: str, kind: str | None) -> None:
    """Say a text of this kind; the line has its tags."""
    tags, re = _tags(client, message)
    for target in targets:
        if services.is_service(client, target):
            if message.command != "NOTICE":
                services.answer(client, target, text)
            continue
        to = EVERYONE if target == TO_ALL else target
        _hand_in(client, message, target, Packet(NOBODY, to, text, X(client.server.new_cid(), re, kind=kind, tags=tags)))


def _check_length(client: IrcClient, targets: list[str], text: str) -> None:
    """Refuse a message that would take several lines, with its sender. (A notice, which is never refused, takes several.)."""
    head = max(len(f":{client.mask} PRIVMSG {target} :".encode()) for target in targets)
    if head + len(text.encode()) > MAX_LINE:
        raise Numeric(numerics.ERR_INPUTTOOLONG)


def _notice(client: IrcClient, message: Message) -> None:
    try:
        _privmsg(client, message)
    except ChatError as error:  # (which is never answered)
        client.counts_refused(error)


def _tagmsg(client: IrcClient, message: Message) -> None:
    if "message-tags" not in client.caps:
        raise Numeric(numerics.ERR_UNKNOWNCOMMAND, message.command)
    forget_said(client)
    targets = _targets(message)
    tags, re = _tags(client, message)
    tags = (tags or {}) | {name: value for name, value in (message.tags or {}).items() if re and name in _REPLIES}
    if not tags:
        return
    for target in targets:
        _hand_in(client, message, target, _signal(client, target, tags, re))


# Messages of several lines.


def _batch(client: IrcClient, message: Message) -> None:
    if multiline.CAP not in client.caps:
        raise Numeric(numerics.ERR_UNKNOWNCOMMAND, message.command)
    name, *rest = message.params
    if name.startswith("-"):
        _end_batch(client, name[1:])
    elif client.multiline is not None or name[:1] != "+" or len(rest) < 2 or rest[0] != multiline.CAP or not rest[1]:
        client.fail("BATCH", multiline.INVALID, f"Begin one message of several lines: BATCH +1 {multiline.CAP} <target>")
    else:
        client.multiline = Multiline(message, client.request)
        client.request = None  # (it is answered at the end)


def _take_line(client: IrcClient, message: Message, name: str) -> None:
    """Take a line of a batch."""
    batch = client.multiline
    if batch is None or batch.name != name:
        _refuse_batch(client, multiline.INVALID, "No such batch was begun.")
    elif not batch.is_refused and (wrong := batch.add(message)):
        _refuse_batch(client, *wrong)


def _end_batch(client: IrcClient, name: str) -> None:
    batch = client.multiline
    if batch is None or batch.name != name:
        _refuse_batch(client, multiline.INVALID, "No such batch was begun.")
    elif not batch.is_refused and not batch.text:
        _refuse_batch(client, multiline.INVALID, "A message has a line that is not blank.")
    elif not batch.is_refused:
        client.request = batch.request
        client.server.compositions.add(client.nick, batch)
        begin = Message(batch.command, [batch.target], batch.begin.tags)
        say(client, begin, [batch.target], batch.text, NOTICE if batch.command == "NOTICE" else None)
    client.multiline = None


def _refuse_batch(client: IrcClient, *wrong: str) -> None:
    """Answer that a message can't be said; the rest of its batch is ignored."""
    batch = client.multiline
    if batch is not None and not batch.is_refused:
        batch.is_refused, client.request = True, batch.request
    client.fail("BATCH", *wrong)


# What is no message.


def _pass_ctcp(client: IrcClient, command: str, target: str, text: str) -> None:
    """Pass CTCP on to a user's IRC clients. It is no message: nobody else reads it, and it is not kept."""
    chat, session = client.chat, client.session
    assert session is not None  # noqa: S101 (the table lets nobody else speak)
    account, guest = chat.online.account(target), chat.online.find(target)
    if target.startswith("#"):
        return
    if account is None and guest is None:
        if command != "NOTICE":
            client.numeric(numerics.ERR_NOSUCHNICK, middle(target))
        return
    chat.sanctions.check_may_speak(session, None)
    sessions = account.sessions if account is not None else [guest] if guest is not None else []
    readers = [reader.client for reader in sessions if isinstance(reader.client, IrcClient)]
    chat.replies.charge_for(session, len(readers), text)
    _check_length(client, [target], text)
    written = line(command, target, text, source=client.mask)
    for reader in readers:
        if not reader.behind():
            reader.outbox.send(written)
    if readers and "echo-message" in client.caps:
        client.reply(command, target, text, source=client.mask)


def _signal(client: IrcClient, target: str, tags: dict[str, str], re: str | None) -> Packet:
    """The packet for tags: a reaction to a message in the log, which is kept; others are passed on."""
    cid, session = client.server.new_cid(), client.session
    reaction = tags.get(_REACT) or tags.get(_UNREACT)
    known = re is not None and re.startswith(f"{client.chat.store.epoch}.") and client.chat.store.stores_messages
    if reaction and known and session is not None and session.account is not None:
        return Packet(NOBODY, "/react", "", X(cid, id=re, text=reaction if tags.get(_REACT) else "", tags=tags))
    return Packet(NOBODY, "/tags", "", X(cid, target=target, tags=tags))


def _targets(message: Message) -> list[str]:
    """The targets of a command, each once."""
    targets = dict.fromkeys(filter(None, message.params[0].split(",") if message.params else ()))
    if not targets:
        raise Numeric(numerics.ERR_NORECIPIENT)
    if len(targets) > MAX_TARGETS:
        raise Numeric(numerics.ERR_TOOMANYTARGETS, middle(message.params[0]))
    return list(targets)


def _tags(client: IrcClient, message: Message) -> tuple[dict[str, str] | None, str | None]:
    """The tags that a client wrote for other clients, and the id of the message to which it replies."""
    if not message.tags or "message-tags" not in client.caps:
        return None, None
    re = next((message.tags[name] for name in _REPLIES if message.tags.get(name)), None)
    if re is not None and len(re) > MAX_CID:
        re = None
    own = {
        name: value for name, value in message.tags.items() if name[0] == "+" and name not in _REPLIES and is_tag(name, value)
    }
    return own or None, re


def _hand_in(client: IrcClient, message: Message, target: str, packet: Packet) -> None:
    """Hand what is said to the core, which acknowledges or refuses it now or later."""
    session = client.session
    assert session is not None  # noqa: S101 (the table lets nobody else speak)
    assert packet.x is not None  # noqa: S101 (it has a `cid`)
    assert packet.x.cid is not None  # noqa: S101 (as above)
    if target[0] in _NO_NAMES and target != TO_ALL:
        if message.command != "NOTICE":
            client.numeric(numerics.ERR_NOSUCHNICK, middle(target))
        return
    pending = session.pending
    client.said[packet.x.cid] = Said(message.command, target, packet, client.request)
    if client.request is not None:
        client.request.waiting += 1
    client.router.receive(session, packet)
    if not session.has_cap("ack") and session.pending == pending and not client.halted:
        client.said.pop(packet.x.cid, None)


COMMANDS = {
    "BATCH": IrcCommand(_batch, 1, "+<name> draft/multiline <target>, or -<name>", "say something of several lines"),
    "PRIVMSG": IrcCommand(_privmsg, 0, "<target>{,<target>} <text>", "say something", targets=MAX_TARGETS),
    "NOTICE": IrcCommand(_notice, 0, "<target>{,<target>} <text>", "say something that needs no answer", targets=MAX_TARGETS),
    "TAGMSG": IrcCommand(_tagmsg, 0, "<target>{,<target>}", "tell programs something, such as a reaction", targets=MAX_TARGETS),
}
