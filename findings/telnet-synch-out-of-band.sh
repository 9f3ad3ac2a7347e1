#!/usr/bin/env bash
# Twisted 26.10.0 on Linux: twisted.conch.telnet ends the connection of whoever sends a telnet Synch.
#
# Expected: a Synch (RFC 854: the byte DM of "IAC DM" is sent as TCP urgent data) leaves the text behind it as it is.
# Behaves: Linux takes the urgent byte out of the stream unless SO_OOBINLINE is set (tcp(7)), which Twisted does not set. Of IAC DM
#   the IAC is left, so the next letter is taken for a telnet command, and conch raises ValueError("Stumped", b"h"): the connection
#   is closed, and nothing of the text arrives. inetutils' telnet sends a Synch for `send synch`, and some do at Ctrl-C.
# Seen: without SO_OOBINLINE: b'' (Stumped); with it: b'hello'
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install 'Twisted[conch]==26.10.0'
"$work/venv/bin/python" - <<'PY'
import socket

from twisted.conch.telnet import TelnetProtocol, TelnetTransport
from twisted.internet import reactor
from twisted.internet.protocol import Factory

seen, why = {}, {}


class Reader(TelnetProtocol):
    def connectionMade(self):
        self.text = b""
        inline = not seen  # the connections come one after the other: the first with the option, the second without
        self.inline = inline
        seen[inline] = None
        if inline:
            self.transport.transport.getHandle().setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)

    def dataReceived(self, data):
        self.text += data

    def unhandledCommand(self, command, argument):
        pass

    def connectionLost(self, reason):
        seen[self.inline] = self.text.strip()
        why[self.inline] = reason.getErrorMessage()
        if None not in seen.values() and len(seen) == 2:
            reactor.stop()


def say(port):
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(b"\xff")
        peer.send(b"\xf2", socket.MSG_OOB)
        peer.sendall(b"hello\r\n")


factory = Factory.forProtocol(lambda: TelnetTransport(Reader))
port = reactor.listenTCP(0, factory, interface="127.0.0.1").getHost().port
reactor.callInThread(lambda: [say(port), reactor.callFromThread(reactor.callLater, 0.5, reactor.callInThread, say, port)])
reactor.callLater(10, reactor.stop)
reactor.run()
stumped = "Stumped" if "Stumped" in why[False] else why[False]
print(f"without SO_OOBINLINE: {seen[False]!r} ({stumped}); with it: {seen[True]!r}")
assert (seen[False], stumped, seen[True]) == (b"", "Stumped", b"hello")
PY
