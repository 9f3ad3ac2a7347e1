"""Terminal: the face for a person at a terminal: a prompt with history and completion, and what comes in above it.

It runs on Twisted's asyncio reactor, which `main` has installed. What others wrote reaches the screen only by way of
`show`, as plain text: prompt_toolkit is never given it to interpret.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from typing import Any

from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.patch_stdout import patch_stdout
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lanchat.client.connection import Client
from lanchat.client.conversation import Conversation
from lanchat.client.fold import folder
from lanchat.client.interfaces import BATCHED, DONE, NOT_DELIVERED, Link, NotSent, Said
from lanchat.client.pages import Pages
from lanchat.client.passwords import Passwords
from lanchat.client.prompt import Answered, Prompt
from lanchat.client.reading import MISSED
from lanchat.client.roster import Roster
from lanchat.client.screen import Screen
from lanchat.client.show import Painter, harmless, is_private, plural
from lanchat.packet import ServerPacket, ServerX, visible
from lanchat.typed import SECRET, Unclear, parse, target

HERE = (
    "Here: @NAME TEXT or #ROOM TEXT says something there; /to NAME or /to #ROOM makes every line go there, /to alone to "
    "everyone again; /say TEXT says a text as it is, whatever it begins with; /more shows what was before a page of /history "
    "or /search; /login, /register and /password ask for "
    "what is not to be seen."
)


class Terminal:
    """Shows a conversation on a terminal and takes what is typed there. Nothing typed is kept when it ends."""

    def __init__(self, to: str, colours: bool, bell: bool, as_json: bool) -> None:
        self.target = to
        self._painter = Painter(colours, folder(lambda: shutil.get_terminal_size().columns))
        self._bell = bell
        self._json = as_json
        self._screen = Screen(self._unwritable)
        self._roster = Roster()
        self._link = Link.OFFLINE
        self._leaving = False
        self._missed = False  # whether some of what was missed was shown, and it was not said yet that this was all
        self._over = asyncio.Event()
        self._conversation: Conversation
        self._closed: Deferred[None]
        self._pages: Pages
        #: Commands that are, all or in part, for us.
        self._here: dict[str, Callable[[str], None]] = {
            "/to": self._aim,
            "/quit": self._leave,
            "/help": self._help,
            "/more": lambda words: self._pages.more(),
        }
        self._prompt = Prompt(self._message, self._roster)
        self._passwords = Passwords(self.ask, self.notice, self._with_secret)

    def start(self, client: Client) -> None:
        """Show the prompt."""
        self._conversation = client.conversation
        self._pages = Pages(client.conversation)
        self._closed = Deferred.fromFuture(asyncio.ensure_future(self._converse()))
        self._closed.addErrback(self._broken)

    async def close(self) -> None:
        """Take the prompt away, and leave the terminal as it was."""
        self._leaving = True
        self._over.set()
        self._prompt.close()
        await self._closed

    @property
    def failed(self) -> bool:
        """Whether not all could be shown. Other failures a person has seen, so they don't make the whole a failure."""
        return self._screen.broken

    @property
    def caught_up(self) -> bool:
        """Whether all that came is on the screen."""
        return self._screen.caught_up

    def ask(self, question: str, answered: Answered, hidden: bool = True) -> None:
        """Ask between two lines."""
        self._prompt.ask(question, answered, hidden)

    # What the conversation tells.

    def came(self, packet: ServerPacket, answers: Said | None, line: bytes) -> None:
        """Show a packet, unless it only answers what this client asked for itself."""
        self._roster.learn(packet)
        if answers is not None and answers.quiet:
            return
        if self._json:
            self._print(harmless(line) + "\n")
        elif self._pages.holds(packet):
            return
        else:
            self._show(packet, answers)

    def unanswered(self, said: Said, why: str) -> None:
        """Mark what may not have arrived."""
        self._print(self._painter.unanswered(said, why))

    def incomplete(self, why: str) -> None:
        """Show why something that was said to us can't be had."""
        self.notice(why)

    def notice(self, text: str) -> None:
        """Show what the client itself has to tell."""
        self._print(self._painter.notice(text))

    def changed(self) -> None:
        """Show in the prompt whether there is a connection; on a new one, ask who is there and what can be asked.

        And tell when all that was missed is shown, also what had to be fetched.
        """
        link = self._conversation.link
        if self._missed and link is Link.CAPABLE and self._conversation.reading.complete:
            self._missed = False
            self.notice("That was all.")
        if link is self._link:
            return
        self._link = link
        if link is Link.OFFLINE:
            self._missed = False
            self._pages.forget()
        if link is Link.CAPABLE:
            self._roster.forget()
            self._conversation.say("/list", "", quiet=True)
            self._conversation.say("/help", "", quiet=True)
        self._prompt.redraw()

    # What is typed.

    async def _converse(self) -> None:
        asyncio.get_running_loop().set_exception_handler(self._unhandled)
        with patch_stdout(raw=True):  # the escape sequences are ours: `show` let no other through
            while not self._leaving:
                await self._prompted()
            await self._over.wait()  # what is still said (a goodbye) is shown before the terminal is given back
        self._screen.flush()

    async def _prompted(self) -> None:
        """One line, or a key that means that there will be no more."""
        try:
            text = await self._prompt.line()
        except (EOFError, KeyboardInterrupt):
            self._leave("")
        else:
            self._typed(text or "")

    def _message(self) -> StyleAndTextTuples:
        link = "" if self._conversation.up else "(offline) " if self._conversation.begun else "(connecting) "
        return [("", f"{link}{visible(self.target, 40)}> ")]

    def _typed(self, text: str) -> None:
        try:
            self._obey(text.strip("\n"))
        except (NotSent, Unclear) as error:
            self._not_sent(error)

    def _not_sent(self, error: NotSent | Unclear) -> None:
        self._print(self._painter.error(f"Not sent: {error}"))

    def _obey(self, text: str) -> None:
        """Do what a typed line says, or a pasted text."""
        if not text.strip():
            return
        typed = parse(text)
        command = typed.to
        if command in self._here:
            self._here[command](typed.text)
        elif command in BATCHED:
            self._pages.ask(command, typed.text, self.target)
        elif command in SECRET:
            self._secret(command, typed.text)
        elif self._conversation.locked and not command.startswith("/"):
            raise NotSent("you are not logged in yet, and it might be a password. /quit leaves.")
        else:
            self._conversation.say(command or self.target, typed.text)

    def _aim(self, words: str) -> None:
        """Say what follows to this user or in this room."""
        self.target = target(words)

    def _help(self, words: str) -> None:
        """What the server has to say, and what is understood here."""
        self._conversation.say("/help", words)
        if not words:
            self.notice(HERE)

    def _secret(self, command: str, words: str) -> None:
        """A command with a password, which is asked for unseen if it was not typed."""
        if words.strip():
            self._with_secret(command, words)
        else:
            self._passwords.ask_for(command)

    def _with_secret(self, command: str, words: str, **args: str) -> None:
        try:
            if command == "/login":
                self._conversation.log_in(words.strip())
            else:
                self._conversation.say(command, words, args=args)
        except NotSent as error:
            self._not_sent(error)

    def _leave(self, words: str) -> None:
        """Take leave of the server where there is one."""
        self._leaving = True
        if self._conversation.up and not self._conversation.resting:
            self._conversation.say("/quit", words)
        else:
            self._conversation.end(DONE)

    # What is shown.

    def _show(self, packet: ServerPacket, answers: Said | None) -> None:
        """A packet as a person wants to see it."""
        x = packet.x or ServerX()
        if (page := self._pages.turned(packet, answers)) is not None:
            self._print("".join(map(self._painter.packet, page)))
            if x.op == "end":
                self.notice(self._pages.ending(len(page)))
        elif x.op == "end" and x.batch == MISSED:
            self._missed = bool(x.n or x.more)
        if self._is_news(packet):
            bell = "\a" if self._bell and is_private(packet) else ""
            self._print(bell + self._painter.packet(packet) + self._not_delivered(packet, answers))
        if x.op == "welcome" and x.missed:
            self.notice(f"{plural(x.missed, 'message')} while you were away:")

    def _is_news(self, packet: ServerPacket) -> bool:
        """Whether a person wants to see this."""
        op = packet.x.op if packet.x else None
        if op == "end":
            return False
        if op == "ack" and packet.x is not None:
            return packet.x.n == 0 or (packet.x.n is None and bool(packet.msg))
        if op == "bye":
            return self._leaving
        if op == "event" and packet.x is not None:
            return packet.x.who != [self._conversation.name]
        return op is not None or self._conversation.link not in (Link.OFFLINE, Link.ENDED)

    def _not_delivered(self, packet: ServerPacket, answers: Said | None) -> str:
        """What was refused, under the reason why."""
        if answers is None or packet.x is None or packet.x.op != "fail" or answers.to.startswith("/"):
            return ""
        return self._painter.error(f"NOT DELIVERED to {visible(answers.to, 64)}: {visible(answers.msg, 2000)}")

    def _print(self, text: str) -> None:
        self._screen.show(text)

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Something went wrong that nobody waits for: as a rule the terminal, when the prompt is drawn anew."""
        error = context.get("exception")
        if isinstance(error, OSError):
            self._screen.fail(error)
        else:
            loop.default_exception_handler(context)

    def _unwritable(self, error: OSError) -> None:
        """The terminal is gone: what comes is shown to nobody, and so it shall come another time."""
        self._conversation.end(NOT_DELIVERED, f"can't write to the terminal: {error.strerror}")

    def _broken(self, failure: Failure) -> None:
        """Without a prompt nothing is left to do. Either the terminal is gone, or a fault of ours is shown whole."""
        if isinstance(failure.value, OSError):
            self._unwritable(failure.value)
        else:
            self._conversation.end(NOT_DELIVERED, failure.getTraceback())
