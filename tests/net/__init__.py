"""Tests of lanchat/net/."""
