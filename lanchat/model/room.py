"""Room: one room in memory, and how the names of rooms are compared."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.model.names import Name, is_valid, key, parse, skeletons
from lanchat.model.room_rules import Rank, RoomRules
from lanchat.model.session import Account, Role, Session
from lanchat.protocol.errors import BadName

#: The first character of the names of rooms.
MARK = "#"
#: Characters of a topic, at most.
MAX_TOPIC = 300


class Room:
    """One room: its name, its members, and the sessions in it."""

    __slots__ = (
        "conv",
        "created",
        "guest_ranks",
        "guests_invited",
        "id",
        "invited",
        "key",
        "members",
        "name",
        "owner",
        "private",
        "ranks",
        "rules",
        "sessions",
        "topic",
        "topic_at",
        "topic_by",
    )

    def __init__(  # noqa: PLR0913, PLR0917 (a row)
        self,
        id: int,  # noqa: A002 (it is one)
        name: str,
        owner: int | None,
        private: bool = False,
        topic: str = "",
        kept: str = "",
        rules: RoomRules | None = None,
    ) -> None:
        """`kept` is the key in the database, if that is not the one that the name has by today's rules."""
        self.id = id
        #: Its name, with the `#`.
        self.name = name
        #: The key of its name, which is the same for all spellings of it.
        self.key = kept or room_key(name)
        #: The name of its conversation in the log.
        self.conv = f"r{id}"
        #: The number of the account that made it; None if a guest did, or there is no such account any more.
        self.owner = owner
        #: Whether only the invited may enter.
        self.private = private
        self.rules = rules or RoomRules(secret=private)
        self.topic = topic
        #: When it was made, in seconds since 1970.
        self.created = 0
        #: The name of who set the topic, and when, in seconds since 1970; "" and 0 if that is not known.
        self.topic_by, self.topic_at = "", 0
        #: The ranks of accounts, by their numbers, also of those who are no members now; and those of guests who are in it.
        self.ranks: dict[int, Rank] = {}
        self.guest_ranks: dict[Session, Rank] = {}
        #: The members by the numbers of their accounts; and who is invited: numbers of accounts, and guests who are online.
        self.members: dict[int, Account] = {}
        self.invited: set[int] = set()
        self.guests_invited: set[Session] = set()
        #: The sessions in it, of members and of guests, in the order in which they came.
        self.sessions: dict[Session, None] = {}

    def __repr__(self) -> str:
        return f"<Room {self.id} {self.name}>"

    def rank_of(self, who: Session | Account) -> Rank:
        """The rank of somebody in this room."""
        account = who.account if isinstance(who, Session) else who
        if account is not None:
            return self.ranks.get(account.id, Rank.NONE)
        return self.guest_ranks.get(who, Rank.NONE)  # type: ignore[arg-type]  # who has no account is a session

    def has_rank(self, session: Session, rank: Rank) -> bool:
        """Whether a session has this rank, or a higher one. The server's moderators may do everything in all rooms."""
        return session.role >= Role.MODERATOR or self.rank_of(session) >= rank

    def invites(self, who: Session | Account) -> bool:
        """Whether somebody is invited to this room, as an account or as the guest that they are or were."""
        account = who.account if isinstance(who, Session) else who
        return who in self.guests_invited or (account is not None and account.id in self.invited)

    @property
    def people(self) -> int:
        """How many people belong to it: its members, and the guests in it."""
        return len(self.members) + sum(session.account is None for session in self.sessions)

    @property
    def parsed_name(self) -> Name:
        """Its name as `parse_name` returns one: with the `#`, but with the skeletons of what follows that."""
        return Name(self.name, self.key, skeletons({self.name.removeprefix(MARK), self.key.removeprefix(MARK)}))


def room_key(name: str) -> str:
    """The key that all spellings of a room's name have, with or without the `#`; raises nothing."""
    return MARK + key(name.removeprefix(MARK))


def parse_name(text: str, is_free: Callable[[str], bool] = lambda hint: True) -> Name:
    """Check the name of a new room: a `#`, and what a user may be called. Raises `BadName`.

    `is_free` says which names, without the `#`, the error may propose.
    """
    text = text.strip()
    if not text.startswith(MARK):
        raise BadName(f"The name of a room begins with {MARK}, as in {MARK}{text if is_valid(text) else 'ops'}.")
    if not text.removeprefix(MARK).strip():
        raise BadName(f"The name of a room is missing; write it after the {MARK}, as in {MARK}ops.")
    try:
        name = parse(text.removeprefix(MARK), is_free)
    except BadName as error:
        raise BadName(str(error).replace(" Try ", f" Try {MARK}")) from None
    return Name(MARK + name.shown, MARK + name.key, name.skeletons)
