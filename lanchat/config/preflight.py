"""Preflight: what a start would find wrong in the files that the options name. It reads them, and changes nothing."""

from __future__ import annotations

import os
import pwd
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from twisted.python.util import runAsEffectiveUser

from lanchat.config.options import Options
from lanchat.net import tls
from lanchat.net.certificates import Own, read_certificates, read_key
from lanchat.store import open_db
from lanchat.store.rooms import check_lobby
from lanchat.system.private_files import FileError, check_links, exit_with_errors, is_credential, open_safely

T = TypeVar("T")


class CheckedOptions(Options):
    """Options that are right only if a server can start with them: the files that they name are looked at, too."""

    def outside(self, wrong: Collection[str]) -> list[str]:
        """What is wrong in those files, a line for each; `wrong` are options that are wrong themselves."""
        return [*as_user(self, lambda: mistakes(self, wrong)), *pid_file(self.parent)]


def mistakes(config: Options, wrong: Collection[str] = ()) -> list[str]:
    """Every one, in a line that says what would be right; nothing is looked at for options that are `wrong` themselves."""
    found = [] if "data" in wrong else _data(config["data"])
    inside = not found and "data" not in wrong
    made = inside and not _belongs_to_the_service(config["data"])
    if not any(option.startswith("tls") for option in wrong):
        found += _tls(config, made)
    if not any(option.startswith("manhole") for option in wrong):
        found += _manhole(config, made)
    return [*found, *(_lobby(config) if inside and "lobby" not in wrong else ())]


def as_user(config: Options, look: Callable[[], T]) -> T:
    """Read or make files as the user that twistd will run the server as (`--uid`, `--gid`); refuses what can't be."""
    twistd: Mapping[str, Any] = config.parent or {}
    uid, gid = twistd.get("uid"), twistd.get("gid")
    if uid is None and gid is None:
        return look()
    if os.geteuid() != 0:
        exit_with_errors(["only root can run a server as somebody else: leave out --uid and --gid, or use sudo."])
    uid = os.geteuid() if uid is None else uid
    try:
        gid = pwd.getpwuid(uid).pw_gid if gid is None else gid
    except KeyError:
        exit_with_errors([f"--uid {uid} is nobody that this system knows: give --gid, too."])
    if not runAsEffectiveUser(uid, gid, os.access, os.__file__, os.R_OK, effective_ids=True):
        where = Path(os.__file__).parent
        exit_with_errors(
            [f"--uid {uid}: this user can't read {where}. Install lanchat where everybody can, such as in /opt/lanchat."]
        )
    done: T = runAsEffectiveUser(uid, gid, look)
    return done


def pid_file(twistd: Mapping[str, Any] | None) -> list[str]:
    """What is wrong with the file in which twistd will write its number, whatever is there. `twistd` is what was said to it."""
    if not twistd or not twistd.get("pidfile"):
        return []
    path = Path(twistd["pidfile"])

    def look() -> None:
        check_links(path, {0, os.geteuid()})
        with suppress(FileNotFoundError):
            open_safely(path).close()

    try:
        return _refusal(look)
    except OSError as error:
        return [f"{path} can't be used: {error.strerror}. Name another file with twistd --pidfile, or none: --pidfile="]


def tls_files(config: Options, data: Path) -> tuple[tls.Files, Own | None]:
    """Where the key and the certificates are; if the server makes them itself, in this directory, who does that."""
    if config["tls-key"] is not None:
        return tls.Files(config["tls-key"], config["tls-cert"], config["tls-client-ca"]), None
    own = Own(data)
    return tls.Files(own.key, own.cert, config["tls-client-ca"]), own


def _tls(config: Options, look_inside: bool) -> Iterator[str]:
    """What is wrong with the files for TLS; with those that the server makes only if they are there, and to be looked at."""
    if not config["tls"]:
        return
    files, own = tls_files(config, config["data"])
    if own is None or (look_inside and own.key.exists() and own.cert.exists()):
        yield from _pair(files)
    if files.client_ca is not None:
        yield from _look(files.client_ca, read_certificates)


def _pair(files: tls.Files) -> Iterator[str]:
    """A key and a certificate, each by itself and then together."""
    alone = [*_look(files.key, read_key), *_look(files.cert, read_certificates)]
    together = not (_later(files.key) or _later(files.cert))
    yield from alone or (_refusal(partial(tls.make_context, files._replace(client_ca=None))) if together else ())


def _lobby(config: Options) -> Iterator[str]:
    """What speaks against the lobby in what is kept; where that can't be read the start says why."""
    if config["lobby"] is None:
        return
    path = config["data"] / open_db.FILE
    with suppress(sqlite3.Error, OSError):
        # While nobody has it open all is in one file, and SQLite need put nothing beside it to read it.
        alone = not path.with_name(f"{path.name}-wal").exists()
        with open_db.closing(path, "ro&immutable=1" if alone else "ro") as connection:
            yield from _refusal(partial(check_lobby, connection, config["lobby"]))


def _manhole(config: Options, look_inside: bool) -> Iterator[str]:
    """What is wrong with the operators' keys, and with the host keys if they are there, and to be looked at."""
    if not config["manhole"]:
        return
    from lanchat.manhole import keys  # noqa: PLC0415 (conch imports a reactor, and most servers have no manhole)

    yield from _look(config["manhole-keys"], keys.authorized)
    if look_inside:
        yield from _refusal(partial(keys.made_host_keys, config["data"]))


def _data(directory: Path) -> list[str]:
    """What is wrong with the directory for what is kept; if it is not there, it will be made."""
    try:
        return _refusal(partial(open_db.check, directory, for_owner=True))
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f"can't look into {directory}: {error.strerror}. Check as the user that the server runs as."]


def _belongs_to_the_service(directory: Path) -> bool:
    """Whether root checks for a server that runs as another user, whose own files are right for that user, and not for root."""
    return os.geteuid() == 0 and directory.exists() and directory.stat().st_uid != 0


def _look(path: Path, read: Callable[[Path], object]) -> list[str]:
    return [] if _later(path) else _refusal(partial(read, path))


def _later(path: Path) -> bool:
    """Whether systemd hands it over when the service starts: before, and for others, there is nothing to look at."""
    return is_credential(path) and not os.access(path, os.R_OK)


def _refusal(look: Callable[[], object]) -> list[str]:
    """What a look says against going on, if anything."""
    try:
        look()
    except FileError as refused:
        return [str(refused)]
    return []
