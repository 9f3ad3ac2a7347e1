"""Tests of lanchat/core/."""
