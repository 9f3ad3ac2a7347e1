"""Tests of lanchat/store/."""
