"""Tests of lanchat/hooks/."""
