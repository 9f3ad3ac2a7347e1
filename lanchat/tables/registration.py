"""A new account: its row, its memberships and its first device, in one transaction."""

from __future__ import annotations

from sqlite3 import Connection
from typing import NamedTuple

from lanchat.model.names import Name
from lanchat.model.session import Account, Role
from lanchat.tables import accounts, rooms
from lanchat.tables.log_command import LogCommand
from lanchat.tables.rooms import Since


class NewAccount(NamedTuple):
    """What `AddAccount` returns: the new account, the rooms that it is in, and how far its device has read."""

    account: Account
    #: By the id of each room that the account is a member of.
    rooms: dict[int, Since]
    #: Up to which place in the log its device has every message; 0 if it was added without a device.
    cursor: int


class AddAccount(LogCommand[NewAccount], frozen=True):
    """Add an account, make it a member of rooms, and enter its first device. Raises as `accounts.add` does."""

    name: Name
    #: The hash of its password.
    password: str
    role: Role
    #: Seconds since the epoch.
    now: int
    #: How many accounts there may be.
    most: float
    #: The ids of rooms; one that was closed meanwhile is left out.
    rooms: tuple[int, ...] = ()
    #: The name of the device on which it was made; None if the administrator made it.
    device: str | None = None
    #: How many devices of an account are kept.
    devices: int = 1

    def run(self, connection: Connection) -> NewAccount:
        """Returns what was made: in one step, so that the account misses nothing that is said in these rooms meanwhile."""
        account = accounts.add(connection, name=self.name, password=self.password, role=self.role, now=self.now, most=self.most)
        there = [room for room in self.rooms if rooms.is_there(connection, room)]
        since = {room: rooms.admit(connection, room, account.id) for room in there}
        if self.device is None:
            return NewAccount(account, since, 0)
        entered = accounts.EnterDevice(account.id, self.device, self.now, self.devices).run(connection)
        return NewAccount(account, since, entered.cursor)
