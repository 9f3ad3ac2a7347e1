"""Borrowed rights: sessions that have the rights of another account besides their own, as IRC's OPER gives them."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.model.session import Account, Role, Session


class BorrowedRights:
    """The sessions whose users gave the password of another account, to do what it may (`Session.oper`)."""

    def __init__(self, tell: Callable[[Session, str], None], role_changed: Callable[[Session, Role], None]) -> None:
        """`tell` is called with a session that loses the rights it had, and what its user is told of that.

        `role_changed` is called with a session whose role is another one now, without its asking, and the role that it had.
        """
        self._tell, self._role_changed = tell, role_changed
        self._sessions: set[Session] = set()

    def begin(self, session: Session, account: Account) -> None:
        """Let a session have the rights of an account besides its own."""
        session.oper = account
        session.update_role()
        self._sessions.add(session)

    def end(self, session: Session) -> None:
        """Let a session have its own rights only, as it gives the others up, or has ended."""
        session.oper = None
        session.update_role()
        self._sessions.discard(session)

    def end_all(self, account: Account) -> None:
        """Let no session have the rights of an account that is not its own, and tell those that had them."""
        for session in self._with(account):
            before = session.role
            self.end(session)
            self._note_role(session, before)
            self._tell(session, f"You have the rights of {account.name.shown} no longer.")

    def role_changed(self, account: Account) -> None:
        """Note that an account has another role, for its sessions and for those that have its rights."""
        if account.role < Role.MODERATOR:
            self.end_all(account)
        for session in (*account.sessions, *self._with(account)):
            before = session.role
            session.update_role()
            self._note_role(session, before)

    def _note_role(self, session: Session, before: Role) -> None:
        if session.role is not before:
            self._role_changed(session, before)

    def _with(self, account: Account) -> list[Session]:
        return [session for session in self._sessions if session.oper is account]
