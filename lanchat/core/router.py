"""Router: takes the packets of clients, runs commands, passes messages on, and answers errors. All gateways share one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.core.chat import Chat
from lanchat.model.session import Session
from lanchat.protocol.errors import BadFrom, ChatError, ClientGone, Full
from lanchat.protocol.extensions import X
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import SERVER, Packet

_log = Logger("lanchat.router")

#: Runs the command that a packet is addressed to. Raises a `ChatError`, and returns what has to wait, if anything has.
RunCommand: TypeAlias = Callable[[Chat, Session, Packet], Work | None]


class Router:
    """Takes the packets of clients: each is a command, a message, or an error."""

    def __init__(self, chat: Chat, run_command: RunCommand) -> None:
        self.chat = chat
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
            if session.is_spoofed(packet):
                raise BadFrom(f"You are {session.name.shown}; a packet that claims another name is not passed on.")
            if packet.to[:1] == "/":
                work = self._run_command(self.chat, session, packet)
            else:
                work = self.chat.messages.say(session, packet)
            if work is not None:
                session.client.perform(self._finish(session, packet, work), hold=True)
        except Exception as error:  # noqa: BLE001 (nothing that one client sends may end the others)
            self.went_wrong(session, packet, error)

    def receive_all(self, session: Session, packets: list[Packet]) -> int:
        """Take packets that were read at once, until the client waits or is closed; returns how many were taken.

        Those of its beginning that are messages between guests are passed on together. The session has been welcomed.
        """
        try:
            taken = self.chat.messages.relay_runs(session, packets)
        except Exception as error:  # noqa: BLE001 (as in `receive`; only a fault of ours, as these are too short for `TooBig`)
            self.went_wrong(session, packets[0] if len(packets) == 1 else None, error)
            return len(packets)
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
            self.went_wrong(session, packet, error)
        if session.failed_writes is not None:
            session.failed_writes.extend(self.chat.clock.seconds() - began)

    def went_wrong(self, session: Session, packet: Packet | ChatError | None, error: Exception) -> None:
        """Answer what a packet of a session's has raised; if that is a fault of ours, log it, and close the connection."""
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
