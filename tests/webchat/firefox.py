"""Debian's Firefox ESR, driven by WebDriver BiDi over a WebSocket."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.live import PATIENCE, until

#: The keys that tests press, as BiDi names them.
KEYS = {"Enter": "\ue007", "Tab": "\ue004", "Escape": "\ue00c", "ArrowUp": "\ue013", "F5": "\ue035"}


class Firefox:
    """A Firefox with a profile of its own and one tab."""

    def __init__(self, directory: Path) -> None:
        """Start it with a new profile in `directory`; skips the test where there is no Firefox."""
        path = shutil.which("firefox-esr")
        if path is None:
            pytest.skip("there is no Firefox ESR here (Debian: apt install firefox-esr)")
        profile = directory / "profile"
        profile.mkdir()
        command = [path, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
        self._process = subprocess.Popen(  # noqa: S603 (ours)
            command, env=os.environ | {"HOME": str(directory)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._open = ExitStack()
        self._numbers = itertools.count(1)
        #: Errors in the console, and exceptions that nobody caught.
        self.troubles: list[str] = []
        try:
            address = until(lambda: self._address(profile), "Firefox to listen")
            connection = connect(address, max_size=None, origin=None, ping_interval=None, open_timeout=PATIENCE)
            self._socket = self._open.enter_context(connection)
            self.call("session.new", capabilities={})
            self.call("session.subscribe", events=["log.entryAdded"])
            self._tab = self.call("browsingContext.getTree")["contexts"][0]["context"]
        except BaseException:
            self._process.kill()
            self._process.wait(PATIENCE)
            raise

    @staticmethod
    def _address(profile: Path) -> str | None:
        try:
            told = json.loads((profile / "WebDriverBiDiServer.json").read_text())
        except (OSError, ValueError):
            return None
        return f"ws://{told['ws_host']}:{told['ws_port']}/session"

    def call(self, method: str, **params: Any) -> Any:
        """Call a method of WebDriver BiDi; its result. Events that come meanwhile are noted."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(PATIENCE))
            if message["type"] == "event":
                entry = message["params"]
                if entry.get("level") == "error":
                    self.troubles.append(str(entry["text"]))
            elif message.get("id") == number:
                assert message["type"] == "success", f"{method}: {message}"
                return message["result"]

    def open(self, url: str) -> None:
        """Go to an address."""
        self.call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def reload(self) -> None:
        """F5."""
        self.call("browsingContext.reload", context=self._tab, wait="complete")

    def script(self, expression: str) -> Any:
        """The value of an expression in the page, of those that JSON has for itself (a promise is awaited)."""
        target = {"context": self._tab}
        done = self.call("script.evaluate", expression=expression, target=target, awaitPromise=True)
        assert done["type"] == "success", done["exceptionDetails"]["text"]
        return done["result"].get("value")

    def find(self, css: str) -> Any:
        """Wait for an element that can be seen; the first that this selector has."""

        def look() -> Any:
            locator = {"type": "css", "value": css}
            nodes = self.call("browsingContext.locateNodes", context=self._tab, locator=locator, maxNodeCount=1)["nodes"]
            return nodes[0] if nodes and self.script(f"document.querySelector({json.dumps(css)})?.checkVisibility()") else None

        return until(look, css)

    def click(self, css: str) -> None:
        """Press the mouse's button on an element."""
        origin = {"type": "element", "element": {"sharedId": self.find(css)["sharedId"]}}
        move = {"type": "pointerMove", "x": 0, "y": 0, "origin": origin}
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        self._perform({"type": "pointer", "id": "mouse", "actions": [move, *press]})

    def write(self, text: str) -> None:
        """Press keys where the focus is."""
        self._keys(text)

    def press(self, key: str) -> None:
        """Press one key, as `KEYS` has it."""
        self._keys(KEYS[key])

    def _keys(self, keys: str) -> None:
        presses = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._perform({"type": "key", "id": "keyboard", "actions": presses})

    def _perform(self, *actions: dict[str, Any]) -> None:
        self.call("input.performActions", context=self._tab, actions=list(actions))

    def close(self) -> None:
        """Close it, and everything that it has started."""
        try:
            self.call("browser.close")
            self._open.close()
            self._process.wait(PATIENCE)
        finally:
            self._process.kill()
            self._process.wait(PATIENCE)

    def __enter__(self) -> Firefox:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
