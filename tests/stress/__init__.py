"""Tests of lanchat/stress/."""
