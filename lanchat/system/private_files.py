"""Safekeeping: where files are that nobody else may read or change, and how they are written."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import secrets
import shutil
import stat
import sys
import tempfile
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NoReturn

#: The rights of others to files: to write, and any at all.
WRITE, ANY = 0o022, 0o077
#: Links that are followed to a file, as many as the system does (path_resolution(7)).
MAX_LINKS = 40

#: The directories in which files are made (`making`): how their names begin, and after how many seconds one that nobody has
#: locked is known to be left by a run that was killed.
PART, LEFT = "lanchat-part-", 60

#: Where systemd puts what it hands to services (systemd.exec(5), Credentials).
CREDENTIALS = Path("/run/credentials")


class Refused(Exception):
    """Files that can't be used. The text is one line, and says what to do."""


def user_state() -> Path | None:
    """Where this user's programs keep their state (XDG Base Directory Specification); None for a user without a home.

    That is one who has no `HOME` in the environment and no entry in the password database, as in many containers.
    """
    try:
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "lanchat"
    except RuntimeError:
        return None


def handed_over(path: Path) -> bool:
    """Whether systemd keeps it for one service alone, which the rights of a file there need not show: an ACL may say it."""
    places = {CREDENTIALS, Path(os.environ.get("CREDENTIALS_DIRECTORY") or CREDENTIALS).resolve()}
    return not places.isdisjoint(Path(os.path.realpath(path)).parents)  # (`resolve` raises where links go in circles)


def read_safely(path: Path, *, secret: bool = False, most: int = -1, or_pipe: bool = False) -> bytes:
    """What is in a file of text (or in its first `most` bytes) that nobody but root and this user can change.

    The file, and each link that leads to it, must belong to root or to this user, in a directory where nobody else can put
    another in its place; a `secret` must not be readable by others either. What systemd hands over is taken as it is.
    With `or_pipe` it may be a pipe, which is read to its end. Raises `OSError` when the file can't be read or is no file,
    `Refused` when somebody else could have written it.
    """
    trusted = handed_over(path)
    for name in () if trusted else _names(path):
        check_directory(name.parent)
        with suppress(FileNotFoundError):
            _check_owner(name, name.lstat(), secret)
    flags = 0 if or_pipe else os.O_NONBLOCK
    with open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags)) as file:
        found = os.fstat(file.fileno())
        if not (stat.S_ISREG(found.st_mode) or (or_pipe and stat.S_ISFIFO(found.st_mode))):
            raise OSError(errno.EINVAL, "it is no regular file")
        if not trusted:
            _check_owner(path, found, secret)
            _check_rights(path, found, ANY if secret else WRITE)
        return without_mark(file.read(most))


def without_mark(content: bytes) -> bytes:
    """What is in a file of text, without the byte order mark that some editors put before it (Notepad's "UTF-8 with BOM")."""
    return content.removeprefix(BOM_UTF8)


def check_directory(directory: Path) -> None:
    """See that nobody but root and this user can rename or replace files of theirs there. Raises `OSError` or `Refused`.

    In a sticky directory such as /tmp everybody may make files, and rename and remove their own (inode(7)).
    """
    found = directory.stat()
    _check_owner(directory, found)
    if not found.st_mode & stat.S_ISVTX:
        _check_rights(directory, found, WRITE)


def check_private(directory: Path, main: str, *, for_owner: bool = False) -> None:
    """See that a server's directory is this user's, and closed to all others. It is never changed.

    With `for_owner` root may use another user's, as the administrator does. A server's directory is known by a file named
    `main`. Only such a one, or an empty one, is said to be in need of closing: any other may be /var/lib. Raises `OSError` or
    `Refused`.
    """
    found = directory.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    owner, mine = _user(found.st_uid), os.geteuid()
    if found.st_uid != mine and not (for_owner and mine == 0):
        raise Refused(f"{directory} belongs to another user ({owner}). Run this as {owner}, or name another with --data.")
    check_links(directory, {0, mine, found.st_uid})
    if found.st_mode & ANY and not _is_known(directory / main, found) and any(directory.iterdir()):
        raise Refused(
            f"{directory} is open to others, and no server keeps its data there. "
            f"Name a directory that is for the server alone with --data, such as {directory / 'lanchat'}."
        )
    _check_rights(directory, found, ANY)


def _is_known(path: Path, directory: os.stat_result) -> bool:
    """Whether this is a file that whoever owns the directory put there."""
    with suppress(OSError):
        found = path.lstat()
        return stat.S_ISREG(found.st_mode) and found.st_uid == directory.st_uid and found.st_nlink == 1
    return False


def check_inside(path: Path) -> None:
    """See that a file in a server's directory is its owner's, if it is there. Raises `OSError` or `Refused`.

    Where root uses the directory of another user, who could make it any file, it must be no link either.
    """
    directory, mine = path.parent.stat().st_uid, os.geteuid()
    with suppress(FileNotFoundError):
        found = path.lstat()
        is_plain = directory == mine or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
        if found.st_uid not in {0, mine, directory} or not is_plain:
            raise Refused(f"{path} is not a file of {_user(directory)}'s. Move it away.")


