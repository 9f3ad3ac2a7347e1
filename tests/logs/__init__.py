"""Tests of lanchat/logs/."""
