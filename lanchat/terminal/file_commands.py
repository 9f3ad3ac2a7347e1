"""Files, as a person at a terminal sends and saves them: `/send FILE [TEXT]` and `/get [ID] [PATH]`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lanchat.client.connection import Client
from lanchat.client.interfaces import NotSent, OutgoingMessage
from lanchat.client.recent_messages import LAST
from lanchat.client.shared_file import shared_file
from lanchat.client.timers import Timers
from lanchat.protocol.packet import EVERYONE, ReceivedPacket, visible
from lanchat.terminal.prompt import Prompt
from lanchat.terminal.target import Target
from lanchat.terminal.view import View
from lanchat.transfers.downloads import save
from lanchat.transfers.failed import Failed
from lanchat.transfers.progress import Progress
from lanchat.transfers.questions import Questions
from lanchat.transfers.requests import Requests
from lanchat.transfers.uploads import Uploads

#: Seconds after which a terminal that can't show how far a file is, is told so in a line of its own, again and again.
TOLD_SECONDS = 10.0
#: Files that TAB offers.
MAX_CHOICES = 100
#: The id of a message (docs/protocol.md), which may be of one that is not remembered here.
_ID = re.compile(r"[0-9]{1,19}|[A-Za-z0-9_-]{1,40}\.[0-9]{1,19}")


class FileCommands:
    """Sends and saves files. They come and go while others talk."""

    def __init__(self, client: Client, requests: Callable[[], Requests], view: View, target: Target, prompt: Prompt) -> None:
        """`requests` makes what speaks HTTP; the progress is at the end of the `prompt`, or in lines of its own."""
        self._session = session = client.session
        self._view = view
        self._target = target
        self._redraw = prompt.redraw
        self._timers = Timers(client.reactor) if prompt.plain else None
        self._make_requests = requests
        self._questions = Questions(session)
        self._known: tuple[Requests, Uploads] | None = None
        self._moving: list[Progress] = []
        self._warned = False
        #: The commands.
        self.commands = {"/send": self.send, "/get": self.get}

    def send(self, words: str) -> None:
        """`/send FILE [TEXT]`: send a file to the target, with a text. Raises `NotSent`."""
        name, text = split_path(words)
        to = self._target.name
        if not name:
            raise NotSent("/send needs a file: /send FILE, or /send FILE TEXT. Quote a name with blanks.")
        if to.lower() == EVERYONE.lower():
            raise NotSent("files go to a room or to somebody: choose with /to #ROOM or /to NAME first.")
        self._begin(self._send(to, Path(name), text), f"{visible(name, 200)} was not sent")

    def get(self, words: str) -> None:
        """`/get [ID] [PATH]`: save the file of a message, or the newest one here. Raises `NotSent`."""
        first, *rest = words.split(maxsplit=1) or [""]
        message = self._view.recent.find(first)
        if message is not None or _ID.fullmatch(first):
            where, reference = "".join(rest), message.id if message is not None else first
        else:
            where = "".join(rest) if first == LAST else words
            if (message := self._view.recent.newest_file(self._target.name)) is None:
                raise NotSent("no file has come here yet. /history shows earlier ones; /get ID saves that of a message.")
            reference = message.id
        what = message.file if message is not None and message.file else f"the file of {reference}"
        self._begin(self._get(reference, split_path(where)[0]), f"{visible(what, 200)} was not saved")

    def _begin(self, work: Awaitable[None], failed: str) -> None:
        """Do something while others talk; if it fails, say so."""

        def report(failure: Failure) -> None:
            if failure.check(Failed):
                self._view.error(f"{failed}: {failure.value}")
            else:  # a bug
                self._view.error(f"{failed}: {failure.getTraceback()}")

        Deferred.fromCoroutine(work).addErrback(report)  # type: ignore[arg-type]  # they are coroutines

    async def _send(self, to: str, path: Path, text: str) -> None:
        _, uploads = self._requests()
        progress = self._watch("sending", path.name, _size(path))
        try:
            sent = await uploads.send(to, path, text, progress.moved)
        finally:
            self._unwatch(progress)
        self._view.file_sent(to, text, sent.file, sent.ack)

    async def _get(self, reference: str, where: str) -> None:
        _, packet = await self._questions.ask("/link", reference)
        if (file := shared_file(packet.x)) is None:
            raise Failed("the server does not say where it is.")
        requests, _ = self._requests()
        progress = self._watch("saving", file.name, file.size)
        try:
            place = await save(requests, file, where, progress.moved)
        finally:
            self._unwatch(progress)
        self._view.notice(f"{file.described} was saved as {visible(str(place), 300)}.")

    def _requests(self) -> tuple[Requests, Uploads]:
        """What speaks HTTP; it is made when it is needed."""
        if self._known is None:
            requests = self._make_requests()
            self._known = requests, Uploads(self._questions, requests)
        return self._known

    # Called by the user interface.

    def take(self, packet: ReceivedPacket, request: OutgoingMessage | None) -> bool:
        """Take in a packet; whether it is about a file that is sent or saved, so that nobody else needs to see it."""
        return self._questions.take(packet, request) or (self._known is not None and self._known[1].take(packet))

    def not_acknowledged(self, message: OutgoingMessage, why: str) -> bool:
        """Take in that a command was not answered; whether it was about a file."""
        return self._questions.not_acknowledged(message, why)

    def holds_back(self) -> bool:
        """Whether the user should not leave yet, as a file is on its way; they are told once."""
        if self._warned or not self._moving or not self._session.online:
            return False
        self._warned = True
        self._view.notice(f"Still {self._moving[0]}. Leave once more to give it up.")
        return True

    def beside(self) -> str:
        """How far the files are, for the end of the prompt's row; "" if there are none."""
        return ", ".join(map(str, self._moving))

    def choices(self, line: str) -> list[tuple[str, str]]:
        """What can follow `/get `: the files of this conversation, the newest first, by their messages."""
        command, blank, word = line.partition(" ")
        if not blank or command != "/get":
            return []
        here = [*self._view.recent.of(self._target.name, own=False), *self._view.recent.of(self._target.name, own=True)]
        named = [(str(one.seq or one.id), f"{one.author}: {one.file}") for one in here if one.file]
        return [(reference, visible(about, 50)) for reference, about in named if reference.startswith(word)]

    def _watch(self, verb: str, name: str, size: int) -> Progress:
        progress = Progress(verb, name, size, lambda changed: self._redraw())
        self._moving.append(progress)
        self._warned = False
        if self._timers is not None and self._tell not in self._timers:
            self._timers.start(TOLD_SECONDS, self._tell)
        self._redraw()
        return progress

    def _unwatch(self, progress: Progress) -> None:
        self._moving.remove(progress)
        self._redraw()

    def _tell(self) -> None:
        """Tell how far the files are, on a terminal that only prints."""
        if self._moving and self._timers is not None:
            self._view.notice(self.beside())
            self._timers.start(TOLD_SECONDS, self._tell)


