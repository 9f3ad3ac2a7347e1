"""Tests of lanchat/web/."""
