"""What lanchat needs of the operating system: private files, command output, terminal columns. It knows nothing of chat."""
