"""Preflight: what a start would find wrong in the files that the options name. It reads them, and changes nothing."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

from lanchat import lobby, tls
from lanchat.certificates import Own, read_certificates, read_key
from lanchat.options import Options
from lanchat.safekeeping import Refused, handed_over
from lanchat.store import opening


def mistakes(config: Options) -> list[str]:
    """Every one, in a line that says what would be right."""
    return [*_tls(config), *_manhole(config), *_lobby(config)]


def tls_files(config: Options, data: Path) -> tuple[tls.Files, Own | None]:
    """Where the key and the certificates are; if the server makes them itself, in this directory, who does that."""
    if config["tls-key"] is not None:
        return tls.Files(config["tls-key"], config["tls-cert"], config["tls-client-ca"]), None
    own = Own(data)
    return tls.Files(own.key, own.cert, config["tls-client-ca"]), own


def _tls(config: Options) -> Iterator[str]:
    if not config["tls"]:
        return
    files, own = tls_files(config, config["data"])
    if own is None or (own.key.exists() and own.cert.exists()):  # if not, they are made
        alone = [*_look(files.key, read_key), *_look(files.cert, read_certificates)]
        together = not (_later(files.key) or _later(files.cert))
        yield from alone or (_refusal(partial(tls.make_context, files._replace(client_ca=None))) if together else ())
    if files.client_ca is not None:
        yield from _look(files.client_ca, read_certificates)


def _manhole(config: Options) -> Iterator[str]:
    if config["manhole"]:
        yield from _look(config["manhole-keys"], _operators)


def _lobby(config: Options) -> Iterator[str]:
    """What speaks against the lobby in what is kept; where that can't be read the start says why."""
    if config["lobby"] is None:
        return
    path = config["data"] / opening.FILE
    with suppress(sqlite3.Error, OSError):
        # While nobody has it open all is in one file, and SQLite need put nothing beside it to read it.
        alone = not path.with_name(f"{path.name}-wal").exists()
        with opening.closing(path, "ro&immutable=1" if alone else "ro") as connection:
            yield from _refusal(partial(lobby.check, connection, config["lobby"]))


def _operators(path: Path) -> None:
    from lanchat.manhole import keys  # noqa: PLC0415 (conch imports a reactor, and most servers have no manhole)

    keys.authorized(path)


def _look(path: Path, read: Callable[[Path], object]) -> list[str]:
    return [] if _later(path) else _refusal(partial(read, path))


def _later(path: Path) -> bool:
    """Whether systemd hands it over when the service starts: before, and for others, there is nothing to look at."""
    return handed_over(path) and not os.access(path, os.R_OK)


def _refusal(look: Callable[[], object]) -> list[str]:
    """What a look says against going on, if anything."""
    try:
        look()
    except Refused as refused:
        return [str(refused)]
    return []
