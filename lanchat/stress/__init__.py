"""The command `lanchat-stress`: puts load on one's own server, and measures how it does (docs/stress.md)."""
