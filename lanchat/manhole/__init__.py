"""The manhole: a Python prompt over SSH in the running server, for operators whose public key is listed.

It exists only if it is configured, and can do anything; what protects it is who gets in (`ssh`, `login`, `keys`). No other part
of the server needs it. Importing this package imports a reactor (conch does), so `tap` imports it only if it is configured.
"""
