"""Tests of lanchat/config/."""
