"""Tests of lanchat/state/."""
