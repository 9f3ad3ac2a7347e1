"""The IRC port as people meet it: with the clients they have, whose keys are pressed and whose screens are read."""
