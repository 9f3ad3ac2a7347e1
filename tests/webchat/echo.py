"""A page of a few lines and a WebSocket that sends everything back, for the drivers of browsers; `python echo.py HOST`."""

from __future__ import annotations

import sys

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
PAGE = """<!DOCTYPE html><html lang="en"><title>Echo</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width">
<main><textarea aria-label="Message"></textarea><ul></ul><output></output></main>
<script type="module" src="/echo.js"></script>"""
SCRIPT = """
const ws = new WebSocket("/ws/1");
const field = document.querySelector("textarea");
const waiting = [];
ws.onopen = () => waiting.forEach((text) => ws.send(text));
ws.onmessage = (event) => { document.querySelector("output").textContent = event.data; };
field.onkeydown = (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    if (ws.readyState === 1) ws.send(field.value);
    else waiting.push(field.value);
    field.value = "";
    document.querySelector("ul").append(Object.assign(document.createElement("li"), { textContent: "sent" }));
};
"""
FILES = {"/": ("text/html; charset=utf-8", PAGE), "/echo.js": ("text/javascript", SCRIPT)}


def answer(_: ServerConnection, request: Request) -> Response | None:
    """A file, or nothing for the WebSocket."""
    if request.path not in FILES:
        return None
    kind, text = FILES[request.path]
    body = text.encode()
    headers = Headers(
        {"Content-Type": kind, "Content-Length": str(len(body)), "Content-Security-Policy": POLICY, "Connection": "close"}
    )
    return Response(200, "OK", headers, body)


def echo(connection: ServerConnection) -> None:
    """Send everything back."""
    for message in connection:
        connection.send(message)


if __name__ == "__main__":
    with serve(echo, sys.argv[1], 0, process_request=answer) as server:
        sys.stdout.write(f"http://{sys.argv[1]}:{server.socket.getsockname()[1]}/\n")
        sys.stdout.flush()
        server.serve_forever()