def give_to_owner(descriptor: int, directory: Path) -> None:
    """Give an open file of root's to the user whose directory it is in, who could not use it otherwise. Raises `OSError`.

    A file that has a second name is left as it is: that user may have put it there to be given it.
    """
    found, owner = os.fstat(descriptor), directory.stat()
    if os.geteuid() == 0 == found.st_uid != owner.st_uid and stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def check_links(path: Path, owners: Collection[int]) -> None:
    """Refuse a link in the place of this file or directory that is somebody else's, who can lead it elsewhere."""
    for name in _names(path):
        with suppress(FileNotFoundError):
            found = name.lstat()
            if stat.S_ISLNK(found.st_mode) and found.st_uid not in owners:
                raise Refused(f"{name} is a link of another user's ({_user(found.st_uid)}). Name the place that is meant.")


def check_opened(descriptor: int, path: Path, owners: Collection[int] = ()) -> None:
    """See that an open file belongs to root, to this user or to one of `owners`, and nobody else can write it, or `Refused`."""
    found = os.fstat(descriptor)
    if found.st_uid not in owners:
        _check_owner(path, found, secret=True)
    _check_rights(path, found, WRITE)


def open_safely(path: Path, owners: Collection[int] = ()) -> BinaryIO:
    """A file to read, that nobody else can write. Raises `OSError` when there is none, `Refused` when it is somebody else's.

    What is in it is as it was found only if it is read from what is opened here: under its name there may be another soon.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")  # (a pipe is not waited for)
    try:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        check_opened(file.fileno(), path, owners)
    except BaseException:
        file.close()
        raise
    return file


def _names(path: Path) -> Iterator[Path]:
    """The name of a file, and while that is a link, the name that it leads to; opening tells if links go in circles."""
    name = path.absolute()
    for _ in range(MAX_LINKS):
        yield name
        try:
            name = name.parent / os.readlink(name)  # noqa: PTH115 (a Path would lose the dots and slashes of a link)
        except OSError:  # it is no link, or not there
            return


def _check_owner(path: Path, found: os.stat_result, secret: bool = False) -> None:
    """Refuse what belongs to anybody but root and this user."""
    if found.st_uid not in (0, os.geteuid()):
        right = _user(os.geteuid() if secret else 0)  # what is no secret can be read by all, and is safest with root
        raise Refused(
            f"{path} belongs to another user ({_user(found.st_uid)}), who could change it. "
            f"Give it to {right}, or use another: chown {right} {path}"
        )


def _check_rights(path: Path, found: os.stat_result, rights: int) -> None:
    """Refuse what others have any of these rights to."""
    if found.st_mode & rights:
        can, bits = ("write", "go-w") if rights == WRITE else ("read or write", "go=")
        raise Refused(f"others can {can} {path}. Forbid it: chmod {bits} {path}")


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def keep(path: Path, content: bytes) -> None:
    """Write a file that only we may read: whole, or not at all. Raises `OSError`."""
    with writing(path, Path.rename) as file:
        file.write(content)


def give_name(part: Path, path: Path) -> None:
    """Give a file that is whole its name, which no other may have. Raises `OSError`: `FileExistsError` if there is one."""
    try:
        os.link(part, path, follow_symlinks=False)  # unlike a rename, this replaces nothing
        part.unlink()
    except OSError:  # it is there, or this is a FAT file system, which has no hard links: there a look must do
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        part.rename(path)


@contextmanager
def writing(path: Path, name: Callable[[Path, Path], object] = give_name) -> Iterator[BinaryIO]:
    """A file that only we may read, which has this name when the block has ended well and all is on the disk; else it is gone.

    `name` gives it the name; `Path.rename` puts it in the place of another. Raises `OSError`.
    """
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    # O_EXCL: if something of that name is there, it is somebody else's, and would stay theirs.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor)
            yield file
            file.flush()
            os.fsync(file.fileno())
        name(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def making(directory: Path) -> Iterator[Path]:
    """A new directory in this one, for us alone, in which a file is made together with whatever its maker puts beside it.

    It is removed at the end, and so are those of ours that runs left which were killed. Raises `OSError`, or `Refused` where
    others could put another in its place.
    """
    check_directory(directory)
    _remove_left(directory)
    part = Path(tempfile.mkdtemp(prefix=PART, dir=directory.absolute()))
    descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with suppress(OSError):  # some file systems have no locks; there nothing is removed later
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
        os.close(descriptor)


def _remove_left(directory: Path) -> None:
    """Remove what is left of runs of ours that were killed, and nothing of anybody else's."""
    for left in directory.glob(f"{PART}*"):
        with suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                found = os.fstat(descriptor)
                if found.st_uid == os.geteuid() and time.time() - found.st_mtime > LEFT:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(left)
            finally:
                os.close(descriptor)


def refuse(mistakes: Iterable[str]) -> NoReturn:
    """Tell what is wrong with the options, and end with a status that says: to start again is no use (sysexits.h)."""
    if sys.stderr:  # None if it was closed when Python started
        sys.stderr.writelines(f"lanchat: {line}\n" for line in mistakes)
    raise SystemExit(os.EX_CONFIG)


class CannotStart(SystemExit, Exception):
    """Why the server does not start, in one line.

    As a `SystemExit` it ends the process with that line and no traceback, which would help nobody. As an `Exception` it is
    what twistd reports to the terminal when it has gone to the background already; for anything else the terminal would wait.
    """
