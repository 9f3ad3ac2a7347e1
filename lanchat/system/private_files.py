"""Reads and writes files that other users of the machine may not read or change, and checks their owners and modes."""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import secrets
import shutil
import stat
import tempfile
import time
from codecs import BOM_UTF8
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

#: Mode bits for group and others: to write, and any access at all.
OTHERS_WRITE, OTHERS_ANY = 0o022, 0o077
#: How many symbolic links to a file are followed, as many as Linux follows (path_resolution(7)).
MAX_LINKS = 40

#: Temporary directories: how their names begin, and after how many seconds an unlocked one is a killed process's leftover.
PART_PREFIX, LEFTOVER_SECONDS = "lanchat-part-", 60

#: Where systemd puts the credentials of services (systemd.exec(5), Credentials).
CREDENTIALS = Path("/run/credentials")


class FileError(Exception):
    """A file or directory can't be used as it is. The text is one line, and says what to do."""


def user_state_directory() -> Path | None:
    """Where this user's programs keep state (XDG Base Directory Specification); None without `HOME` and a passwd entry."""
    try:
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "lanchat"
    except RuntimeError:
        return None


def is_credential(path: Path) -> bool:
    """Whether a file is a systemd credential: only the service can read it, by an ACL, which the mode bits need not show."""
    places = {CREDENTIALS, Path(os.environ.get("CREDENTIALS_DIRECTORY") or CREDENTIALS).resolve()}
    return not places.isdisjoint(Path(os.path.realpath(path)).parents)  # (`resolve` raises where links go in circles)


def read_safely(path: Path, *, secret: bool = False, max_bytes: int = -1, allow_pipe: bool = False) -> bytes:
    """Read a text file, or its first `max_bytes` bytes, that nobody but root and this user can change.

    The file, and each link to it, must belong to root or this user, in a directory where nobody else can replace it; a `secret`
    must not be readable by others. Credentials of systemd are not checked. With `allow_pipe` it may be a pipe, read to its end.
    Raises `OSError` if it can't be read or is not a regular file, `FileError` if somebody else could have written it.
    """
    trusted = is_credential(path)
    for name in () if trusted else _names(path):
        check_directory(name.parent)
        with suppress(FileNotFoundError):
            _check_owner(name, name.lstat(), secret)
    flags = 0 if allow_pipe else os.O_NONBLOCK
    with open(path, "rb", opener=lambda name, mode: os.open(name, mode | flags)) as file:
        found = os.fstat(file.fileno())
        if not (stat.S_ISREG(found.st_mode) or (allow_pipe and stat.S_ISFIFO(found.st_mode))):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if not trusted:
            _check_owner(path, found, secret)
            _check_rights(path, found, OTHERS_ANY if secret else OTHERS_WRITE)
        return without_bom(file.read(max_bytes))


def without_bom(content: bytes) -> bytes:
    """The content of a text file without the byte order mark that some editors put before it (Notepad's "UTF-8 with BOM")."""
    return content.removeprefix(BOM_UTF8)


def check_directory(directory: Path) -> None:
    """Check that only root and this user can rename or replace their files in a directory. Raises `OSError` or `FileError`.

    In a sticky directory such as /tmp all users may make files, but rename and remove only their own (inode(7)).
    """
    found = directory.stat()
    _check_owner(directory, found)
    if not found.st_mode & stat.S_ISVTX:
        _check_rights(directory, found, OTHERS_WRITE)


def check_data_directory(directory: Path, main_file: str, *, as_root: bool = False) -> None:
    """Check that a data directory belongs to this user and is closed to all others; nothing is changed.

    With `as_root`, root may use another user's. If it is open to others, the error says to close it (chmod) only if it is empty
    or has the database `main_file`: any other could be /var/lib. Raises `OSError` or `FileError`.
    """
    found = directory.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    owner, uid = user_name(found.st_uid), os.geteuid()
    if found.st_uid != uid and not (as_root and uid == 0):
        raise FileError(
            f"{directory} belongs to another user ({owner}). Run this as {owner}, or name another directory with --data."
        )
    check_links(directory, {0, uid, found.st_uid})
    if found.st_mode & OTHERS_ANY and not _is_known(directory / main_file, found) and any(directory.iterdir()):
        raise FileError(
            f"{directory} is open to other users, and is not a server's data directory. Name a directory for the "
            f"server alone with --data, such as {directory / 'lanchat'}."
        )
    _check_rights(directory, found, OTHERS_ANY)


def _is_known(path: Path, directory: os.stat_result) -> bool:
    """Whether this is a regular file with one name that belongs to the owner of the directory."""
    with suppress(OSError):
        found = path.lstat()
        return stat.S_ISREG(found.st_mode) and found.st_uid == directory.st_uid and found.st_nlink == 1
    return False


def check_data_file(path: Path) -> None:
    """Check that a file in a data directory belongs to the right user, if it exists. Raises `OSError` or `FileError`.

    When root works in another user's directory, the file must not be a link either: that user could let it lead to any file.
    """
    directory, uid = path.parent.stat().st_uid, os.geteuid()
    with suppress(FileNotFoundError):
        found = path.lstat()
        is_plain = directory == uid or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
        if found.st_uid not in {0, uid, directory} or not is_plain:
            raise FileError(f"{path} is not a file of {user_name(directory)}'s. Move it away.")


