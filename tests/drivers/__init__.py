"""Random drivers for lanchat's own modules, each beside a small model of what docs/keeping.md promises.

`python -m tests.drivers store` drives the store with its threads: messages, pages, searches, retention, erasure, backups,
restarts, a full disk and a damaged file. `python -m tests.drivers server` drives the whole server, without sockets, with the
real client's conversations and with clients of its own. `python -m tests.drivers kill` kills a process before a random SQL
statement or file operation, and looks at what is left.

What a driver does follows from `--seed` and the number of the round, so that a failure can be played again. At the first
broken promise it prints the last steps and ends with status 1.
"""
