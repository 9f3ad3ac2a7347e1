"""Checks the files that the options name, as a start would; it reads them and changes nothing."""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from twisted.python.util import runAsEffectiveUser

from lanchat.config.options import PORTS, Options
from lanchat.net import tls
from lanchat.net.certificates import OwnCertificates, read_certificates, read_key
from lanchat.net.endpoints import EndpointString, address_of
from lanchat.store import open_db
from lanchat.system.exits import exit_with_errors
from lanchat.system.private_files import FileError, check_links, is_credential, open_safely, user_name
from lanchat.tables.rooms import check_lobby

#: Where the server's data is usual for a service.
SERVICE_DATA = Path("/var/lib/lanchat")
#: Where systemd makes the directories of a service for its sockets, when it starts (systemd.exec(5), RuntimeDirectory=).
RUNTIME = Path("/run")

T = TypeVar("T")


class CheckedOptions(Options):
    """Options that are also checked for whether a server can start with the files that they name."""

    def file_errors(self, wrong: Collection[str]) -> list[str]:
        """The errors in those files, a line for each; options in `wrong` are wrong themselves, and not checked."""
        twistd: Mapping[str, Any] = self.parent or {}
        ids, rundir = _ids(twistd), twistd.get("rundir") or "."
        foreign = [] if ids is None or "data" in wrong else _foreign_data(self["data"], *ids)
        wrong = {*wrong, *(["data"] if foreign else [])}
        ports = [(name, port) for name in PORTS if name not in wrong for port in self[name]]
        sockets = [line for name, port in ports for line in _socket(name, port, rundir)]
        if not Path(rundir).is_dir():
            sockets.append(f"there is no directory {rundir}. Create it, or name another with twistd --rundir.")
        return [*foreign, *as_user(self, lambda: find_errors(self, wrong)), *sockets, *pid_file_errors(twistd)]


def find_errors(config: Options, wrong: Collection[str] = ()) -> list[str]:
    """The errors in all files that options name: what would be right, a line for each. Options in `wrong` are not checked."""
    twistd: Mapping[str, Any] = config.parent or {}
    found = [] if "data" in wrong else _data(config["data"], twistd.get("uid") is not None)
    inside = not found and "data" not in wrong
    check_made_files = inside and not _belongs_to_the_service(config["data"])
    if not any(option.startswith("tls") for option in wrong):
        found += _tls(config, check_made_files)
    if not any(option.startswith("manhole") for option in wrong):
        found += _manhole(config, check_made_files)
    return [*found, *(_lobby(config) if inside and "lobby" not in wrong else ())]


def as_user(config: Options, action: Callable[[], T]) -> T:
    """Call `action` as the user that twistd will run the server as (`--uid`, `--gid`); exits with an error if that can't be."""
    if (ids := _ids(config.parent)) is None:
        return action()
    uid, gid = ids
    if not runAsEffectiveUser(uid, gid, os.access, os.__file__, os.R_OK, effective_ids=True):
        where = Path(os.__file__).parent
        exit_with_errors(
            [f"--uid {uid}: this user can't read {where}. Install lanchat where every user can, such as in /opt/lanchat."]
        )
    done: T = runAsEffectiveUser(uid, gid, action)
    return done


