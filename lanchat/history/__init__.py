"""Queries on the log: pages of a conversation, search, and the positions of a conversation's messages."""
