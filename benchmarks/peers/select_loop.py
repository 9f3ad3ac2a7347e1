"""One loop over `select`: JSON on lines, relayed by name. `python select_loop.py PORT`.

`select` knows no descriptor above 1,023, and each turn costs as much as there are clients.
"""

from __future__ import annotations

import json
import select
import socket
import sys

SIZE = 65536


class Client:
    """A socket, with what came of the next line and what waits to be sent."""

    def __init__(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket, self.name, self.unread, self.unsent = accepted, "", b"", bytearray()

    def fileno(self) -> int:
        """What `select` asks for."""
        return self.socket.fileno()

    def send(self) -> None:
        """Send what waits, as much as goes."""
        try:
            del self.unsent[: self.socket.send(self.unsent)]
        except BlockingIOError:
            return


class Loop:
    """The listening socket and everybody who came through it."""

    def __init__(self, door: socket.socket) -> None:
        self.door, self.clients, self.here = door, set[Client](), dict[str, Client]()

    def turn(self) -> None:
        """Wait until something can be done, and do it."""
        everyone: list[socket.socket | Client] = [self.door, *self.clients]
        readable, writable, _ = select.select(everyone, [client for client in self.clients if client.unsent], [])
        for client in writable:
            client.send()
        for one in readable:
            if isinstance(one, Client):
                self.read(one)
            else:
                self.clients.add(Client(one.accept()[0]))
        for client in [client for client in self.clients if client.unsent]:
            client.send()

    def read(self, client: Client) -> None:
        """Take what has come, line by line."""
        chunk = client.socket.recv(SIZE)
        if not chunk:
            self.clients.discard(client)
            self.here.pop(client.name, None)
            client.socket.close()
            return
        *lines, client.unread = (client.unread + chunk).split(b"\n")
        for line in lines:
            self.line(client, line)

    def line(self, client: Client, line: bytes) -> None:
        """The first line is the name; each further one goes to whom it is for."""
        if not client.name:
            client.name = line.decode()
            self.here[client.name] = client
            client.unsent += b"Welcome\n"
            return
        packet = json.loads(line)
        packet["from"]["name"] = client.name
        form = json.dumps(packet).encode() + b"\n"
        others = [there for there in self.here.values() if there is not client]
        for there in others if packet["to"] == "/shout" else filter(None, [self.here.get(packet["to"])]):
            there.unsent += form


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096) as listening:
        loop = Loop(listening)
        while True:
            loop.turn()
