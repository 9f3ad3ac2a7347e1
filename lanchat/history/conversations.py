"""Finding the private conversations of an account by the name of the other one.

A name may have had several owners: a guest, who then registered it; an account that was removed, and a later one. Each had a
conversation of its own. What a removed account was called is in its messages only.
"""

from __future__ import annotations

import json
from sqlite3 import Connection

from lanchat.model.conversation import with_guest
from lanchat.model.names import key

# The name of a removed account, taken from a message between it and this one.
_CALLED = ", ".join(
    f"(SELECT CASE author WHEN :account THEN target ELSE name END FROM {table} WHERE {table}.conv = pairs.conv LIMIT 1)"  # noqa: S608 (our own words)
    for table in ("kept", "fresh")
)
_REMOVED = f"""
    WITH pairs AS (
        SELECT conv, CAST(substr(conv, CASE instr(conv, :mine) WHEN 1 THEN length(:mine) + 1 ELSE 2 END) AS INTEGER) AS other
        FROM members WHERE account = :account AND conv > 'p' AND conv < 'q')
    SELECT json_group_array(json_array(conv, coalesce({_CALLED})))
    FROM pairs WHERE NOT EXISTS (SELECT 1 FROM accounts WHERE id = other)
"""  # noqa: S608 (our own words)
_THERE = (
    "SELECT json_group_array(conv) FROM members WHERE account = ? AND conv IN"
    " (?, (SELECT printf('p%dx%d', min(id, ?1), max(id, ?1)) FROM accounts WHERE key = ?))"
)


def with_name(connection: Connection, account: int, name: str, kept: str = "") -> list[str]:
    """All conversations of an account with accounts and guests of this name, in any spelling.

    `kept` is the stored key of the account of that name, if the rules of this version make another one (see `store.name_keys`).
    """
    wanted = key(name)
    (there,) = connection.execute(_THERE, (account, with_guest(account, wanted), kept or wanted)).fetchone()
    (removed,) = connection.execute(_REMOVED, {"account": account, "mine": f"p{account}x"}).fetchone()
    found: list[str] = json.loads(there)
    return found + [conv for conv, called in json.loads(removed) if called is not None and key(called) == wanted]
