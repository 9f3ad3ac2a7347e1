"""The user interface for a person at a terminal: a prompt with history and completion, and messages above it.

It runs on Twisted's asyncio reactor, which `main` has installed. Texts of others reach the screen only through `formatting`, as
plain text: prompt_toolkit never interprets them.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from typing import Any

from prompt_toolkit.patch_stdout import patch_stdout
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lanchat.client.connection import Client
from lanchat.client.history_pages import HistoryPages
from lanchat.client.interfaces import BATCHED, DONE, NOT_DELIVERED, Answered, ConnectionState, NotSent, OutgoingMessage
from lanchat.client.session import ClientSession
from lanchat.client.timers import Timers
from lanchat.protocol.packet import ReceivedPacket, visible
from lanchat.protocol.typed_lines import (
    BEGINNERS_HELP,
    SAYING_COMMANDS,
    SECRET_COMMANDS,
    TypedLine,
    UnclearLine,
    may_have_secret,
    parse,
)
from lanchat.terminal.completion_words import CompletionWords
from lanchat.terminal.external_editor import edit
from lanchat.terminal.file_commands import FileCommands, path_choices
from lanchat.terminal.formatting import Formatter
from lanchat.terminal.help_texts import TYPED_HELP
from lanchat.terminal.message_commands import MessageCommands
from lanchat.terminal.password_prompts import PasswordPrompts, submit
from lanchat.terminal.people import TYPING_SECONDS, People
from lanchat.terminal.prompt import Prompt
from lanchat.terminal.screen import Screen
from lanchat.terminal.target import Target
from lanchat.terminal.view import View
from lanchat.transfers.requests import Requests


class Terminal:
    """Shows a session on a terminal and takes what is typed there. Nothing typed is stored."""

    def __init__(self, to: str, colours: bool, bell: bool, as_json: bool, to_lobby: bool = False) -> None:
        """`to` is the first target of lines; with `to_lobby` it is replaced by the server's lobby, if it has one."""
        self._target = Target(to, to_lobby, self.notice)
        self._json = as_json
        self._words = CompletionWords()
        self._prompt = Prompt(self._message, self._words, lambda rows: self._screen.redrawn(rows), self._beside)  # noqa: PLW0108
        self._screen = Screen(self._prompt.prompt_hidden, self._terminal_lost, self._prompt.plain, folds=not as_json)
        formatter = Formatter(colours and not self._prompt.plain, at_terminal=True, links=self._prompt.plain)
        self._view = View(self._screen, formatter, bell, as_json, echoes=not self._prompt.plain)
        self._state = ConnectionState.OFFLINE
        self._leaving = False
        self._edit_next: str | None = None  # a text to open in the editor before the next line is read
        self._closing = asyncio.Event()
        self._session: ClientSession
        self._closed: Deferred[None]
        self._pages: HistoryPages
        #: Commands that the client handles, wholly or in part.
        self._local_commands: dict[str, Callable[[str], None]] = {
            "/to": self._target.choose,
            "/quit": self._quit,
            "/help": self._help,
            "/edit": self._edit,
            "/more": lambda words: self._view.more(),
        }
        self._people = People()

    def start(self, client: Client, requests: Callable[[], Requests]) -> None:
        """Begin to show the client's session, and to read lines. `requests` makes what sends and saves files."""
        self._session = client.session
        self._pages = HistoryPages(client.session)
        self._view.start(client.reactor, client.session, self._pages)
        self._timers = Timers(client.reactor)
        self._changes = MessageCommands(client.session, self._view.recent, lambda: self._target.name, self._view.message_sent)
        self._files = FileCommands(client, requests, self._view, self._target, self._prompt)
        self._words.files = path_choices
        self._words.messages = lambda line: [*self._changes.choices(line), *self._files.choices(line)]
        self._local_commands |= self._changes.commands | self._files.commands
        self._passwords = PasswordPrompts(self.ask, self.notice, partial(submit, client.session, self._not_sent))
        self._closed = Deferred.fromFuture(asyncio.ensure_future(self._converse()))
        self._closed.addErrback(self._prompt_failed)

    async def close(self) -> None:
        """Remove the prompt, and leave the terminal as it was."""
        self._leaving = True
        self._closing.set()
        self._prompt.close()
        await self._closed

    @property
    def failed(self) -> bool:
        """Whether something could not be shown. Other failures were seen by the user, so they don't change the exit code."""
        return self._screen.broken

    @property
    def caught_up(self) -> bool:
        """Whether everything that came is on the screen."""
        return self._screen.caught_up

    def ask(self, question: str, answered: Answered, hidden: bool = True) -> None:
        """Ask a question between two lines."""
        self._prompt.ask(question, answered, hidden)

    # Called by the session.

    def packet_received(self, packet: ReceivedPacket, request: OutgoingMessage | None, line: bytes) -> None:
        """Show a packet, unless it only answers a request of the client itself."""
        self._words.learn(packet)
        self._target.follow(packet.x)
        if self._people.learn(packet, self._timers.now()):
            self._prompt.redraw()
            self._timers.start(TYPING_SECONDS, self._prompt.redraw)
        if self._files.take(packet, request) and not self._json:
            return
        if request is None or not request.internal:
            self._view.packet_received(packet, request, line)
        elif request.command == "/conversations" and not self._json:
            self._view.conversations_came(packet)
        if packet.x is not None and packet.x.op == "welcome":
            self._welcomed(packet.x.lobby)
        elif packet.x is not None and packet.x.op == "ack" and request is not None and request.is_message:
            self._target.said_to(request.recipient)

    def not_acknowledged(self, message: OutgoingMessage, why: str) -> None:
        """Mark a message that may not have arrived."""
        if not self._files.not_acknowledged(message, why):
            self._view.not_acknowledged(message, why)

    def messages_missing(self, why: str) -> None:
        """Show why messages to this user can't be had."""
        self.notice(why)

    def notice(self, text: str) -> None:
        """Show a text of the client itself."""
        self._view.notice(text)

    def state_changed(self) -> None:
        """Update the prompt; on a new connection, ask for names and commands to complete."""
        self._view.state_changed()
        state = self._session.state
        if state is self._state:
            return
        self._state = state
        if state is ConnectionState.CLASSIC:
            self._welcomed(lobby=None)
        if state is ConnectionState.CAPABLE:
            self._words.forget()
            self._people.forget()
            has_markers = "read" in self._session.caps and self._session.log_sync.has_log
            for command in ("/list", "/help", *["/conversations"] * has_markers):
                self._session.send(command, "", internal=True)
        self._prompt.redraw()

    # Input.

    async def _converse(self) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._unhandled)
        # While something is written, the terminal turns Ctrl-C into a signal.
        signal.signal(signal.SIGINT, lambda number, frame: loop.call_soon_threadsafe(self._prompt.interrupt))
        with patch_stdout(raw=True):  # the escape sequences are our own: `formatting` lets no others through
            while not self._leaving:
                await self._next_line()
            await self._closing.wait()  # messages that still come (a goodbye) are shown before the terminal is restored
        self._screen.flush()

    async def _next_line(self) -> None:
        """Read and handle one line, or a key that ends the program."""
        try:
            if (draft := self._edit_next) is not None:
                self._edit_next = None
                async with self._screen.terminal_lock:
                    self._prompt.draft = await edit(draft)
            text = await self._prompt.line() or ""
        except (EOFError, KeyboardInterrupt):
            self._quit("")
        except NotSent as error:
            self._not_sent(error)
        else:
            self._line_typed(text)

    def _message(self) -> str:
        state = "" if self._session.online else "(offline) " if self._session.was_welcomed else "(connecting) "
        target = self._target.name if self._target.is_known else ""
        return f"{state}{visible(target, 40)}{' (away)' if self._people.is_away(target) else ''}> "

    def _beside(self) -> str:
        """The text at the end of the prompt's row: how far files are, or who is typing."""
        return self._files.beside() or self._people.typing(self._target.name, self._timers.now())

    def _line_typed(self, text: str) -> None:
        """Handle a line that was typed, or a text that was pasted.

        A message is shown once it is acknowledged; any other line, or any line where packets are shown, is shown at once.
        """
        self._view.attention.attend()
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
            self._execute(typed)
        except (NotSent, UnclearLine) as error:
            if is_message:
                self._view.echo(prompt, shown)
            self._not_sent(error)

    def _execute(self, typed: TypedLine) -> None:
        """Do what a line says. Raises `NotSent`."""
        command = typed.to
        if command in self._local_commands:
            self._local_commands[command](typed.text)
        elif command in BATCHED:
            self._pages.ask(command, typed.text, self._target.name)
        elif command in SECRET_COMMANDS:
            self._passwords.command(command, typed.text)
        elif self._session.handshake.awaits_password and not command.startswith("/"):
            raise NotSent("you are not logged in yet, and this might be a password. /quit leaves.")
        elif (line := self._target.complete(typed)) is not None:
            self._send(line)
        else:
            self.notice(f"Not sent yet: {visible(typed.text, 2000)}")

    def _send(self, line: TypedLine) -> None:
        """Send a line to whom it is for. Raises `NotSent`."""
        message = self._session.send(*line)
        if message.is_message:
            self._view.message_sent(message)

    def _not_sent(self, error: NotSent | UnclearLine) -> None:
        self._view.error(f"Not sent: {error}")

    def _welcomed(self, lobby: str | None) -> None:
        """Take in the server's lobby, and send the lines that waited for it."""
        for line in self._target.welcomed(lobby, "history" in self._session.caps):
            try:
                self._send(line)
            except NotSent as error:  # noqa: PERF203 (the others are sent all the same)
                self._not_sent(error)
        self._prompt.redraw()

    def _edit(self, words: str) -> None:
        """Change the text of the user's last message; without a text, open an editor for the next one."""
        if words.strip():
            self._changes.edit(words)
        else:
            self._edit_next = ""

    def _help(self, words: str) -> None:
        """Show the server's help, and the client's own commands."""
        self._session.send("/help", words)
        if words == BEGINNERS_HELP:
            self.notice(TYPED_HELP)

    def _quit(self, words: str) -> None:
        """Say goodbye to the server, or end the session if there is none."""
        if self._files.holds_back():
            return
        self._leaving = True
        if self._session.online and not self._session.paused:
            self._view.attention.report_read()
            self._session.send("/quit", words)
        else:
            self._session.end(DONE)

    # Errors.

    def _unhandled(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Handle an error that nothing waits for: usually one of the terminal, when the prompt is drawn."""
        error = context.get("exception")
        if isinstance(error, OSError):
            self._screen.fail(error)
        else:
            loop.default_exception_handler(context)

    def _terminal_lost(self, error: OSError) -> None:
        """End the session: nobody would see what comes, so it is shown another time."""
        self._session.end(NOT_DELIVERED, f"can't write to the terminal: {error.strerror}")

    def _prompt_failed(self, failure: Failure) -> None:
        """End the session: the terminal is gone, or there is a bug, which is shown with its traceback."""
        if isinstance(failure.value, OSError):
            self._terminal_lost(failure.value)
        else:
            self._session.end(NOT_DELIVERED, failure.getTraceback())
