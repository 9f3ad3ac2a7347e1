"""Proof of durable delivery: a checker reads what clients saw while a server was killed, stopped, cut off and out of disk.

It is done in the spirit of Jepsen: the clients write down what they do and see, and nobody has to look while it happens.
`python -m tests.faults --kills 200` runs it. events.py says what is written down, checker.py and changes.py what is
promised; worker.py and device.py are the clients, nemesis.py and proxy.py the faults, trial.py puts them together. None of
the clients uses code of lanchat: they would share its mistakes.
"""
