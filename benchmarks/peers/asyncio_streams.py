"""asyncio's streams, a coroutine for each client: JSON on lines, relayed by name. `python asyncio_streams.py PORT`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys

here: dict[str, asyncio.StreamWriter] = {}


async def relay(sender: str, line: bytes) -> None:
    """Pass one packet on to whom it is for, and wait while one of them does not read."""
    packet = json.loads(line)
    packet["from"]["name"] = sender
    form = json.dumps(packet).encode() + b"\n"
    others = [there for name, there in here.items() if name != sender]
    for there in others if packet["to"] == "/shout" else filter(None, [here.get(packet["to"])]):
        there.write(form)
        await there.drain()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client, from its name to its end."""
    name = (await reader.readline()).decode().strip()
    here[name] = writer
    writer.write(b"Welcome\n")
    with contextlib.suppress(ConnectionError):
        while line := await reader.readline():
            await relay(name, line)
    del here[name]
    writer.close()


async def main() -> None:
    """Listen until the end."""
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
