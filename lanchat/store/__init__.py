"""The database (SQLite): one log of messages and the tables beside it, one writing thread and two reading ones."""
