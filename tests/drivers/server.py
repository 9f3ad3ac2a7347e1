"""The server driver: the whole server without sockets, clients that do all that the protocol allows, and lines that break."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.drivers import acts, coming, troubles, verdict
from tests.drivers.place import Server
from tests.drivers.rounds import Note

#: What may be done, and how often it is, among the others.
ACTIONS: dict[Callable[[Server], None], int] = {
    acts.say: 60,
    acts.edit: 10,
    acts.flow: 40,
    acts.rest: 4,
    acts.hold: 8,
    acts.cut: 8,
    acts.reconnect: 12,
    acts.slow_down: 6,
    acts.start_again: 4,
    troubles.fill: 5,
    troubles.make_room: 10,
    troubles.flicker: 3,
    troubles.crash: 1,
    troubles.restart: 1,
    coming.move: 4,
    coming.close_room: 1,
    coming.visit: 3,
    coming.guest_comes: 3,
    coming.guest_goes: 2,
    coming.register: 2,
    acts.classic_goes: 3,
    acts.stop_reading: 2,
}
#: Those that are done in every round; of the others each round has about half.
ALWAYS = {acts.say, acts.flow, acts.reconnect, troubles.make_room}


class ServerDriver:
    """One round."""

    def __init__(self, directory: Path, dice: random.Random, note: Note) -> None:
        self._dice = dice
        chosen = [action for action in ACTIONS if action in ALWAYS or dice.random() < 0.5]
        self._actions, self._weights = chosen, [ACTIONS[action] for action in chosen]
        note(f"a round of {', '.join(action.__name__ for action in chosen)}")
        self._server = Server(directory, dice, note)
        self.counts: Counter[str] = self._server.counts

    def step(self) -> None:
        """Do one thing."""
        (action,) = self._dice.choices(self._actions, self._weights)
        action(self._server)
        self._server.pump(0.05)
        self.counts["steps"] += 1

    def end(self) -> None:
        """Let all heal, and compare what everybody saw with what is in the log."""
        verdict.heal(self._server)
        verdict.compare(self._server)
        self._server.core.stop()
