"""Tests of lanchat/commands/."""
