"""Tests of lanchat/maintenance/."""
