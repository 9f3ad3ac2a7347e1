"""Tests of files that a client's user sends and saves."""
