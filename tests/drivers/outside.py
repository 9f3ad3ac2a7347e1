"""Readers from outside in the store driver: lanchat-admin runs beside the server while people talk."""

from __future__ import annotations

import json
import subprocess
from time import sleep

from lanchat.protocol.entry import EDIT
from tests.drivers.saying import say
from tests.drivers.world import World
from tests.drivers.wrong import check, same
from tests.live import SCRIPTS

#: Seconds that a command may take.
PATIENCE = 60.0
#: Messages that are said while a command begins, one after the other, and seconds between them.
TALK, PAUSE = 40, 0.008


def outside(world: World) -> None:
    """Export, check or back up from outside while the server runs and people talk."""
    file = world.directory / f"copy{world.next()}"
    for words in world.dice.sample([["export"], ["check"], ["backup", str(file)]], world.dice.choice([1, 2])):
        world.note(f"lanchat-admin {words[0]} beside the server")
        before = sorted(world.log.rows)
        command = [str(SCRIPTS / "lanchat-admin"), "--data", str(world.core.directory), *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603 (ours)
        try:
            for _ in range(TALK):
                say(world)
                sleep(PAUSE)
            out, error = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        check(process.returncode == 0, "a command from outside fails", f"{words[0]}: {error.decode()}")
        if words == ["export"]:
            lines = {line["seq"]: line["msg"] for line in map(json.loads, out.splitlines())}
            rows = world.log.rows
            there = [seq for seq, row in sorted(rows.items()) if row.kind != EDIT or row.about not in rows]
            whole = len(lines) >= len(set(before).intersection(there)) and [*lines] == there[: len(lines)]
            check(whole, "an export is wrong", f"{len(lines)} rows; there were {len(before)}, and are {len(rows)}")
            for seq in [seq for seq in lines if rows[seq].about is None]:
                same(lines[seq], world.log.text(seq), "an export has another text", f"of {seq}")
    world.counts["readers from outside"] += 1
    file.unlink(missing_ok=True)
