"""The chat page for browsers: its files, the HTTP that serves them, and the way from a request to a WebSocket (--http)."""
