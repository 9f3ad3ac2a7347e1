"""The command `lanchat`: it chooses the user interface and the reactor, and turns the session's end into an exit code."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet import asyncioreactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.python.failure import Failure

from lanchat.client import interfaces, tls
from lanchat.client.connection import Client
from lanchat.client.credentials import Credentials
from lanchat.client.interfaces import DONE, NOT_DELIVERED, SessionEnd
from lanchat.client.link_local import ZoneResolver
from lanchat.client.state_file import UnsafeFile
from lanchat.client.tokens import TokenFile, read_password
from lanchat.protocol.packet import visible
from lanchat.system.printing import run_command
from lanchat.terminal.formatting import Formatter, write_error
from lanchat.terminal.input_lines import InputMode
from lanchat.terminal.options import read as read_options

if TYPE_CHECKING:
    from lanchat.transfers.requests import Requests

#: Seconds that closing may take once the session has ended.
SHUTDOWN_SECONDS = 2.0
#: The exit code for wrong options, as argparse has it.
WRONG_OPTIONS = 2


class RunnableInterface(interfaces.UserInterface, Protocol):
    """A user interface that the command starts and closes."""

    @property
    def failed(self) -> bool:
        """Whether anything failed that makes the exit code a failure."""

    def start(self, client: Client, requests: Callable[[], Requests]) -> None:
        """Show the session of this client. `requests` makes what sends and saves files."""

    async def close(self) -> None:
        """Show what is still waiting, then leave the terminal or the pipes as they were."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command("lanchat", partial(_main, arguments))


def _main(arguments: Sequence[str] | None) -> int:
    options = read_options(arguments)
    at_terminal = os.isatty(0) and os.isatty(1)
    try:
        verifier = tls.make_verifier(options) if options.tls else None
        credentials = _credentials(options, at_terminal)
    except (tls.UnusableFile, UnsafeFile) as unusable:
        write_error(str(unusable))
        return WRONG_OPTIONS
    except (EOFError, KeyboardInterrupt):
        write_error("no password was typed, so you are not logged in")
        return NOT_DELIVERED
    ui = _sender(options) if options.send else _terminal(options) if at_terminal else _pipe(options)
    from twisted.internet import reactor  # noqa: PLC0415 (the reactor is chosen only now)

    running: Any = reactor
    running.installNameResolver(ZoneResolver(running.nameResolver))
    client = Client(
        running,
        options.name,
        options.server,
        ui,
        options.timeout,
        verifier,
        credentials,
        options.dev,
        options.plaintext_passwords,
        wait_for_server=bool(options.send) or not at_terminal,
    )
    if options.quiet and not at_terminal:
        client.session.forgo("resume")
    ending = _run(running, ui, client, partial(_requests, running, options, verifier, client, ui))
    if ending.why:
        write_error(ending.why)
    return ending.status


def _terminal(options: argparse.Namespace) -> RunnableInterface:
    """The interface for a person. Its reactor must be installed before anything else imports one."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    from lanchat.terminal.terminal import Terminal  # noqa: PLC0415 (scripts should not wait for imports that only terminals need)

    return Terminal(options.to, _colours(), options.bell, options.json, options.to_lobby)


def _pipe(options: argparse.Namespace) -> RunnableInterface:
    from lanchat.terminal.pipe import Pipe  # noqa: PLC0415 (it imports the reactor)

    lines = InputMode.ANY_TEXT if options.text else InputMode.TEXT if options.text_only else InputMode.TYPED
    return Pipe(options.to, Formatter(colours=False), options.json, options.quiet, options.timeout, lines, options.block)


def _sender(options: argparse.Namespace) -> RunnableInterface:
    from lanchat.terminal.sending import SendFiles  # noqa: PLC0415 (it imports what only those need who send files)

    return SendFiles(options.to, options.send, options.caption, options.json, options.quiet)


def _requests(
    reactor: Any, options: argparse.Namespace, verifier: tls.ServerVerifier | None, client: Client, ui: RunnableInterface
) -> Requests:
    """What sends and saves files, beside the chat and with the same trust."""
    from lanchat.transfers.file_server import FileServer  # noqa: PLC0415 (as for `_sender`)
    from lanchat.transfers.requests import Requests  # noqa: PLC0415 (as for `_sender`)

    return Requests(reactor, FileServer(reactor, options, verifier, lambda: client.factory.peer, ui.notice))


def _credentials(options: argparse.Namespace, at_terminal: bool) -> Credentials:
    """What there is to log in with; raises `UnsafeFile`. A password is asked for here, before there is a prompt."""
    tokens = TokenFile(options.state and options.state / "tokens", options.name, options.server)
    password = ""
    if options.password_file is not None:
        password = read_password(options.password_file)
    elif options.login and not tokens.any() and at_terminal:
        password = getpass.getpass(f"Password for {visible(options.name)}: ")
    return Credentials(tokens, password, options.login, options.keep_token)


def _run(reactor: Any, ui: RunnableInterface, client: Client, requests: Callable[[], Requests]) -> SessionEnd:
    """Run the reactor until the session ends, or a signal ends it."""
    endings: list[SessionEnd] = []

    def begin() -> None:
        running = Deferred.fromCoroutine(_converse(client, ui, requests, endings)).addErrback(_faulty, endings)
        reactor.addSystemEventTrigger("before", "shutdown", _interrupted, reactor, client, running)
        running.addBoth(_stop, reactor)

    reactor.callWhenRunning(begin)
    reactor.run()
    status, why = endings[0]
    return SessionEnd(status or (NOT_DELIVERED if ui.failed else DONE), why)


async def _converse(client: Client, ui: RunnableInterface, requests: Callable[[], Requests], endings: list[SessionEnd]) -> None:
    """Run the session: from the first connection until everything is shown."""
    ui.start(client, requests)
    client.start()
    endings.append(await client.session.ended)
    await ui.close()
    await client.stop()


def _interrupted(reactor: Any, client: Client, running: Deferred[None]) -> Deferred[None]:
    """End the session at a signal: messages that are not acknowledged are reported, and nothing more is waited for."""
    client.session.end(DONE)
    return running.addTimeout(SHUTDOWN_SECONDS, reactor, lambda result, seconds: None)


def _faulty(failure: Failure, endings: list[SessionEnd]) -> None:
    """Report a bug with its traceback, unless the session has ended for another reason."""
    if not endings:
        endings.append(SessionEnd(NOT_DELIVERED, failure.getTraceback()))


def _stop(result: object, reactor: Any) -> None:
    with contextlib.suppress(ReactorNotRunning):
        reactor.stop()


def _colours() -> bool:
    """Whether colours are wanted (no-color.org); whether this terminal has any, `Terminal` finds out."""
    return not os.environ.get("NO_COLOR")
