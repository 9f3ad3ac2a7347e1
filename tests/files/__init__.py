"""Tests of lanchat/files/."""
