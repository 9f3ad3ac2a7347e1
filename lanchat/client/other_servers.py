"""Doors: what is at the far end when it is no lanchat server for JSON clients, by the first bytes it sends."""

from __future__ import annotations

from lanchat.protocol.packet import visible

#: Bytes in which it must show; a line that is longer is none of ours.
ENOUGH = 256

_TELNET = "that is lanchat's door for telnet. Use the server's JSON port: 5000, unless its operator chose another"
#: How others begin.
_OTHERS = {
    b"Your name: ": _TELNET,
    b"SSH-": "an SSH server answers there. For the operators' prompt use ssh, for the chat the server's JSON port",
    b"HTTP/": "a web server answers there. Use the JSON port of the lanchat server",
    b"\x15\x03": "the server speaks TLS there: use --tls",
}


def begins_well(data: bytes) -> bool:
    """Whether these first bytes are those of a packet."""
    return data.lstrip()[:1] == b"{"


def met(data: bytes, ended: bool = False) -> str:
    """What sent these first bytes, in words for a person; "" while that can't be told, unless nothing more comes (`ended`)."""
    data = data.lstrip(b"\r\n")
    for beginning, what in _OTHERS.items():
        if data.startswith(beginning):
            return what
    if data and (ended or b"\n" in data or len(data) > ENOUGH):
        return f"what answers there is no lanchat server; it said: {visible(data.decode(errors='replace').strip(), 100)}"
    return ""
