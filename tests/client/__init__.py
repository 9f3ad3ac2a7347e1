"""Tests of lanchat/client/."""
