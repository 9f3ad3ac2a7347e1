"""A thread for each client, as in many a first chat server: one `recv` is taken for one object, as nothing frames them.

`python threads.py PORT`. The first bytes are a name; each object after it goes to the user `to`, or if that is "/shout" to all
others.
"""

from __future__ import annotations

import json
import socket
import sys
import threading

SIZE = 65536
here: dict[str, socket.socket] = {}
#: Two threads that write to one socket at the same time would mix their bytes.
lock = threading.Lock()


def relay(sender: str, data: bytes) -> None:
    """Pass one object on to whom it is for."""
    packet = json.loads(data)
    packet["from"]["name"] = sender
    form = json.dumps(packet).encode()
    with lock:
        others = [there for name, there in here.items() if name != sender]
        for there in others if packet["to"] == "/shout" else filter(None, [here.get(packet["to"])]):
            there.sendall(form)


def serve(client: socket.socket) -> None:
    """One client's thread, from its name to its end."""
    name = client.recv(SIZE).decode()
    with lock:
        here[name] = client
    while data := client.recv(SIZE):
        relay(name, data)
    with lock:
        del here[name]


if __name__ == "__main__":
    threading.stack_size(256 * 1024)
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096) as door:
        while True:
            accepted, _ = door.accept()
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=serve, args=(accepted,), daemon=True).start()
