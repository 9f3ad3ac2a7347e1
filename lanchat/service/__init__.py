"""The server process: the services that start and stop together, its control socket, and what systemd is told."""
