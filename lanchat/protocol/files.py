"""A file that goes with a message, as a value: its name, type, size and digest, and how people read its size."""

from __future__ import annotations

import re

import msgspec

from lanchat.protocol.errors import Usage
from lanchat.protocol.packet import visible

#: The longest name of a file, in bytes of UTF-8 (as most file systems allow).
MAX_FILE_NAME = 255
#: What is taken out of names: separators of paths, and characters that some systems forbid in names of files.
_NOT_IN_NAMES = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
#: The name of a file that has none left when that is taken out.
UNNAMED = "file"
#: The type of a file of which the bytes are none that are shown in a page.
ANY_TYPE = "application/octet-stream"


class FileInfo(msgspec.Struct, frozen=True, gc=False):
    """What is known of a file. Its bytes are kept by their digest, so the same file that was sent twice is kept once."""

    name: str
    #: The media type that its first bytes show, such as `image/png`; `ANY_TYPE` for all that is only downloaded.
    type: str
    #: Its size in bytes.
    size: int
    #: The SHA-256 of its bytes, in hexadecimal digits.
    digest: str
    #: The width and height of a picture in pixels, as the sender says; 0 if they are not known.
    width: int = 0
    height: int = 0
    #: The digest, type and size of a thumbnail of it, which the sender's program made; "" and 0 if there is none.
    thumb: str = ""
    thumb_type: str = ""
    thumb_size: int = 0
    #: The address of a sender without an account, whose files are counted together; "" if an account sent it.
    address: str = ""


def clean_name(text: str) -> str:
    """A name for a file as it is kept and shown: one line without directories, dots at its ends, or what can't be shown.

    A name that is too long loses the end of what is before its suffix.
    """
    shown = visible(_NOT_IN_NAMES.sub("_", text.encode(errors="replace").decode()))
    # `visible` writes what can't be shown with a backslash, which some systems take for a directory.
    name = _NOT_IN_NAMES.sub("_", shown).strip(" .")
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix.encode()) > 20:
        stem, dot, suffix = name, "", ""
    room = MAX_FILE_NAME - len((dot + suffix).encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + suffix or UNNAMED


def check_caption(text: str) -> str:
    """The text that goes with a file, without blanks around it; raises `Usage` for lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Usage("Nothing was sent: the text has lone surrogates.") from None
    return text.strip()


def format_size(size: int) -> str:
    """A size in bytes as people read it: `814 bytes`, `2.1 MB` (of 1,000,000 bytes)."""
    if size < 1000:
        return f"{size} bytes" if size != 1 else "1 byte"
    for unit, step in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if size < step * 999.5 or unit == "GB":
            amount = size / step
            return f"{amount:.0f} {unit}" if amount >= 100 else f"{amount:.3g} {unit}"
    raise AssertionError("there is a unit for every size")
