"""Conversation names: what the log calls the conversation of two accounts, or of an account and the guests of one name."""

from __future__ import annotations


def of_two(one: int, other: int) -> str:
    """The name of the conversation of two accounts, by their numbers."""
    return f"p{one}x{other}" if one < other else f"p{other}x{one}"


def with_guest(account: int, guest: str) -> str:
    """The name of the conversation of an account with all guests who have the same name, whose key is `guest`."""
    return f"g{account}x{guest}"
