"""Twisted as its tutorials show it, `LineOnlyReceiver` and its `sendLine`: JSON on lines, relayed by name.

`python plain_twisted.py PORT`.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.protocol import ServerFactory, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure


class Chat(LineOnlyReceiver):
    """One client."""

    delimiter = b"\n"
    name = ""

    def __init__(self, here: dict[str, Chat]) -> None:
        self.here = here

    def connectionMade(self) -> None:
        """What is small goes out at once."""
        transport: Any = self.transport
        transport.setTcpNoDelay(True)

    def lineReceived(self, line: bytes) -> None:
        """The first line is the name; each further one goes to whom it is for."""
        if self.name:
            self.relay(json.loads(line))
        else:
            self.name = line.decode()
            self.here[self.name] = self
            self.sendLine(b"Welcome")

    def relay(self, packet: dict[str, Any]) -> None:
        """Pass one packet on."""
        packet["from"]["name"] = self.name
        form = json.dumps(packet).encode()
        others = [there for there in self.here.values() if there is not self]
        for there in others if packet["to"] == "/shout" else filter(None, [self.here.get(packet["to"])]):
            there.sendLine(form)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It has gone."""
        self.here.pop(self.name, None)


class Room(ServerFactory):
    """Everybody who is here."""

    def __init__(self) -> None:
        self.here: dict[str, Chat] = {}

    def buildProtocol(self, addr: object) -> Chat:
        """A client came."""
        return Chat(self.here)


if __name__ == "__main__":
    reactor.listenTCP(int(sys.argv[1]), Room(), backlog=4096, interface="127.0.0.1")
    reactor.run()
