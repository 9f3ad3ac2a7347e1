"""Sends a request to the running server, over its control socket."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from lanchat.admin import data_directory
from lanchat.service.control import FILE, MAX_PATH
from lanchat.service.requests import ANSWER_DECODER, Done, Failed, ReportProgress, Request
from lanchat.system.private_files import FileError

#: Seconds to wait for the first answer; a long operation sends progress before that.
ANSWER_SECONDS = 60
#: Seconds to wait for the socket of a server that has just been started.
START_SECONDS = 2


def call(directory: Path, request: Request, progress: ReportProgress) -> Done | Failed | None:
    """The outcome of a request; None if no server runs with this data directory. Raises `FileError`."""
    deadline = time.monotonic() + START_SECONDS
    while (outcome := _call_once(directory, request, progress)) is None and data_directory.is_used(directory):
        if time.monotonic() > deadline:
            raise FileError(
                f"A server is running in {directory} but can't be reached; its log says why. Stop it, and run this again."
            )
        time.sleep(0.1)  # the server is starting or stopping
    return outcome


def _call_once(directory: Path, request: Request, progress: ReportProgress) -> Done | Failed | None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(ANSWER_SECONDS)
        if not _connect(connection, directory / FILE):
            return None
        try:
            return _receive(connection, request, progress)
        except TimeoutError:
            raise FileError(f"The server did not answer within {ANSWER_SECONDS} s, but may still do it. See its log.") from None
        except (OSError, msgspec.MsgspecError) as error:
            raise FileError(f"The server did not finish ({error}), and may or may not have done it. See its log.") from None


def _connect(connection: socket.socket, path: Path) -> bool:
    if len(bytes(path)) > MAX_PATH:
        return False
    try:
        connection.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except OSError as error:
        raise FileError(
            f"{path} can't be used: {error.strerror}. Use sudo, or name the data directory with --data DIR."
        ) from None
    return True


def _receive(connection: socket.socket, request: Request, progress: ReportProgress) -> Done | Failed:
    with suppress(BrokenPipeError, ConnectionResetError):  # it may have refused already
        connection.sendall(msgspec.json.encode(request) + b"\n")
    with connection.makefile("rb") as lines:
        for line in lines:
            answer = ANSWER_DECODER.decode(line)
            if isinstance(answer, (Done, Failed)):
                return answer
            progress(answer.done, answer.text)
            connection.settimeout(None)
    raise ConnectionResetError("it ended")
