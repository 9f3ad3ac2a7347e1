"""The terminal client; of the server it imports only `packet`, `typed`, `printing` and `safekeeping`."""
