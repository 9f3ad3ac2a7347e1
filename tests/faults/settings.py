"""Settings: read markers that an account moves, and ranks that it gives in its rooms."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from tests.faults.events import AnyEvent, Marked, Ranked, conversation, now
from tests.faults.wire import Connection, Packet
from tests.faults.writing import Seat

#: Seconds that an answer may take; and between two changes of a marker or a rank.
PATIENCE, PAUSE = 15.0, 1.0
#: How often it then asks what is remembered.
LOOKS = 0.25
RANKS = ("operator", "voiced", "none")


class Settings:
    """What one device asks the server to remember, beside messages; and whether it did."""

    def __init__(self, seat: Seat, record: Callable[[AnyEvent], None], dice: random.Random) -> None:
        self._seat, self._record, self._dice = seat, record, dice
        self.connection: Connection
        #: Whether nothing waits for an answer.
        self.settled = True
        self._rank: tuple[str, str, str] | None = None  # that is to be given, until it is known whether it is
        self._number = 0
        self._answers: dict[str, asyncio.Future[Packet]] = {}

    async def change(self, place: Callable[[], int], talking: Callable[[], bool]) -> None:
        """Now and then move a marker to `place`, or give a rank, while `talking`; ends only when it is cancelled."""
        while True:
            await asyncio.sleep(self._dice.uniform(0.5, 1.5) * PAUSE)
            if self._rank is not None or (talking() and self._seat.owns and self._dice.random() < 0.5):
                await self._give_rank()
            elif talking():
                await self._move(self._dice.choice(self._seat.convs), place())
            if talking() and self._dice.random() < LOOKS:
                await self.look()

    async def look(self) -> bool:
        """Ask for all markers and ranks, and record them; False when that did not work."""
        at = now()
        listed = await self._ask("/conversations")
        if listed.get("op") != "ok":
            return False
        for row in listed["conversations"]:
            self._marked(at, row["conv"], row["read"], "seen")
        for room in self._seat.owns:
            at, answer = now(), await self._ask("/people", room)
            if answer.get("op") != "ok":
                return False
            for row in answer["people"]:
                self._record(Ranked(at, room, row["name"], row.get("rank", "none"), "seen"))
        return True

    def answered(self, x: Packet) -> bool:
        """Take the answer to what was asked; False if it is about something else."""
        answer = self._answers.pop(x.get("cid", ""), None)
        if answer is not None and not answer.done():
            answer.set_result(x)
        return answer is not None

    async def _move(self, conv: str, seq: int) -> None:
        at, how, self.settled = now(), "info", False
        try:
            how = (await self._ask("/read", conv, seq=seq)).get("op", how)
        finally:
            self.settled = True
            self._marked(at, conv, seq, how)

    def _marked(self, at: int, conv: str, seq: int, how: str) -> None:
        account = self._seat.account
        self._record(Marked(at, account, now(), conversation(conv, account), seq, how))

    async def _give_rank(self) -> None:
        """Give a rank. What is not known to be given is tried again before another: so there is no doubt which is the last."""
        if self._rank is None:
            room = self._dice.choice(sorted(self._seat.owns))
            self._rank = room, self._dice.choice(self._seat.owns[room]), self._dice.choice(RANKS)
        room, account, rank = self._rank
        at, how, self.settled = now(), "info", False
        try:
            how = (await self._ask("/rank", " ".join(self._rank))).get("op", how)
        finally:
            self._record(Ranked(at, room, account, rank, how))
        self._rank, self.settled = (None, True) if how != "info" else (self._rank, False)

    async def _ask(self, command: str, msg: str = "", **x: int) -> Packet:
        """The `x` of the answer to a command; empty if there is none."""
        self._number += 1
        cid = f"setting-{self._number}"
        answer = self._answers[cid] = asyncio.get_running_loop().create_future()
        self.connection.send(command, msg, cid=cid, **x)
        try:
            return await asyncio.wait_for(answer, PATIENCE)
        except asyncio.TimeoutError:
            self.connection.close()
            return {}
        finally:
            self._answers.pop(cid, None)
