"""Files that a client's user sends and saves: they go over HTTP beside the chat, to and from the same server."""
