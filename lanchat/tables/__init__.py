"""The tables beside the log of messages, and the commands that change each of them."""
