"""Terminal: the face for a person at a terminal: a prompt with history and completion, and what comes in above it.

It runs on Twisted's asyncio reactor, which `main` has installed. What others wrote reaches the screen only by way of
`show`, as plain text: prompt_toolkit is never given it to interpret.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Any

from prompt_toolkit.patch_stdout import patch_stdout
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lanchat.client.connection import Client
from lanchat.client.interfaces import BATCHED, DONE, NOT_DELIVERED, Link, NotSent, Said
from lanchat.client.pages import Pages
from lanchat.client.rooms import MAX_NAME
from lanchat.client.session import ClientSession
from lanchat.protocol.packet import ServerPacket, is_visible, visible
from lanchat.protocol.typed_lines import (
    BEGINNERS_HELP,
    SAYING_COMMANDS,
    SECRET_COMMANDS,
    TYPING_HELP,
    TypedLine,
    UnclearLine,
    may_have_secret,
    parse,
    parse_target,
)
from lanchat.terminal.completion_words import CompletionWords
from lanchat.terminal.external_editor import edited
from lanchat.terminal.formatting import Painter
from lanchat.terminal.password_prompts import Passwords
from lanchat.terminal.prompt import Answered, Prompt
from lanchat.terminal.screen import Screen
from lanchat.terminal.view import View

_HERE = (
    f"{TYPING_HELP}; /edit writes several lines in your $EDITOR; "
    "/more shows the rest of a long message, or what was before a page of /history or /search; /login, /register and "
    "/password ask for what is not to be seen. Ctrl-C empties the line, and leaves when it is empty; Ctrl-Z suspends."
)


class Terminal:
    """Shows a conversation on a terminal and takes what is typed there. Nothing typed is kept when it ends."""

    def __init__(self, to: str, colours: bool, bell: bool, as_json: bool, to_lobby: bool = False) -> None:
        """`to` is whom lines are said to at first; with `to_lobby` that is the room that everybody is in, if there is one."""
        self.target = to
        self._to_lobby = to_lobby
        self._json = as_json
        self._roster = CompletionWords()
        self._prompt = Prompt(self._message, self._roster, self._redrawn)
        self._screen = Screen(self._prompt.above, self._unwritable, self._prompt.plain, folds=not as_json)
        painter = Painter(colours and not self._prompt.plain, at_terminal=True)
        self._view = View(self._screen, painter, bell, as_json, echoes=not self._prompt.plain)
        self._link = Link.OFFLINE
        self._leaving = False
        self._to_edit: str | None = None  # a text to be edited before the next line is typed
        self._over = asyncio.Event()
        self._conversation: ClientSession
        self._closed: Deferred[None]
        self._pages: Pages
        #: Commands that are, all or in part, for us.
        self._here: dict[str, Callable[[str], None]] = {
            "/to": self._set_destination,
            "/quit": self._leave,
            "/help": self._help,
            "/edit": self._edit,
            "/more": lambda words: self._view.more(),
        }
        self._passwords = Passwords(self.ask, self.notice, self._with_secret)

    def start(self, client: Client) -> None:
        """Show the prompt."""
        self._conversation = client.conversation
        self._pages = Pages(client.conversation)
        self._view.start(client.reactor, client.conversation, self._pages)
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
        if self._to_lobby and packet.x is not None and packet.x.op == "welcome":
            self._to_lobby = False
            self.target = _room(packet.x.lobby) or self.target
        if answers is None or not answers.quiet:
            self._view.came(packet, answers, line)

    def unanswered(self, said: Said, why: str) -> None:
        """Mark what may not have arrived."""
        self._view.unanswered(said, why)

    def incomplete(self, why: str) -> None:
        """Show why something that was said to us can't be had."""
        self.notice(why)

    def notice(self, text: str) -> None:
        """Show what the client itself has to tell."""
        self._view.notice(text)

    def changed(self) -> None:
        """Show in the prompt whether there is a connection; on a new one, ask who is there and what can be asked."""
        self._view.changed()
        link = self._conversation.link
        if link is self._link:
            return
        self._link = link
        if link is Link.CAPABLE:
            self._roster.forget()
            self._conversation.say("/list", "", quiet=True)
            self._conversation.say("/help", "", quiet=True)
        self._prompt.redraw()

    # What is typed.

    async def _converse(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unhandled)
        # While something is written, the terminal makes a signal of Ctrl-C.
        signal.signal(signal.SIGINT, lambda number, frame: loop.call_soon_threadsafe(self._prompt.interrupt))
        with patch_stdout(raw=True):  # the escape sequences are ours: `show` let no other through
            while not self._leaving:
                await self._prompted()
            await self._over.wait()  # what is still said (a goodbye) is shown before the terminal is given back
        self._screen.flush()

    async def _prompted(self) -> None:
        """One line, or a key that means that there will be no more."""
        try:
            if (draft := self._to_edit) is not None:
                self._to_edit = None
                async with self._screen.taken:
                    self._prompt.draft = await edited(draft)
            text = await self._prompt.line() or ""
        except (EOFError, KeyboardInterrupt):
            self._leave("")
        except NotSent as error:
            self._not_sent(error)
        else:
            self._typed(text)

    def _message(self) -> str:
        link = "" if self._conversation.up else "(offline) " if self._conversation.begun else "(connecting) "
        return f"{link}{visible(self.target, 40)}> "

    def _redrawn(self, rows: int) -> str:
        return self._screen.redrawn(rows)

    def _typed(self, text: str) -> None:
        """Do what a typed line says, or a pasted text.

        A message is shown once it has arrived; anything else, or where packets are shown, the line is shown at once.
        """
        self._view.attend()
        text = text.strip("\n")
        if not text.strip():
            return
        prompt, is_message = self._message(), True
        shown = f"{text.split(maxsplit=1)[0]} ..." if may_have_secret(text) else text
        try:
            typed = parse(text)
            is_message = not self._json and (not typed.to.startswith("/") or typed.to in SAYING_COMMANDS)
            if not is_message:
                self._view.echo(prompt, shown)
            self._obey(typed)
        except (NotSent, UnclearLine) as error:
            if is_message:
                self._view.echo(prompt, shown)
            self._not_sent(error)

    def _obey(self, typed: TypedLine) -> None:
        """Do what a line says. Raises `NotSent`."""
        command = typed.to
        if command in self._here:
            self._here[command](typed.text)
        elif command in BATCHED:
            self._pages.ask(command, typed.text, self.target)
        elif command in SECRET_COMMANDS:
            self._secret(command, typed.text)
        elif self._conversation.locked and not command.startswith("/"):
            raise NotSent("you are not logged in yet, and it might be a password. /quit leaves.")
        else:
            said = self._conversation.say(command or self.target, typed.text)
            if said.is_message:
                self._view.said(said)

    def _not_sent(self, error: NotSent | UnclearLine) -> None:
        self._view.error(f"Not sent: {error}")

    def _set_destination(self, words: str) -> None:
        """Say what follows to this user or in this room."""
        self._to_lobby = False
        self.target = parse_target(words)

    def _edit(self, words: str) -> None:
        """Write the next message in an editor, from these words on."""
        self._to_edit = words

    def _help(self, words: str) -> None:
        """What the server has to say, and what is understood here."""
        self._conversation.say("/help", words)
        if words == BEGINNERS_HELP:
            self.notice(_HERE)

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

    # What goes wrong.

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


def _room(name: str | None) -> str:
    """The name of a room as a server gave it; "" if it is none."""
    with contextlib.suppress(UnclearLine):
        return parse_target(name) if name and name.startswith("#") and is_visible(name) and len(name) <= MAX_NAME else ""
    return ""
