"""The modules of the chat page in a real browser without its views, and a way to the server that tests can cut."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any

from playwright.sync_api import Page

from tests.live import Server, line, login
from tests.webchat.browser import CUT_OFF, OpenWindow, Window

#: Milliseconds that anything may take before its test fails.
PATIENCE_MS = 100_000
PASSWORD = "correct horse"  # noqa: S105 (everybody's)
#: Messages of another program that wait for their acknowledgements, at most.
IN_FLIGHT = 50

_BEGIN = """async () => {
    const { setLanguage } = await import("/common/i18n.js");
    await setLanguage("en");
    const { Model } = await import("/core/model.js");
    globalThis.model = new Model();
    globalThis.heard = [];
    globalThis.notices = [];
    model.onMessage((message) => heard.push(message.text));
    model.onNotice((text) => notices.push(text));
    globalThis.rows = (conv) => model.timeline(conv).rows;
    globalThis.texts = (conv) => rows(conv).filter((row) => row.event === null).map((row) => row.text);
    globalThis.row = (conv, text) => rows(conv).find((row) => row.text === text);
    globalThis.refusal = (promise) => promise.then(() => "", (error) => error.code);
    model.begin();
}"""


class Tab:
    """A page with a model in it: `do` runs JavaScript there, in which `model` is at hand, and what `_BEGIN` defines."""

    def __init__(self, window: Window, page: Page | None = None) -> None:
        self.window, self.page = window, page or window.page
        window.expect_trouble(CUT_OFF)
        self.page.evaluate(_BEGIN)

    def do(self, expression: str, arg: Any = None) -> Any:
        """The value of a JavaScript expression; a promise is waited for. `arg` is a value that it may use."""
        return self.page.evaluate(f"async (arg) => ({expression})", arg)

    def until(self, condition: str, arg: Any = None) -> Any:
        """Wait until a JavaScript expression is true; its value."""
        look = f"""async (arg) => {{
            const end = Date.now() + {PATIENCE_MS};
            let value;
            while (!(value = ({condition}))) {{
                if (Date.now() > end) {{
                    throw new Error("waited in vain in phase " + model.session.phase + JSON.stringify(model.session.reason));
                }}
                await new Promise((resolve) => setTimeout(resolve, 5));
            }}
            return value;
        }}"""
        return self.page.evaluate(look, arg)

    def enter(self, name: str, password: str = "") -> Tab:
        """Come with a name, and log in if there is a password; open the lobby."""
        if password:
            self.do("model.session.login(arg[0], arg[1])", [name, password])
        else:
            self.do("model.session.start(arg)", name)
        return self.open("#lobby")

    def open(self, conv: str) -> Tab:
        """Open a conversation, and wait until it is loaded."""
        self.until("model.session.phase === 'online' && model.commands.length > 0")
        self.do("model.open(arg)", conv)
        self.until("model.timeline(arg).loaded && model.timeline(arg).loading === ''", conv)
        return self

    def say(self, conv: str, *texts: str) -> Tab:
        """Send messages, and wait until all are acknowledged."""
        self.do("arg[1].forEach((text) => model.send(arg[0], text))", [conv, texts])
        self.until("model.unsent === 0")
        return self

    def texts(self, conv: str) -> list[str]:
        """What is said in the rows of a conversation."""
        found: list[str] = self.do("texts(arg)", conv)
        return found

    def sees(self, conv: str, text: str) -> Any:
        """Wait for a message in a conversation; its row."""
        return self.until("row(arg[0], arg[1])", [conv, text])


def document(port: int) -> str:
    """The address of a document in which nothing runs but what a test brings."""
    return f"http://127.0.0.1:{port}/trust"


def open_tab(open_window: OpenWindow, server: Server | Link) -> Tab:
    """A tab of somebody new."""
    return Tab(open_window(document(server.port("browsers"))))


def make_account(server: Server, name: str) -> None:
    """Make an account, as another program does."""
    with login(server.port(), name) as peer:
        peer.say("/register", PASSWORD)
        peer.wait_for("is your account now")


def fill_room(server: Server, name: str, room: str, texts: list[str]) -> None:
    """Let an account say something in a room, and wait until all of it is stored."""
    with login(server.port(), name) as peer:
        peer.say("/hello", "lanchat", v=1, caps=["ack", "id"])
        peer.say("/join", room)
        answered = sent = 0
        while answered < len(texts):
            while sent < len(texts) and sent - answered < IN_FLIGHT:
                peer.send(line(room, texts[sent], cid=f"{sent}"))
                sent += 1
            answered += peer.packet().get("x", {}).get("op") == "ack"


class Link:
    """A way to the server on which every connection can be cut: at once, or after some bytes."""

    def __init__(self, server: Server) -> None:
        self._target = server.port("browsers")
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        #: Bytes that may still go to the server, and come from it; None for any number.
        self.up: int | None = None
        self.down: int | None = None
        self._flows = threading.Event()
        self._flows.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def port(self, kind: str) -> int:
        """The port of this way, as `Server.port`."""
        assert kind == "browsers"
        number: int = self._listener.getsockname()[1]
        return number

    def cut(self) -> None:
        """Reset all connections."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for ends in pairs:
            for end in ends:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def move(self, server: Server) -> None:
        """Lead to another server from now on."""
        self._target = server.port("browsers")
        self.cut()

    def hold(self) -> None:
        """Carry nothing more, and close nothing, until `release`."""
        self._flows.clear()

    def release(self) -> None:
        """Carry everything again; what was held is lost with its connections."""
        self.cut()
        self._flows.set()

    def close(self) -> None:
        """End it."""
        self.release()
        self._listener.close()
        self.cut()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                page, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    page.close()
                    continue
                with self._lock:
                    self._pairs.add((page, server))
                threading.Thread(target=self._carry, args=(page, server, "up"), daemon=True).start()
                threading.Thread(target=self._carry, args=(server, page, "down"), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, way: str) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                self._flows.wait()
                left: int | None = getattr(self, way)
                if left is not None:
                    setattr(self, way, left - len(data))
                target.sendall(data if left is None else data[: max(left, 0)])
                if left is not None and len(data) >= left:
                    setattr(self, way, None)
                    self.cut()
                    return
            target.shutdown(socket.SHUT_WR)
