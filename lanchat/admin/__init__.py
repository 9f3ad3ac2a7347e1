"""The command `lanchat-admin`: what administrators do with the accounts and the data of a server."""
