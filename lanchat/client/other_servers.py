"""Recognizes servers that are not lanchat's JSON port, by the first bytes they send."""

from __future__ import annotations

from lanchat.protocol.packet import visible

#: The most bytes to look at; a longer line is not a packet's beginning.
MAX_FIRST_BYTES = 256

_TELNET = "that is lanchat's telnet port. Use the server's JSON port: 5000, unless its operator chose another"
#: What other servers send first, and the text for the user.
_OTHERS = {
    b"Your name: ": _TELNET,
    b"SSH-": "an SSH server answers there. Use ssh for the operators' prompt, and the server's JSON port for the chat",
    b"HTTP/": "a web server answers there. Use the JSON port of the lanchat server",
    b"\x15\x03": "the server speaks TLS there: use --tls",
}


def is_packet(data: bytes) -> bool:
    """Whether these first bytes begin a packet."""
    return data.lstrip()[:1] == b"{"


def identify(data: bytes, ended: bool = False) -> str:
    """What sent these first bytes, as a text for the user; "" while that is not clear, unless the connection has `ended`."""
    data = data.lstrip(b"\r\n")
    for beginning, what in _OTHERS.items():
        if data.startswith(beginning):
            return what
    if data and (ended or b"\n" in data or len(data) > MAX_FIRST_BYTES):
        return f"that is not a lanchat server; it answered: {visible(data.decode(errors='replace').strip(), 100)}"
    return ""
