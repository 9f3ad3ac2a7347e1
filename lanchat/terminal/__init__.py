"""The command `lanchat`: the client for people at a terminal, and for scripts in a pipe."""
