"""lanchat: a private chat server for a local network."""

__version__ = "0.1.0"
