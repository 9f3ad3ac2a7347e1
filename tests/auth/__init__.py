"""Tests of lanchat/auth/."""
