"""The steps of the schema: the SQL that makes each version of the database of the one before (`lanchat.store.schema`)."""

from __future__ import annotations

_ENTRIES = """(
        seq INTEGER PRIMARY KEY AUTOINCREMENT, ts INTEGER NOT NULL, conv TEXT NOT NULL, author INTEGER, name TEXT NOT NULL,
        ip TEXT NOT NULL, target TEXT NOT NULL, msg TEXT NOT NULL, re TEXT, cid TEXT, sum INTEGER NOT NULL)"""
_ONCE = "cid IS NOT NULL AND author IS NOT NULL"
# The log is two tables (`lanchat.tables.recent`). An (author, cid) must not be in both: the trigger checks that, as part of the
# one statement that inserts all messages of a batch.
_VERSION_1 = f"""
    CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
    CREATE TABLE accounts(
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, key TEXT NOT NULL UNIQUE, role INTEGER NOT NULL,
        password TEXT NOT NULL, created INTEGER NOT NULL);
    CREATE TABLE tokens(
        hash BLOB PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE, created INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE devices(
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE, name TEXT NOT NULL, cursor INTEGER NOT NULL,
        online INTEGER NOT NULL, seen INTEGER NOT NULL, PRIMARY KEY(account, name)) WITHOUT ROWID;
    CREATE TABLE rooms(
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, key TEXT NOT NULL UNIQUE, topic TEXT NOT NULL DEFAULT '',
        private INTEGER NOT NULL DEFAULT 0, owner INTEGER REFERENCES accounts ON DELETE SET NULL, created INTEGER NOT NULL);
    CREATE TABLE members(
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE, conv TEXT NOT NULL, since INTEGER NOT NULL,
        PRIMARY KEY(account, conv)) WITHOUT ROWID;
    CREATE TABLE invitations(
        room INTEGER NOT NULL REFERENCES rooms ON DELETE CASCADE,
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
        PRIMARY KEY(room, account)) WITHOUT ROWID;
    CREATE TABLE sanctions(
        id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, room INTEGER REFERENCES rooms ON DELETE CASCADE,
        target TEXT NOT NULL, until INTEGER, reason TEXT NOT NULL, by_name TEXT NOT NULL, at INTEGER NOT NULL);
    CREATE TABLE kept{_ENTRIES};
    CREATE INDEX kept_conv ON kept(conv, seq);
    CREATE UNIQUE INDEX kept_cid ON kept(author, cid) WHERE {_ONCE};
    CREATE TABLE fresh{_ENTRIES};
    CREATE INDEX fresh_conv ON fresh(conv, seq);
    CREATE UNIQUE INDEX fresh_cid ON fresh(author, cid) WHERE {_ONCE};
    CREATE TRIGGER fresh_once BEFORE INSERT ON fresh WHEN new.cid IS NOT NULL AND new.author IS NOT NULL BEGIN
        SELECT RAISE(ABORT, 'it is kept already') FROM kept WHERE author = new.author AND cid = new.cid AND {_ONCE};
    END;
    CREATE VIEW log AS SELECT * FROM kept UNION ALL SELECT * FROM fresh;
    CREATE VIRTUAL TABLE words USING fts5(
        msg, name, conv, content='kept', content_rowid='seq', tokenize='unicode61 remove_diacritics 2');
"""  # noqa: S608 (our own words)
# In this index of words, marks on a letter are part of the word. The old index can't be converted: everything that was in it is
# indexed anew while the server runs (`lanchat.store.word_index`).
_VERSION_2 = """
    DROP TABLE words;
    CREATE VIRTUAL TABLE words USING fts5(
        msg, name, conv, content='kept', content_rowid='seq',
        tokenize="unicode61 remove_diacritics 0 categories 'L* N* Co M*'");
    INSERT OR REPLACE INTO meta SELECT 'unindexed', value FROM meta WHERE name = 'indexed';
    UPDATE sanctions SET by_name = 'the operator'
        WHERE by_name = 'operator' AND NOT EXISTS (SELECT 1 FROM accounts WHERE key = 'operator');
"""
# Entries of other kinds than ordinary messages (`lanchat.protocol.entry.Entry.kind`), what was read and who is mentioned, and
# the ranks and rules of rooms. What was delivered to an account before counts as read by it.
_VERSION_3 = """
    ALTER TABLE kept ADD COLUMN kind TEXT;
    ALTER TABLE kept ADD COLUMN about INTEGER;
    ALTER TABLE fresh ADD COLUMN kind TEXT;
    ALTER TABLE fresh ADD COLUMN about INTEGER;
    DROP INDEX kept_conv;
    CREATE INDEX kept_conv ON kept(conv, seq, about);
    DROP INDEX fresh_conv;
    CREATE INDEX fresh_conv ON fresh(conv, seq, about);
    CREATE INDEX kept_about ON kept(about, seq) WHERE about > 0;
    CREATE INDEX fresh_about ON fresh(about, seq) WHERE about > 0;
    CREATE TABLE mentions(
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE, conv TEXT NOT NULL, seq INTEGER NOT NULL,
        PRIMARY KEY(account, conv, seq)) WITHOUT ROWID;
    CREATE INDEX mentions_seq ON mentions(seq);
    ALTER TABLE members ADD COLUMN read INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE members ADD COLUMN muted INTEGER NOT NULL DEFAULT 0;
    UPDATE members SET read = coalesce(
        (SELECT max(cursor) FROM devices WHERE account = members.account AND typeof(cursor) = 'integer'), 0);
    ALTER TABLE accounts ADD COLUMN away TEXT NOT NULL DEFAULT '';
    ALTER TABLE rooms ADD COLUMN topic_by TEXT NOT NULL DEFAULT '';
    ALTER TABLE rooms ADD COLUMN topic_at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE rooms ADD COLUMN rules TEXT NOT NULL DEFAULT '{}';
    UPDATE rooms SET rules = '{"secret":true}' WHERE private != 0;
    CREATE TABLE ranks(
        room INTEGER NOT NULL REFERENCES rooms ON DELETE CASCADE,
        account INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE, rank INTEGER NOT NULL,
        PRIMARY KEY(room, account)) WITHOUT ROWID;
    INSERT INTO ranks SELECT id, owner, 3 FROM rooms WHERE owner IN (SELECT id FROM accounts);
"""
# The files that go with messages, by the place of the message; digests of files that may be unlinked; webhooks, and what those
# that post could not deliver; the key that signs links to files.
_VERSION_4 = """
    CREATE TABLE files(
        seq INTEGER PRIMARY KEY, owner INTEGER, address TEXT NOT NULL, name TEXT NOT NULL, type TEXT NOT NULL,
        size INTEGER NOT NULL, digest TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, thumb TEXT NOT NULL,
        thumb_type TEXT NOT NULL, thumb_size INTEGER NOT NULL);
    CREATE INDEX files_digest ON files(digest);
    CREATE INDEX files_thumb ON files(thumb) WHERE thumb != '';
    CREATE INDEX files_owner ON files(owner, address, size);
    CREATE TABLE unlinked(digest TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE hooks(
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, key TEXT NOT NULL UNIQUE,
        room INTEGER NOT NULL REFERENCES rooms ON DELETE CASCADE, secret BLOB NOT NULL, url TEXT NOT NULL,
        made_by TEXT NOT NULL, made INTEGER NOT NULL, used INTEGER NOT NULL, enabled INTEGER NOT NULL,
        position INTEGER NOT NULL);
    CREATE UNIQUE INDEX hooks_secret ON hooks(secret);
    CREATE TABLE undelivered(
        hook INTEGER NOT NULL REFERENCES hooks ON DELETE CASCADE, seq INTEGER NOT NULL, at INTEGER NOT NULL, why TEXT NOT NULL,
        PRIMARY KEY(hook, seq)) WITHOUT ROWID;
    INSERT INTO meta VALUES ('links', hex(randomblob(32)));
"""
#: The SQL that makes version n + 1 of version n; version 0 is an empty file. A step is never changed after its release.
STEPS = (_VERSION_1, _VERSION_2, _VERSION_3, _VERSION_4)
