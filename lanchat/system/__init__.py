"""What lanchat needs of the operating system: private files, output of commands, columns of a terminal. It knows no chat."""
