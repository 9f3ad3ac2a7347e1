"""Carries out a request where no server runs, with the server's own code but without opening ports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from lanchat.auth.passwords import Hasher
from lanchat.core.chat import Chat
from lanchat.service.operations import Operations
from lanchat.service.requests import Done, Failed, ReportProgress, Request
from lanchat.service.service import ChatService
from lanchat.store.store import Store
from lanchat.system.exits import CannotStart
from lanchat.system.private_files import FileError


def do(directory: Path, request: Request, progress: ReportProgress) -> Done | Failed:
    """Carry out a request; raises `FileError` if the directory can't be used, `KeyboardInterrupt`, or what a bug raises."""
    outcome: list[Done | Failed | Exception] = []

    def serve(reactor: Any) -> Deferred[None]:
        return Deferred.fromCoroutine(_serve(reactor, directory, request, progress, outcome))

    try:
        react(serve)
    except SystemExit:
        if not outcome:  # the reactor was stopped first, by Ctrl-C
            raise KeyboardInterrupt from None
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


async def _serve(reactor: Any, directory: Path, request: Request, progress: ReportProgress, outcome: list[Any]) -> None:
    """Put the outcome, or an exception, into `outcome`. The store is closed when the reactor stops, also after Ctrl-C."""
    try:
        chat = Chat(reactor, "")
        store, hasher = Store(directory, reactor.callFromThread), Hasher(reactor.callFromThread)
        store.for_owner = True
        service = ChatService(chat, store, hasher)
        service.startService()
        reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
        operations = Operations(chat, store, hasher.hash_new)
        operations.cleaning = service.cleaning
        outcome.append(await operations.do(request, "no server runs", progress))
    except CannotStart as error:
        outcome.append(FileError(str(error).removeprefix("lanchat: ")))
    except Exception as error:  # noqa: BLE001 (it is raised again, where it is waited for)
        outcome.append(error)
