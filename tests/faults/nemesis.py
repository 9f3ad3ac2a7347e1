"""Nemesis: what is done to the server, to its disk, and to the network, and when."""

from __future__ import annotations

import asyncio
import json
import random
import signal
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator

from tests.faults.events import ADMINISTRATOR, AnyEvent, Fault, Outside, Read, conversation, digest, now
from tests.faults.proxy import Proxy
from tests.faults.subject import Subject

#: Seconds: so old are the oldest answers that a cut takes with it.
ANSWERS = 0.3
#: Seconds in which a line that is fast again carries what waited for it.
CATCH_UP = 2.0
#: What an export has beside messages; an edit is in the message.
NOT_SAID = frozenset({"event", "withdraw", "react"})
#: So often the disk is full between two kills when it is about that.
MOMENTS = 3


class Nemesis:
    """Harm, and the end of it: each fault is over when its coroutine is."""

    def __init__(
        self, subject: Subject, proxy: Proxy, record: Callable[[AnyEvent], None], dice: random.Random, longest: float
    ) -> None:
        """A fault that lasts takes at most `longest` seconds."""
        self._subject, self._proxy, self._record, self._dice, self._longest = subject, proxy, record, dice, longest
        disk = [self.full_disk] if subject.disk.own else []
        self.faults = [
            self.stop, self.cut, self.truncate, self.stall, self.slow, self.write_errors, self.read_from_outside, *disk,
        ]  # fmt: skip

    async def torment(self, kills: int, seconds: float, tell: Callable[[str], None]) -> None:
        """Kill the server so many times in about so many seconds; between two kills, or through one, comes another fault."""
        others, pause, begun = self._in_turn(), seconds / kills, now()
        for kill in range(kills):
            tell(f"{kill} of {kills} kills")
            await asyncio.sleep(self._dice.uniform(0.1, 0.4) * pause)
            fault = next(others)
            other = asyncio.ensure_future(fault())
            if fault == self.slow:  # a kill would break the lines before anything waits for them
                await other
            await asyncio.sleep(max(0, (kill + self._dice.uniform(0.7, 1)) * pause - (now() - begun) / 1e9))
            await self.kill()
            await other

    async def brim(self, kills: int, tell: Callable[[str], None]) -> None:
        """Only let the disk be full for moments while all are talking, some before each of so many kills."""
        for kill in range(kills):
            tell(f"{kill} of {kills} kills")
            for _ in range(MOMENTS):
                await asyncio.sleep(self._dice.uniform(0.5, 1))
                await self.full_disk(self._dice.uniform(0.05, 0.4))
            await self.kill()

    async def kill(self) -> None:
        """Kill -9, and start it anew after a moment, or at once. Half of the times its last answers are lost with it.

        One of three times it is killed once more in the middle of its start, when it opens its log; and one of three times
        an administrator reads from outside as soon as it is back.
        """
        if self._dice.random() < 0.5:
            await self._proxy.cut(under_way=ANSWERS)
        self._note("kill")
        await self._subject.end()
        self._subject.disk.free()
        await asyncio.sleep(self._dice.choice([0, 0.3]))
        await self._subject.start()
        if self._dice.random() < 1 / 3:
            await asyncio.sleep(self._dice.uniform(0, 0.1))
            self._note("kill at start")
            await self._subject.end()
            await self._subject.start()
        await self._subject.serving()
        if self._dice.random() < 1 / 3:
            await self.read_from_outside()

    async def read_from_outside(self) -> None:
        """An administrator exports everything, makes a backup, or checks all, beside the server."""
        self._note("reader from outside")
        command = self._dice.choice(["export", "export", "backup", "check"])
        copy = self._subject.data.with_name("copy.db")
        at = now()
        status, out, error = await self._subject.administrate(command, *([str(copy)] if command == "backup" else []))
        copy.unlink(missing_ok=True)
        self._record(Outside(at, command, status, error.strip()))
        if command == "export" and not status:
            for conv, entries in exported(out).items():
                self._record(Read(at, ADMINISTRATOR, conv, 0, now(), entries))

    async def stop(self) -> None:
        """SIGSTOP for a while: its peers can't tell it from a cut cable."""
        self._note("stop")
        self._subject.send(signal.SIGSTOP)
        await self._a_while()
        self._subject.send(signal.SIGCONT)

    async def cut(self) -> None:
        """Reset some connections, or all, with the answers that are under way."""
        self._note("cut")
        await self._proxy.cut(self._share(), ANSWERS)

    async def truncate(self) -> None:
        """End some connections, or all, in the middle of a line."""
        self._note("truncate")
        self._proxy.truncate(self._share())

    async def stall(self) -> None:
        """Nothing gets through on some connections, or all, for a while."""
        self._note("stall")
        await self._proxy.stall(self._dice.uniform(0.3, 1) * self._longest, self._share())

    async def slow(self) -> None:
        """Some connections carry little to their clients until much waits in the server; then they break, or are fast."""
        self._note("slow")
        rate = self._dice.choice([5000, 8000, 20_000])
        share, breaks = self._dice.choice([0.2, 0.4]), self._dice.random() < 0.6  # the others talk on
        await self._proxy.slow(rate, self._dice.uniform(1, 2) * self._longest, share, breaks)
        if not breaks:
            await asyncio.sleep(CATCH_UP)

    async def full_disk(self, seconds: float | None = None) -> None:
        """There is no room left for a while. Some of those to whom something was refused in the end never hear of it."""
        self._note("full disk")
        self._subject.disk.fill()
        await (self._a_while() if seconds is None else asyncio.sleep(seconds))
        await asyncio.gather(self._recover(self._subject.disk.free, "room again"), self._proxy.cut(self._share(), ANSWERS))

    async def write_errors(self) -> None:
        """Each write that would make a file longer is an error for a while (EFBIG, an I/O error to SQLite); the same."""
        self._note("write errors")
        self._subject.limit_files()
        await self._a_while()
        heal = self._subject.unlimit_files
        await asyncio.gather(self._recover(heal, "no more write errors"), self._proxy.cut(self._share(), ANSWERS))

    async def _recover(self, heal: Callable[[], None], note: str) -> None:
        """Heal the disk while answers are held back that will be lost: what is said now is stored, what was said was not."""
        await asyncio.sleep(self._dice.uniform(0, ANSWERS))
        heal()
        self._note(note)

    def _in_turn(self) -> Iterator[Callable[[], Awaitable[None]]]:
        """The faults in an order that is never the same; each has its turn."""
        while True:
            yield from self._dice.sample(self.faults, len(self.faults))

    def _share(self) -> float:
        return self._dice.choice([0.3, 0.6, 1.0])

    async def _a_while(self) -> None:
        await asyncio.sleep(self._dice.uniform(0.3, 1) * self._longest)

    def _note(self, kind: str) -> None:
        self._record(Fault(now(), kind))


def exported(text: str) -> dict[str, list[tuple[int, str, str]]]:
    """The lines of an export about what was said, as entries of the conversations."""
    found: dict[str, list[tuple[int, str, str]]] = defaultdict(list)
    for line in text.splitlines():
        said = json.loads(line)
        if said.get("kind") in NOT_SAID:
            continue
        to, sender = said["to"], said["from"]
        conv = to if to.startswith("#") else conversation(f"@{to}", sender)
        found[conv].append((said["seq"], sender, digest(said["msg"])))
    return found
