"""Terminal: the face for a person at a terminal: a prompt with history and completion, and what comes in above it.

It runs on Twisted's asyncio reactor, which `main` has installed. What others wrote reaches the screen only by way of
`show`, as plain text: prompt_toolkit is never given it to interpret.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Iterable

from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import AnyFormattedText
from prompt_toolkit.history import InMemoryHistory
from prompt_toolkit.patch_stdout import patch_stdout
from twisted.internet.defer import Deferred

from lanchat.client.connection import Client
from lanchat.client.conversation import Conversation
from lanchat.client.fold import folder
from lanchat.client.interfaces import DONE, Link, NotSent, Said
from lanchat.client.roster import Roster
from lanchat.client.show import Painter, harmless, is_private
from lanchat.packet import EVERYONE, ServerPacket, visible

HERE = "Here: @NAME TEXT says something to one user; /to NAME makes every line go there, /to alone to everyone again."


class Terminal:
    """Shows a conversation on a terminal and takes what is typed there. Nothing typed is kept when it ends."""

    def __init__(self, to: str, colours: bool, bell: bool, as_json: bool) -> None:
        self.target = to
        #: A person has seen what failed; it does not make the whole a failure.
        self.failed = False
        self._painter = Painter(colours, folder(lambda: shutil.get_terminal_size().columns))
        self._bell = bell
        self._json = as_json
        self._roster = Roster()
        self._link = Link.OFFLINE
        self._leaving = False
        self._over = asyncio.Event()
        self._conversation: Conversation
        self._closed: Deferred[None]
        self._prompt: PromptSession[str] = PromptSession(
            history=InMemoryHistory(),  # what is said here may be private, and passwords are typed here too
            completer=Completions(self._roster),
            complete_while_typing=False,
        )

    def start(self, client: Client) -> None:
        """Show the prompt."""
        self._conversation = client.conversation
        self._closed = Deferred.fromFuture(asyncio.ensure_future(self._converse()))
        self._closed.addErrback(lambda failure: self._broken(failure.getTraceback()))

    async def close(self) -> None:
        """Take the prompt away, and leave the terminal as it was."""
        self._leaving = True
        self._over.set()
        if self._prompt.app.is_running and not self._prompt.app.is_done:
            self._prompt.app.exit(result="")
        await self._closed

    # What the conversation tells.

    def came(self, packet: ServerPacket, answers: Said | None, line: bytes) -> None:
        """Show a packet, unless it only answers what this client asked for itself."""
        self._roster.learn(packet)
        if answers is not None and answers.quiet:
            return
        if self._json:
            self._print(harmless(line) + "\n")
        elif self._is_news(packet):
            bell = "\a" if self._bell and is_private(packet) else ""
            self._print(bell + self._painter.packet(packet) + self._not_delivered(packet, answers))

    def unanswered(self, said: Said, why: str) -> None:
        """Mark what may not have arrived."""
        self._print(self._painter.unanswered(said, why))

    def notice(self, text: str) -> None:
        """Show what the client itself has to tell."""
        self._print(self._painter.notice(text))

    def changed(self) -> None:
        """Show in the prompt whether there is a connection; on a new one, ask who is there and what can be asked."""
        link = self._conversation.link
        if link is self._link:
            return
        self._link = link
        if link is Link.CAPABLE:
            self._roster.forget()
            self._conversation.say("/list", "", quiet=True)
            self._conversation.say("/help", "", quiet=True)
        self._prompt.app.invalidate()

    # What is typed.

    async def _converse(self) -> None:
        with patch_stdout(raw=True):  # the escape sequences are ours: `show` let no other through
            while not self._leaving:
                await self._prompted()
            await self._over.wait()  # what is still said (a goodbye) is shown before the terminal is given back

    async def _prompted(self) -> None:
        """One line, or a key that means that there will be no more."""
        try:
            text = await self._prompt.prompt_async(self._message, handle_sigint=False)
        except (EOFError, KeyboardInterrupt):
            self._leave("")
        else:
            self._typed(text)

    def _message(self) -> AnyFormattedText:
        link = (
            "" if self._link in (Link.CLASSIC, Link.CAPABLE) else "(offline) " if self._conversation.begun else "(connecting) "
        )
        return [("", f"{link}{visible(self.target, 40)}> ")]

    def _typed(self, text: str) -> None:
        try:
            self._obey(text.strip("\n"))
        except NotSent as error:
            self._print(self._painter.error(f"Not sent: {error}"))

    def _obey(self, text: str) -> None:
        """Do what a typed line says."""
        word, _, rest = text.partition(" ")
        if not text.strip():
            return
        if word.lower() == "/to":
            self.target = rest.strip().removeprefix("@") or EVERYONE
        elif word.lower() == "/quit":
            self._leave(rest)
        elif word.startswith("/"):
            self._conversation.say(word, rest)
            if word.lower() == "/help" and not rest:
                self.notice(HERE)
        elif word.startswith("@"):
            self._say_to(word[1:], rest)
        else:
            self._conversation.say(self.target, text)

    def _say_to(self, name: str, text: str) -> None:
        if not name or not text.strip():
            raise NotSent("write @NAME TEXT, or /to NAME to say all that follows to one user.")
        self._conversation.say(name, text)

    def _leave(self, words: str) -> None:
        """Take leave of the server where there is one."""
        self._leaving = True
        if self._link in (Link.CLASSIC, Link.CAPABLE):
            self._conversation.say("/quit", words)
        else:
            self._conversation.end(DONE)

    # What is shown.

    def _is_news(self, packet: ServerPacket) -> bool:
        """Whether a person wants to see this."""
        op = packet.x.op if packet.x else None
        if op == "ack" and packet.x is not None:
            return packet.x.n == 0
        if op == "bye":
            return self._leaving or (packet.x is not None and packet.x.code == "RELOAD")
        if op == "event" and packet.x is not None:
            return packet.x.who != [self._conversation.name]
        return op is not None or self._conversation.link not in (Link.OFFLINE, Link.ENDED)

    def _not_delivered(self, packet: ServerPacket, answers: Said | None) -> str:
        """What was refused, under the reason why."""
        if answers is None or packet.x is None or packet.x.op != "fail" or answers.to.startswith("/"):
            return ""
        return self._painter.error(f"NOT DELIVERED to {visible(answers.to, 64)}: {visible(answers.msg, 2000)}")

    def _print(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    def _broken(self, trace: str) -> None:
        """A fault of ours at the prompt: without one there is nothing left to do."""
        self._conversation.end(1, trace)


class Completions(Completer):
    """Offers the commands and the names that are known, when TAB is pressed."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        """What the word before the cursor may become."""
        for text, replaced in self._roster.completions(document.text_before_cursor):
            yield Completion(text, start_position=-replaced)
