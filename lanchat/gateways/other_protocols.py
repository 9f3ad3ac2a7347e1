"""Foreign: other protocols, known by how they begin, and what is said to those who try them on a port of ours."""

from __future__ import annotations

import re

#: How a TLS record with a ClientHello begins (RFC 8446, 5.1): it needs no line end, so it is looked for in the first bytes.
TLS_HELLO = b"\x16\x03"

_OURS = {
    "json": "for programs that send JSON packets",
    "tls": "for JSON packets over TLS",
    "telnet": "for people who type lines, with telnet or nc",
}
#: How they begin. A telnet that speaks first has an option to ask for, or one to offer.
BEGINNING = re.compile(
    rb"(?P<SSH>SSH-\d+\.\d+-)|(?P<HTTP>[A-Z]{3,20} \S+ HTTP/\d)|(?P<TLS>\x16\x03)|(?P<telnet>\xff[\xfa-\xfd])"
)
_INSTEAD = {
    "SSH": "The operators' prompt, if there is one, has a port of its own (--manhole)",
    "HTTP": "Health and metrics, if they are served, have a port of their own (--web)",
    "TLS": "With TLS it has another port (--tls)",
    "telnet": "People use the client `lanchat`, or the port of --telnet",
}
_HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"


def answer(begins: re.Match[bytes], gateway: str) -> tuple[bytes, str]:
    """What to tell who began so at a gateway where that is not spoken; and bytes without which it would not be shown."""
    protocol = str(begins.lastgroup)
    told = f"This is lanchat's port {_OURS[gateway]}, and no {protocol} is spoken here. {_INSTEAD[protocol]}."
    speaks_first = gateway == "telnet"  # (then it is too late)
    return _HTTP if protocol == "HTTP" and not speaks_first else b"", told
