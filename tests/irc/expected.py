"""The tests of irctest that fail, and why each of them may: at most 15, by `file.py::Class::test`, with a sentence each."""

EXPECTED: dict[str, str] = {}