def give_to_owner(descriptor: int, directory: Path) -> None:
    """Give an open file that root has made to the owner of its directory, who could not use it otherwise. Raises `OSError`.

    A file with a second name (hard link) is left alone: the owner may have made that link to be given the file.
    """
    found, owner = os.fstat(descriptor), directory.stat()
    if os.geteuid() == 0 == found.st_uid != owner.st_uid and stat.S_ISREG(found.st_mode) and found.st_nlink == 1:
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def check_links(path: Path, owners: Collection[int]) -> None:
    """Raise `FileError` if a symbolic link on the way to a path belongs to none of `owners` (user ids), who could change it."""
    for name in _names(path):
        with suppress(FileNotFoundError):
            found = name.lstat()
            if stat.S_ISLNK(found.st_mode) and found.st_uid not in owners:
                raise FileError(f"{name} is a link made by another user ({user_name(found.st_uid)}). Give its target instead.")


def check_opened(descriptor: int, path: Path, owners: Collection[int] = ()) -> None:
    """Raise `FileError` unless an open file belongs to root, this user or one of `owners`, and only its owner can write it."""
    found = os.fstat(descriptor)
    if found.st_uid not in owners:
        _check_owner(path, found, secret=True)
    _check_rights(path, found, OTHERS_WRITE)


def open_safely(path: Path, owners: Collection[int] = ()) -> BinaryIO:
    """Open a file that nobody else can write. Raises `OSError` if there is none, `FileError` if it belongs to somebody else.

    Read from the file returned here, and do not open it by its name again: by then another file may have that name.
    """
    # With O_NONBLOCK, opening a pipe does not wait for a writer.
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    try:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        check_opened(file.fileno(), path, owners)
    except BaseException:
        file.close()
        raise
    return file


def _names(path: Path) -> Iterator[Path]:
    """The path of a file, and while that is a link, the path that it leads to; opening it finds links that go in circles."""
    name = path.absolute()
    for _ in range(MAX_LINKS):
        yield name
        try:
            name = name.parent / os.readlink(name)  # noqa: PTH115 (a Path would lose the dots and slashes of a link)
        except OSError:  # not a link, or it does not exist
            return


def _check_owner(path: Path, found: os.stat_result, secret: bool = False) -> None:
    """Raise `FileError` if a file belongs to anybody but root and this user."""
    if found.st_uid not in (0, os.geteuid()):
        right = user_name(os.geteuid() if secret else 0)  # a file that all may read is safest with root
        raise FileError(
            f"{path} belongs to another user ({user_name(found.st_uid)}), who could change it. Use another file, or "
            f"change its owner: chown {right} {path}"
        )


def _check_rights(path: Path, found: os.stat_result, rights: int) -> None:
    """Raise `FileError` if the mode of a file has any of the bits `rights`."""
    if found.st_mode & rights:
        can, bits = ("write", "go-w") if rights == OTHERS_WRITE else ("read or write", "go=")
        raise FileError(f"others can {can} {path}. To prevent that: chmod {bits} {path}")


def user_name(uid: int) -> str:
    """The name of a user, or the number of one without a name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only this user may read, in one step: after an error the old file is unchanged. Raises `OSError`."""
    with new_file(path, Path.rename) as file:
        file.write(content)


def rename_without_replacing(part: Path, path: Path) -> None:
    """Rename the finished file `part` to `path`. Raises `OSError`: `FileExistsError` if `path` exists."""
    try:
        os.link(part, path, follow_symlinks=False)  # a link replaces nothing, unlike a rename
        part.unlink()
    except OSError:  # it exists, or the file system has no hard links (FAT): there a check before the rename must do
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        part.rename(path)


@contextmanager
def new_file(path: Path, rename: Callable[[Path, Path], object] = rename_without_replacing) -> Iterator[BinaryIO]:
    """Open a new file with mode 0600 that gets the name `path` when the block has ended and all is on the disk.

    If the block raises, the file is removed. `rename` gives it its name; `Path.rename` replaces another file. Raises `OSError`.
    """
    part = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    # O_EXCL: a file of that name would belong to somebody else, and stay theirs.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 (a descriptor)
            yield file
            file.flush()
            os.fsync(file.fileno())
        rename(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextmanager
def temporary_directory(directory: Path) -> Iterator[Path]:
    """Make a directory with mode 0700 in this one, for a new file and whatever else (SQLite's `-wal`) is written beside it.

    It is removed at the end, with those that killed processes left. Raises `OSError`, or `FileError` if others could replace
    it.
    """
    check_directory(directory)
    _remove_leftovers(directory)
    part = Path(tempfile.mkdtemp(prefix=PART_PREFIX, dir=directory.absolute()))
    descriptor = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with suppress(OSError):  # some file systems have no locks; there leftovers stay
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)
        os.close(descriptor)


def _remove_leftovers(directory: Path) -> None:
    """Remove temporary directories that killed processes of this user left behind, and nobody else's."""
    for leftover in directory.glob(f"{PART_PREFIX}*"):
        with suppress(OSError):
            descriptor = os.open(leftover, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                found = os.fstat(descriptor)
                if found.st_uid == os.geteuid() and time.time() - found.st_mtime > LEFTOVER_SECONDS:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(leftover)
            finally:
                os.close(descriptor)
