"""Tests of lanchat/protocol/."""