def split_path(words: str) -> tuple[str, str]:
    """The name of a file at the beginning of what was typed, and the rest. Blanks in a name are quoted, or have a backslash."""
    words = words.strip()
    if words[:1] in ("'", '"') and (end := words.find(words[0], 1)) > 0:
        return words[1:end], words[end + 1 :].strip()
    match = re.match(r"(?:\\.|[^\\\s])*\\?", words, re.DOTALL)
    name = match[0] if match else ""
    return re.sub(r"\\(.)", r"\1", name), words[len(name) :].strip()


def path_choices(line: str) -> list[tuple[str, int]]:
    """What can follow `/send ` while the name of a file is typed: each name, and how many characters it replaces."""
    command, blank, typed = line.partition(" ")
    if not blank or command != "/send" or typed[:1] in ("'", '"') or re.search(r"(?<!\\)\s", typed):
        return []
    folder, slash, start = re.sub(r"\\(.)", r"\1", typed).rpartition("/")
    try:
        found = Path(folder + slash or ".").expanduser().iterdir()
        names = [f"{path.name}/" if path.is_dir() else f"{path.name} " for path in found if path.name.startswith(start)]
    except (OSError, RuntimeError, ValueError):
        return []
    shown = sorted(name for name in names if name[:-1].isprintable() and (start or not name.startswith(".")))
    last = typed.rpartition("/")[2]
    return [(re.sub(r"([\\\s'\"])", r"\\\1", name[:-1]) + name[-1], len(last)) for name in shown[:MAX_CHOICES]]


def _size(path: Path) -> int:
    try:
        return path.expanduser().stat().st_size
    except (OSError, RuntimeError, ValueError):
        return 0
