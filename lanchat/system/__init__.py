"""The machine that lanchat runs on: private files, output of commands, columns of a terminal. It knows nothing of chat."""
