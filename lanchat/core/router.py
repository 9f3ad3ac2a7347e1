"""Router: takes the packets of clients, runs commands, passes messages on, and answers errors. All gateways share one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from operator import attrgetter
from typing import TypeAlias

from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.core.chat import Chat
from lanchat.model.names import key
from lanchat.model.session import Session
from lanchat.protocol.errors import BadFrom, ChatError, ClientGone, Full
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import SERVER, Packet, X

_TO = attrgetter("to")
_log = Logger("lanchat.router")

#: Runs the command that a packet is addressed to. Raises a `ChatError`, and returns what has to wait, if anything has.
RunCommand: TypeAlias = Callable[[Chat, Session, Packet], Work | None]


class Router:
    """Takes the packets of clients: each is a command, a message, or an error."""

    def __init__(self, chat: Chat, run_command: RunCommand) -> None:
        self.chat = chat
        self._online, self._messages = chat.online, chat.messages
        self._run_command = run_command

    def receive(self, session: Session, packet: Packet | ChatError) -> None:
        """Take one packet of a session's, or the error that stands in its place. Errors are answered; it raises nothing.

        If we made a mistake, it is logged with its traceback, and only this connection is closed.
        """
        try:
            if isinstance(packet, ChatError):
                raise packet
            if not session.greeted and not packet.is_hello:
                self.chat.greet(session)
            if _pretends(session, packet):
                raise BadFrom(f"You are {session.name.shown}; a packet that claims another name is not passed on.")
            if packet.to[:1] == "/":
                work = self._run_command(self.chat, session, packet)
            else:
                work = self.chat.messages.say(session, packet)
            if work is not None:
                session.client.perform(self._finish(session, packet, work), hold=True)
        except Exception as error:  # noqa: BLE001 (nothing that one client sends may end the others)
            self._went_wrong(session, packet, error)

    def receive_all(self, session: Session, packets: list[Packet]) -> int:
        """Take packets that were read at once, until the client waits or is closed; returns how many were taken.

        Messages of a guest to the same other guest are passed on together, up to the first packet that is anything else. The
        session has been welcomed.
        """
        taken, capable = 0, session.caps is not None
        if session.account is None and session.speech_check is None:
            try:
                for run in [packets] if len(packets) == 1 else [list(run) for _, run in groupby(packets, _TO)]:
                    recipient = self._online.find(run[0].to)
                    if recipient is None or recipient.account is not None or recipient is session:
                        break  # (one that writes too much to itself is closed for that, and no later packet counts)
                    if capable and any(_pretends(session, packet) for packet in run):
                        break
                    if capable and len(packets) > 1 and (recipient.client.behind() or session not in self._online):
                        break  # (a client that reads too slowly is closed, perhaps for one of these)
                    self._messages.relay(session, recipient, run)
                    taken += len(run)
                else:
                    return taken
            except Exception as error:  # noqa: BLE001 (as in `receive`)
                self._went_wrong(session, packets[taken], error)
                taken += 1
        for packet in packets[taken:]:
            if session.client.halted:
                break
            self.receive(session, packet)
            taken += 1
        return taken

    async def _finish(self, session: Session, packet: Packet, work: Work) -> None:
        """Do the rest of what a packet asked for, which had to wait for something."""
        began = self.chat.clock.seconds()
        try:
            await work
        except Exception as error:  # noqa: BLE001 (as above)
            self._went_wrong(session, packet, error)
        if session.failed_writes is not None:
            session.failed_writes.extend(self.chat.clock.seconds() - began)

    def _went_wrong(self, session: Session, packet: Packet | ChatError, error: Exception) -> None:
        asked = packet if isinstance(packet, Packet) else None
        if isinstance(error, ClientGone):
            return
        if isinstance(error, ChatError):
            self.refuse(session, error, asked)
            return
        _log.failure("a packet of {name} was not served", Failure(error), name=session.name.shown)
        goodbye = "Internal server error; your connection is closed. Sorry! Please connect again."
        self.chat.close(session, "INTERNAL", goodbye, why="a fault of the server", packet=asked)

    def refuse(self, session: Session, error: ChatError, packet: Packet | None = None) -> None:
        """Answer an error; a client that makes too many is closed. `packet` is the one that was wrong, if it could be read."""
        self.chat.greet(session)
        self.chat.counts.refused[error.code] += 1
        if isinstance(error, Full) and error.limit:
            self.chat.limits.met[error.limit] += 1
        if packet is None and error.cid is not None:
            packet = Packet(SERVER, "", "", X(cid=error.cid))
        self.chat.reply(session, packet, str(error), op="fail", quotes=error.quotes, code=error.code, retry_ms=error.retry_ms)
        if why := session.count_error(error, self.chat.clock.seconds(), self.chat.limits["bad"]):
            self.chat.limits.met["bad"] += 1
            self.chat.close(session, error.code, f"The connection is closed: {why}.", why=why)


def _pretends(session: Session, packet: Packet) -> bool:
    """Whether a capable client's packet claims to be from somebody else. In a classic client's the sender is ignored."""
    return session.caps is not None and bool(packet.from_.name) and key(packet.from_.name) != session.name.key
