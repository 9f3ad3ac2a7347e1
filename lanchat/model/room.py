"""Room: one room, as it is known while the server runs, and how names of rooms are compared."""

from __future__ import annotations

from lanchat.model.session import Account, Role, Session
from lanchat.protocol.errors import BadName
from lanchat.protocol.names import Name, is_valid, key, parse, skeletons

#: What the names of rooms begin with.
MARK = "#"
#: Characters of a topic.
MAX_TOPIC = 300


class Room:
    """One room: what it is called, who belongs to it, and who is there."""

    __slots__ = ("conv", "id", "invited", "key", "members", "name", "owner", "private", "sessions", "topic")

    def __init__(  # noqa: PLR0913, PLR0917 (a row)
        self,
        id: int,  # noqa: A002 (it is one)
        name: str,
        owner: int | None,
        private: bool = False,
        topic: str = "",
        kept: str = "",
    ) -> None:
        """`kept` is the key under which it is kept, if that is not the one that its name has by today's rules."""
        self.id = id
        #: With the mark before it.
        self.name = name
        #: What any spelling of its name has in common.
        self.key = kept or room_key(name)
        #: What the log calls it.
        self.conv = f"r{id}"
        #: The account that made it.
        self.owner = owner
        self.private = private
        self.topic = topic
        #: Accounts that belong to it, and those that may come to.
        self.members: dict[int, Account] = {}
        self.invited: set[int] = set()
        #: Who is there, in the order in which they came; those of members and of guests.
        self.sessions: dict[Session, None] = {}

    def __repr__(self) -> str:
        return f"<Room {self.id} {self.name}>"

    def is_owned_by(self, session: Session) -> bool:
        """Whether somebody may decide about it: whoever made it, and moderators."""
        account = session.account
        return account is not None and (account.id == self.owner or account.role >= Role.MODERATOR)

    @property
    def looks(self) -> Name:
        """Its name, with what it may be mistaken for."""
        return Name(self.name, self.key, skeletons({self.name.removeprefix(MARK), self.key.removeprefix(MARK)}))


def room_key(name: str) -> str:
    """What two spellings of the name of a room have in common, with or without the mark; raises nothing."""
    return MARK + key(name.removeprefix(MARK))


def parse_name(text: str) -> Name:
    """What a room may be called is what a user may, after the mark; raises `BadName`."""
    text = text.strip()
    if not text.startswith(MARK):
        raise BadName(f"The name of a room begins with {MARK}, as in {MARK}{text if is_valid(text) else 'ops'}.")
    if not text.removeprefix(MARK).strip():
        raise BadName(f"The name of a room is missing; write it after the {MARK}, as in {MARK}ops.")
    try:
        name = parse(text.removeprefix(MARK))
    except BadName as error:
        raise BadName(str(error).replace(" Try ", f" Try {MARK}")) from None
    return Name(MARK + name.shown, MARK + name.key, name.skeletons)
