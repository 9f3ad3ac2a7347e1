"""Tests of lanchat/terminal/."""
