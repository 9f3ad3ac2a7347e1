"""The random drivers of tests/drivers: in a short run all is well, and each finds a fault that is planted."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from tests.drivers import people, saying, sweeping
from tests.drivers.world import World

if TYPE_CHECKING:
    from _typeshed import SupportsLenAndGetItem

T = TypeVar("T")

#: A seed for each driver, and seconds: CI runs each for a minute, with another seed.
SEED, SECONDS = 7, 5

#: Python statements that plant a fault, and what the driver may call it (anything, if there is nothing here).
PLANTED: dict[str, tuple[str, set[str]]] = {
    "store": (
        """
from lanchat.history import pages
whole = pages.replay
def shorter(*args, **options):
    page = whole(*args, **options)
    del page.entries[3:4]
    return page
pages.replay = shorter
""",
        {"a replay is wrong"},
    ),
    "server": (
        """
from lanchat.core.delivery import Delivery
whole = Delivery.show
Delivery.show = lambda self, reader, packet, seq: seq % 50 == 0 or whole(self, reader, packet, seq)
""",
        {"never shown", "never shown to a guest", "never shown to a classic client"},
    ),
    "kill": (
        """
from lanchat.tables import recent
def torn(connection, upto, most):
    rows = connection.execute("SELECT seq FROM fresh WHERE seq <= ? ORDER BY conv, seq LIMIT ?", (upto, most)).fetchall()
    connection.executemany("INSERT INTO kept SELECT * FROM fresh WHERE seq = ?", rows)
    connection.execute("COMMIT")
    connection.execute("BEGIN")
    connection.executemany("DELETE FROM fresh WHERE seq = ?", rows)
    return len(rows)
recent.move_some = torn
""",
        set(),  # a kill may show it in many ways
    ),
}


def drive(driver: str, seconds: int, planted: str = "") -> subprocess.CompletedProcess[str]:
    """Run a driver in a process of its own."""
    run = f"import sys\nsys.argv[1:] = {[driver, '--seconds', str(seconds), '--seed', str(SEED)]}\n"
    code = f"{planted}\n{run}from tests.drivers.__main__ import main\nsys.exit(main())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False)  # noqa: S603 (ours)


@pytest.mark.parametrize("driver", PLANTED)
def test_a_driver_finds_nothing_wrong(driver: str) -> None:
    done = drive(driver, SECONDS)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.startswith(f"{driver}, seed {SEED}: ")
    assert done.stdout.endswith(": all is well\n")


@pytest.mark.parametrize("driver", PLANTED)
def test_a_driver_finds_a_planted_fault_and_says_how_to_see_it_again(driver: str) -> None:
    planted, kinds = PLANTED[driver]
    done = drive(driver, 60, planted)
    assert done.returncode == 1
    told = done.stdout
    assert not kinds or told.splitlines()[0].removeprefix(f"{driver}: ") in kinds
    assert f"again: python -m tests.drivers {driver} --seed {SEED} " in told
    assert told.splitlines()[-2].endswith(": WRONG")


class Last(random.Random):
    """Dice that show the last of what there is."""

    def random(self) -> float:
        """The middle."""
        return 0.5

    def choice(self, seq: SupportsLenAndGetItem[T]) -> T:
        """The last."""
        return seq[len(seq) - 1]


@pytest.mark.parametrize("hours", [0, 25])
def test_the_store_driver_does_not_ask_for_what_a_doubted_clock_makes_old(tmp_path: Path, hours: int) -> None:
    world = World(tmp_path, Last(), lambda text: None)
    people.settle_in(world)
    saying.say(world)
    said = len(world.log.rows)
    sweeping.sweep(world)
    world.time.advance(25 * sweeping.HOUR)
    sweeping.sweep(world)
    world.time.offset += 9 * 24 * sweeping.HOUR  # as if the server had been off
    sweeping.sweep(world)
    assert len(world.log.rows) == said
    world.time.advance(hours * sweeping.HOUR)
    sweeping.sweep(world)
    assert len(world.log.rows) == (0 if hours else said), "it is believed when the server has run for a day"
    world.core.stop()
