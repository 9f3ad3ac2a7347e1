"""Tests of lanchat/history/."""
