"""What is kept: one log of all that is said to accounts and in rooms, and tables beside it, in SQLite."""
