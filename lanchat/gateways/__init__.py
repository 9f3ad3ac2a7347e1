"""The doors: each gateway owns its sockets and speaks one dialect; what is said is decided in the core."""