def _ids(twistd: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """The user and the group of `--uid` and `--gid`, if `twistd` has one of them; exits with an error if that can't be."""
    uid, gid = ((twistd or {}).get(name) for name in ("uid", "gid"))
    if uid is None and gid is None:
        return None
    if os.geteuid() != 0:
        exit_with_errors(["only root can run a server as another user: leave out --uid and --gid, or use sudo."])
    uid = os.geteuid() if uid is None else uid
    try:
        return uid, pwd.getpwuid(uid).pw_gid if gid is None else gid
    except KeyError:
        exit_with_errors([f"--uid {uid} is not a user of this system: give --gid, too."])


def pid_file_errors(twistd: Mapping[str, Any] | None) -> list[str]:
    """What is wrong with the file for twistd's process id, if anything; `twistd` are twistd's own options."""
    if not twistd or not twistd.get("pidfile"):
        return []
    path = Path(twistd["pidfile"])

    def look() -> None:
        check_links(path, {0, os.geteuid()})
        with suppress(FileNotFoundError):
            open_safely(path).close()

    try:
        return _errors_of(look)
    except OSError as error:
        return [f"{path} can't be used: {error.strerror}. Name another file with twistd --pidfile, or none: --pidfile="]


def tls_files(config: Options, data: Path) -> tuple[tls.TLSFiles, OwnCertificates | None]:
    """The paths of the key and the certificates; and our own certificates in `data`, if the server makes them itself."""
    if config["tls-key"] is not None:
        return tls.TLSFiles(config["tls-key"], config["tls-cert"], config["tls-client-ca"]), None
    own = OwnCertificates(data, tuple(config["http-name"]))
    return tls.TLSFiles(own.key, own.cert, config["tls-client-ca"]), own


def _tls(config: Options, check_made_files: bool) -> Iterator[str]:
    """The errors in the files for TLS; those that the server makes are checked if they exist, with `check_made_files`."""
    if not config["tls"] and not config["ircs"] and not config["https"]:
        return
    files, own = tls_files(config, config["data"])
    if own is None or (check_made_files and own.key.exists() and own.cert.exists()):
        yield from _pair(files)
    if files.client_ca is not None:
        yield from _read_errors(files.client_ca, read_certificates)


def _pair(files: tls.TLSFiles) -> Iterator[str]:
    """The errors of a key and of its certificate, first each by itself and then together."""
    alone = [*_read_errors(files.key, read_key), *_read_errors(files.cert, read_certificates)]
    together = not (_is_not_yet_readable(files.key) or _is_not_yet_readable(files.cert))
    yield from alone or (_errors_of(partial(tls.make_context, files._replace(client_ca=None))) if together else ())


def _lobby(config: Options) -> Iterator[str]:
    """The reason why the database rules out the lobby, if any; a database that can't be read is reported at the start."""
    if config["lobby"] is None:
        return
    path = config["data"] / open_db.FILE
    with suppress(sqlite3.Error, OSError):
        # While nobody has it open, everything is in one file, and SQLite can read it without creating others beside it.
        alone = not path.with_name(f"{path.name}-wal").exists()
        with open_db.closing(path, "ro&immutable=1" if alone else "ro") as connection:
            yield from _errors_of(partial(check_lobby, connection, config["lobby"]))


def _manhole(config: Options, check_made_files: bool) -> Iterator[str]:
    """The errors in the operators' keys; with `check_made_files`, also in the host keys, if they exist."""
    if not config["manhole"]:
        return
    from lanchat.manhole import keys  # noqa: PLC0415 (conch imports a reactor, and most servers have no manhole)

    yield from _read_errors(config["manhole-keys"], keys.read_authorized_keys)
    if check_made_files:
        yield from _errors_of(partial(keys.existing_host_keys, config["data"]))


def _socket(option: str, port: EndpointString, rundir: str) -> Iterator[str]:
    """What is in the way of a port if that is a UNIX socket. Whether it can be made there is found when it is."""
    if port.startswith("systemd:") or (path := address_of(port).path) is None:
        return
    path = Path(rundir, path)
    with suppress(PermissionError):
        if path.exists() and not path.is_socket():
            yield f"--{option}: {path} is there, and is not a socket. Move it away, or choose another path."
        elif not path.parent.is_dir() and RUNTIME not in (path.parent, *path.parents):
            yield f"--{option}: there is no directory {path.parent} for the socket. Create it, or choose another."


def _data(directory: Path, switched: bool) -> list[str]:
    """The errors of the data directory; one that does not exist will be created in the nearest directory above it.

    `switched` means that this is called as the user of `--uid`.
    """
    where, user = directory, user_name(os.geteuid())
    try:
        if wrong := _errors_of(partial(open_db.check, directory, for_owner=True)):
            return wrong
    except FileNotFoundError:
        where = next(above for above in directory.parents if os.path.lexists(above))
    except PermissionError:
        if not switched:
            return [f"can't look into {directory}: Permission denied. Run the check as the server's user."]
        make = _make_command(SERVICE_DATA, os.geteuid(), os.getegid())
        return [f"{user} can't reach {directory}. Name another directory with --data, such as {SERVICE_DATA}, after: {make}"]
    except OSError as error:
        return [f"{directory} can't be used: {error.strerror}. Name another directory with --data."]
    other = os.geteuid() != os.getuid()  # only then faccessat2(2) is needed, which older filters of containers refuse
    if os.access(where, os.W_OK | os.X_OK, effective_ids=other):
        return []
    told = f"{user} can't write to {where}. Name another directory with --data"
    return [f"{told}, or run as root: {_make_command(directory, os.geteuid(), os.getegid())}" if os.geteuid() else f"{told}."]


def _foreign_data(directory: Path, uid: int, gid: int) -> list[str]:
    """As root: what to do if the data directory of a server with `--uid` is another user's, or can't be reached by this one."""
    user = user_name(uid)
    try:
        found = directory.stat()
        if found.st_uid == uid:
            return []
        inside = [path.name for path in directory.iterdir()]
    except OSError:  # it is not there, which `_data` tells
        return []
    told = f"{directory} belongs to {user_name(found.st_uid)}, and the server will run as {user}."
    if inside and open_db.FILE not in inside:
        new = directory / "lanchat"
        return [f"{told} Name a directory for it alone with --data, such as {new}, after: {_make_command(new, uid, gid)}"]
    command = f"chown -R {uid}:{gid} {shlex.quote(str(directory))}" if inside else _make_command(directory, uid, gid)
    return [f"{told} To give it to {user}, run: {command}"]


def _make_command(directory: Path, uid: int, gid: int) -> str:
    """The command with which root makes a data directory for a user."""
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = str(gid)
    return f"install -d -m 700 -o {user_name(uid)} -g {group} {shlex.quote(str(directory))}"


def _belongs_to_the_service(directory: Path) -> bool:
    """Whether root checks for a server that runs as another user, whose own files root could not use."""
    return os.geteuid() == 0 and directory.exists() and directory.stat().st_uid != 0


def _read_errors(path: Path, read: Callable[[Path], object]) -> list[str]:
    return [] if _is_not_yet_readable(path) else _errors_of(partial(read, path))


def _is_not_yet_readable(path: Path) -> bool:
    """Whether it is a credential that systemd provides when the service starts; before that there is nothing to check."""
    return is_credential(path) and not os.access(path, os.R_OK)


def _errors_of(check: Callable[[], object]) -> list[str]:
    """The text of the `FileError` that a function raises, if any."""
    try:
        check()
    except FileError as refused:
        return [str(refused)]
    return []
