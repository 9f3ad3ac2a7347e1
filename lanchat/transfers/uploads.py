"""Sends files: asks the server where to, sends the bytes, and waits until the message is stored (docs/protocol.md, "Files")."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred, TimeoutError as TookTooLong
from twisted.internet.task import deferLater

from lanchat.client.interfaces import OutgoingMessage
from lanchat.client.shared_file import SharedFile
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import EVERYONE, ReceivedPacket
from lanchat.transfers.failed import Failed, TryLater, Unclear
from lanchat.transfers.local_files import LocalFile, open_file
from lanchat.transfers.questions import Questions
from lanchat.transfers.requests import Moved, Requests

#: Seconds in which the acknowledgement must follow, when the server has said that a file is stored.
ACK_SECONDS = 5.0
#: How often a file is sent again that the server could not take for now.
MAX_RETRIES = 3


class Sent(NamedTuple):
    """A file that was sent, and is stored."""

    file: SharedFile
    #: What the server says of it, as JSON.
    answer: dict[str, Any]
    #: The acknowledgement of its message; None if none came in time.
    ack: ReceivedPacket | None


class Uploads:
    """Sends the files of one session."""

    def __init__(self, questions: Questions, requests: Requests) -> None:
        self._questions = questions
        self._requests = requests
        self._acks: dict[str, Deferred[ReceivedPacket]] = {}

    async def send(self, to: str, path: Path, text: str, moved: Moved) -> Sent:
        """Send a file to a room or a user, with a text. Raises `Failed`."""
        if to.lower() == EVERYONE.lower():
            raise Failed("files go to a room or to somebody, not to everyone.")
        if "file" not in self._questions.session.caps:
            raise Failed("this server takes no files.")
        tries = 0
        while True:
            counted = _Counted(moved)
            try:
                return await self._try(to, open_file(path), text, counted.moved)
            except TryLater as later:
                tries += 1
                if tries > MAX_RETRIES:
                    raise
                moved(-counted.total)
                await deferLater(self._requests.reactor, later.seconds)

    async def _try(self, to: str, local: LocalFile, text: str, moved: Moved) -> Sent:
        try:
            message, url = await self._ask(to, local, text)
            acked = self._acks[message.cid] = Deferred()
            try:
                answer, ack = await self._deliver(url, local, acked, moved)
            finally:
                del self._acks[message.cid]
        finally:
            local.file.close()
        return Sent(SharedFile(local.name, local.size, str(answer.get("url", ""))), answer, ack)

    async def _deliver(
        self, url: str, local: LocalFile, acked: Deferred[ReceivedPacket], moved: Moved
    ) -> tuple[dict[str, Any], ReceivedPacket | None]:
        """Send the bytes; the answer, and the acknowledgement. Either of them shows that the file is stored."""
        try:
            answer = _read_answer(await self._requests.put(url, local.file, local.size, moved))
        except Unclear:
            if (ack := await self._acknowledged(acked)) is None:
                raise
            return {}, ack
        return answer, await self._acknowledged(acked)

    async def _ask(self, to: str, local: LocalFile, text: str) -> tuple[OutgoingMessage, str]:
        """Ask where to send a file. Raises `Failed`."""
        args = {"target": to, "name": local.name, "size": local.size, "text": text.encode(errors="replace").decode()}
        message, packet = await self._questions.ask("/file", "", args)
        x = packet.x or AnswerX()
        url = x.upload.get("url") if x.upload is not None else None
        if not isinstance(url, str):
            raise Failed("the server does not say where to.")
        return message, url

    async def _acknowledged(self, acked: Deferred[ReceivedPacket]) -> ReceivedPacket | None:
        try:
            packet = await acked.addTimeout(ACK_SECONDS, self._requests.reactor)
        except TookTooLong:
            return None
        return packet if packet.x is not None and packet.x.op == "ack" else None

    def take(self, packet: ReceivedPacket) -> bool:
        """Take in a packet; whether it says what became of a file, so that nobody else needs to see it."""
        x = packet.x
        acked = self._acks.get(x.cid or "") if x is not None and x.op in ("ack", "fail") else None
        if acked is not None and not acked.called:
            acked.callback(packet)
        return acked is not None


class _Counted:
    """Counts the bytes of one try."""

    def __init__(self, moved: Moved) -> None:
        self.total = 0
        self._moved = moved

    def moved(self, count: int) -> None:
        """So many more have been sent."""
        self.total += count
        self._moved(count)


def _read_answer(answer: bytes) -> dict[str, Any]:
    """What the server says of a file that it has stored; nothing if that can't be read."""
    try:
        told = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
