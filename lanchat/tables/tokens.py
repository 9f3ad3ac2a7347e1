"""Tokens of accounts, as programs use them: whose one is, and the end of all of an account (`lanchat.tables.accounts`)."""

from __future__ import annotations

from sqlite3 import Connection

from lanchat.tables.log_command import LogCommand


class RemoveTokens(LogCommand[int], frozen=True):
    """Remove all tokens of an account, so that nobody can log in with one any more."""

    account: int

    def run(self, connection: Connection) -> int:
        """How many there were."""
        return connection.execute("DELETE FROM tokens WHERE account = ?", (self.account,)).rowcount


def owner(connection: Connection, token_hash: bytes) -> str:
    """The name of the account that has a token with this SHA-256; "" if there is none."""
    found = "SELECT name FROM accounts JOIN tokens ON account = id WHERE hash = ?"
    row = connection.execute(found, (token_hash,)).fetchone()
    return "" if row is None else str(row[0])
