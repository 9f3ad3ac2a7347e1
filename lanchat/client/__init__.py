"""The client's side of the protocol: one session with a server, over connections that come and go. It shows nothing."""
