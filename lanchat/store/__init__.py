"""The database (SQLite): its file, one log of messages, one writing thread and two reading ones."""
