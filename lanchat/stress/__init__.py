"""`lanchat-stress`: a load that users put on their own server, and what came of it (docs/stress.md)."""
