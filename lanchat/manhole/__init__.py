"""The manhole: a Python prompt over SSH in the running server, for operators whose public key is listed.

It is there only when asked for, and it may do anything; what guards it is who gets in (`door`, `login`, `keys`). Nothing of the
server needs it. Importing this package imports a reactor (conch does), so `tap` waits with that until it is wanted.
"""
