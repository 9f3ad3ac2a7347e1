"""The units in deploy/, proven in a real systemd: a Debian that is made and booted for it (`python -m tests.booted`)."""
