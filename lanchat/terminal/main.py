"""`lanchat`: the command. It chooses the face and the reactor, and turns the ending into an exit code."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import getpass
import os
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

from twisted.internet import asyncioreactor
from twisted.internet.defer import Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.python.failure import Failure

from lanchat.client import interfaces, tls
from lanchat.client.connection import Client
from lanchat.client.interfaces import DONE, NOT_DELIVERED, Ending
from lanchat.client.keyring import Keyring
from lanchat.client.state_file import Unsafe
from lanchat.client.tokens import Tokens, first_line
from lanchat.client.zones import Zones
from lanchat.protocol.packet import visible
from lanchat.system.printing import run_command
from lanchat.terminal import options
from lanchat.terminal.formatting import Painter, complain
from lanchat.terminal.input_lines import LinesAre

#: Seconds that closing may take, once it is over.
HURRY_SECONDS = 2.0
#: The exit code of argparse.
WRONG_OPTIONS = 2


class Face(interfaces.Face, Protocol):
    """A face as the command runs it."""

    @property
    def failed(self) -> bool:
        """Whether anything failed that makes the whole a failure."""

    def start(self, client: Client) -> None:
        """Show the conversation of this client."""

    async def close(self) -> None:
        """Show what is still to be shown, and leave the terminal or the pipes as they were."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command("lanchat", partial(_main, arguments))


def _main(arguments: Sequence[str] | None) -> int:
    wanted = options.read(arguments)
    at_terminal = os.isatty(0) and os.isatty(1)
    try:
        trust = tls.trust(wanted) if wanted.tls else None
        keyring = _keyring(wanted, at_terminal)
    except (tls.Unusable, Unsafe) as unusable:
        complain(str(unusable))
        return WRONG_OPTIONS
    except (EOFError, KeyboardInterrupt):
        complain("no password was typed, so nobody is logged in")
        return NOT_DELIVERED
    face = _terminal(wanted) if at_terminal else _pipe(wanted)
    from twisted.internet import reactor  # noqa: PLC0415 (which one it is, is settled only now)

    running: Any = reactor
    running.installNameResolver(Zones(running.nameResolver))
    client = Client(
        running,
        wanted.name,
        wanted.server,
        face,
        wanted.timeout,
        trust,
        keyring,
        wanted.dev,
        wanted.plaintext_passwords,
        insists=not at_terminal,
    )
    if wanted.quiet and not at_terminal:
        client.conversation.skip_missed()
    ending = _run(running, face, client)
    if ending.why:
        complain(ending.why)
    return ending.status


def _terminal(wanted: argparse.Namespace) -> Face:
    """The face for a person; its reactor must be there before anything else asks for one."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    asyncioreactor.install(loop)
    from lanchat.terminal.terminal import Terminal  # noqa: PLC0415 (a script should not wait for what only terminals need)

    return Terminal(wanted.to, _colours(), wanted.bell, wanted.json, wanted.to_lobby)


def _pipe(wanted: argparse.Namespace) -> Face:
    from lanchat.terminal.pipe import Pipe  # noqa: PLC0415 (it imports the reactor)

    lines = LinesAre.ANY_TEXT if wanted.text else LinesAre.TEXT if wanted.text_only else LinesAre.TYPED
    return Pipe(wanted.to, Painter(colours=False), wanted.json, wanted.quiet, wanted.timeout, lines, wanted.block)


def _keyring(wanted: argparse.Namespace, at_terminal: bool) -> Keyring:
    """What there is to log in with; raises `Unsafe`. A password is asked for before there is a prompt."""
    tokens = Tokens(wanted.state and wanted.state / "tokens", wanted.name, wanted.server)
    password = ""
    if wanted.password_file is not None:
        password = first_line(wanted.password_file)
    elif wanted.login and not tokens.any() and at_terminal:
        password = getpass.getpass(f"Password for {visible(wanted.name)}: ")
    return Keyring(tokens, password, wanted.login, wanted.keep_token)


def _run(reactor: Any, face: Face, client: Client) -> Ending:
    """Run the reactor until it is over, or a signal says so."""
    endings: list[Ending] = []

    def begin() -> None:
        running = Deferred.fromCoroutine(_converse(client, face, endings)).addErrback(_faulty, endings)
        reactor.addSystemEventTrigger("before", "shutdown", _interrupted, reactor, client, running)
        running.addBoth(_stop, reactor)

    reactor.callWhenRunning(begin)
    reactor.run()
    status, why = endings[0]
    return Ending(status or (NOT_DELIVERED if face.failed else DONE), why)


async def _converse(client: Client, face: Face, endings: list[Ending]) -> None:
    """From the first connection to the last word that is shown."""
    face.start(client)
    client.start()
    endings.append(await client.conversation.ended)
    await face.close()
    await client.stop()


def _interrupted(reactor: Any, client: Client, running: Deferred[None]) -> Deferred[None]:
    """A signal, or the end that was to come: what is not acknowledged is told, but nothing more is waited for."""
    client.conversation.end(DONE)
    return running.addTimeout(HURRY_SECONDS, reactor, lambda result, seconds: None)


def _faulty(failure: Failure, endings: list[Ending]) -> None:
    """Something was not as it should be with us; an ending that is known stays."""
    if not endings:
        endings.append(Ending(NOT_DELIVERED, failure.getTraceback()))


def _stop(result: object, reactor: Any) -> None:
    with contextlib.suppress(ReactorNotRunning):
        reactor.stop()


def _colours() -> bool:
    """Whether colours are wanted (no-color.org); whether this terminal has any, `Terminal` knows."""
    return not os.environ.get("NO_COLOR")
