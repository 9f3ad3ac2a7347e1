"""The store driver: the real store with its threads and its files, beside a dict of what must be in it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.drivers import asking, changing, ending, people, saying, sweeping
from tests.drivers.outside import outside
from tests.drivers.rounds import Note
from tests.drivers.world import World

#: What may be done, and how often it is, among the others.
ACTIONS: dict[Callable[[World], None], int] = {
    saying.say: 40,
    saying.full: 4,
    changing.change: 12,
    changing.check_texts: 4,
    changing.clean: 1,
    asking.page: 15,
    asking.owed: 8,
    asking.look_for: 6,
    people.come: 4,
    people.go: 6,
    people.crowd: 2,
    people.decide: 3,
    people.read: 5,
    people.erase: 2,
    ending.restart: 3,
    ending.crash: 3,
    ending.back_up: 3,
    ending.restore: 2,
    ending.begin_epoch: 1,
    ending.save: 3,
    sweeping.wait: 4,
    sweeping.set_clock: 2,
    sweeping.sweep: 6,
    sweeping.sweep_room: 2,
    sweeping.sweep_all: 1,
    outside: 1,
}
#: Those that are done in every round; of the others each round has about half, so that rounds differ in what they try.
ALWAYS = {saying.say, asking.page, asking.owed, people.come}


class StoreDriver:
    """One round."""

    def __init__(self, directory: Path, dice: random.Random, note: Note) -> None:
        self._dice = dice
        self._world = World(directory, dice, note)
        self.counts: Counter[str] = self._world.counts
        chosen = [action for action in ACTIONS if action in ALWAYS or dice.random() < 0.5]
        self._actions, self._weights = chosen, [ACTIONS[action] for action in chosen]
        note(f"a round of {', '.join(action.__name__ for action in chosen)}")
        people.settle_in(self._world)

    def step(self) -> None:
        """Do one thing."""
        (action,) = self._dice.choices(self._actions, self._weights)
        action(self._world)
        self.counts["steps"] += 1
        if self._dice.random() < 0.1:
            self._world.look()

    def end(self) -> None:
        """Look once more at all, before and after a restart."""
        self._world.look()
        self._world.indexed()
        ending.restart(self._world)
        self._world.core.stop()
