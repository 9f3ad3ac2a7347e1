"""Reading rights: both sides of a private conversation may read it from its first message on."""

from __future__ import annotations

from contextlib import suppress

from lanchat.core.delivery import Delivery
from lanchat.model.session import Account, Session
from lanchat.protocol.errors import NotStored
from lanchat.tables.accounts import AllowReading


class ReadingRights:
    """Gives accounts the right to read the private conversations that they are a side of, and stores it."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery
        self._unstored: set[tuple[int, str]] = set()  # accounts and conversations: rights that may not be on the disk yet

    def allow(self, session: Session, account: Account, conv: str) -> None:
        """Let an account read a conversation, before a message of this session's is handed to the store.

        Until the right is known to be on the disk, it is stored before each message. So if it can't be stored, neither can the
        message behind it; but later ones can.
        """
        if conv not in account.conversations or (account.id, conv) in self._unstored:
            account.conversations.setdefault(conv, 0)
            self._unstored.add((account.id, conv))
            session.client.perform(self._store(account.id, conv), hold=False)

    async def _store(self, account: int, conv: str) -> None:
        with suppress(NotStored):
            await self._delivery.store.write(AllowReading(account, conv))
            self._unstored.discard((account, conv))
