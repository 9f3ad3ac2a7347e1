"""Frames of WebSockets (RFC 6455, 5.2) as nearly all are: text messages in one frame each. They are read and written here.

All others, and what is no frame, are for `websockets`, which takes several times as long.
"""

from __future__ import annotations

from struct import Struct

from websockets.frames import Frame, Opcode

try:
    from websockets.speedups import apply_mask
except ImportError:  # where it was installed without a C compiler
    from websockets.utils import apply_mask

#: The first byte of a text message in one frame. The second has the length, or says that it is in the next 2 or 8 bytes; and
#: whether a mask follows, as it does in all frames of clients.
_WHOLE_TEXT, _WHOLE_BINARY = 0x80 | Opcode.TEXT, 0x80 | Opcode.BINARY
_MASKED, _IN_2, _IN_8 = 0x80, 126, 127
_SHORT = [bytes((_WHOLE_TEXT, size)) for size in range(_IN_2)]
_MEDIUM, _LONG = Struct("!BBH").pack, Struct("!BBQ").pack


def read_messages(data: bytes) -> tuple[list[bytes], int]:
    """The text messages at the beginning that are complete in one frame each, and where the first other frame begins."""
    messages: list[bytes] = []
    at, end = 0, len(data)
    while at + 8 <= end and data[at] == _WHOLE_TEXT and data[at + 1] >= _MASKED:
        size, begin = data[at + 1] - _MASKED, at + 6
        if size == _IN_2:
            size, begin = data[at + 2] << 8 | data[at + 3], at + 8
        stop = begin + size
        if size == _IN_8 or stop > end:
            break
        messages.append(apply_mask(data[begin:stop], data[begin - 4 : begin]))
        at = stop
    return messages, at


def size_from_client(frame: Frame) -> int:
    """The bytes of a frame from a client, with its head, if the length was written in as few as possible."""
    size = len(frame.data)
    return size + (6 if size < _IN_2 else 8 if size < 65536 else 14)


def write_message(text: bytes) -> bytes:
    """A text message from the server in one frame."""
    size = len(text)
    if size < _IN_2:
        return _SHORT[size] + text
    return (_MEDIUM(_WHOLE_TEXT, _IN_2, size) if size < 65536 else _LONG(_WHOLE_TEXT, _IN_8, size)) + text


def write_binary_message(data: bytes) -> bytes:
    """A binary message from the server in one frame."""
    return bytes((_WHOLE_BINARY,)) + write_message(data)[1:]
