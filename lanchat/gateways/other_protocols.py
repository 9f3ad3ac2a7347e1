"""Other protocols: how they begin, and the answer to a client that speaks one on a port of the chat."""

from __future__ import annotations

import re

#: How a TLS record with a ClientHello begins (RFC 8446, 5.1). It has no line end, so the first bytes are compared with it.
TLS_HELLO = b"\x16\x03"

_OURS = {
    "json": "for programs that send JSON packets",
    "tls": "for JSON packets over TLS",
    "telnet": "for people who type lines, with telnet or nc",
    "irc": "for IRC clients",
    "ircs": "for IRC clients over TLS",
}
#: How the protocols begin. A telnet client that speaks first asks for an option, or offers one.
BEGINNING = re.compile(
    rb"(?P<SSH>SSH-\d+\.\d+-)|(?P<HTTP>[A-Z]{3,20} \S+ HTTP/\d)|(?P<TLS>\x16\x03)|(?P<telnet>\xff[\xfa-\xfd])"
    rb"|(?P<IRC>(?:CAP|PASS|NICK|USER) \S)"
)
_INSTEAD = {
    "SSH": "The operators' prompt, if enabled, has its own port (--manhole)",
    "HTTP": "The chat page, if enabled, has its own port (--http), and so have health and metrics (--web)",
    "TLS": "TLS has its own port (--tls; --ircs for IRC clients)",
    "IRC": "IRC clients, if enabled, have their own ports (--irc, and --ircs for TLS)",
    "telnet": "Use the client `lanchat`, or the --telnet port",
}
#: The answer to what is no HTTP on the port of the chat page.
BROWSERS_ONLY = (
    "This is lanchat's port for browsers, which speak HTTP. Programs that send packets, telnet and TLS have ports of their own "
    "(--port, --telnet, --tls, --https)."
)
_HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"


def answer(begins: re.Match[bytes], gateway: str) -> tuple[bytes, str]:
    """The answer to a client that `begins` with another protocol, and bytes that have to come before it to be understood."""
    protocol = str(begins.lastgroup)
    told = f"This is lanchat's port {_OURS[gateway]}; it does not speak {protocol}. {_INSTEAD[protocol]}."
    speaks_first = gateway == "telnet"  # (then it is too late)
    first = {"HTTP": _HTTP, "IRC": f"ERROR :{told}\r\n".encode()}.get(protocol, b"")
    return b"" if speaks_first else first, told
