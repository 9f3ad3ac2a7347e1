"""The ports of the server, made from its options: for each kind of client or operator a listener and what stands behind it."""
