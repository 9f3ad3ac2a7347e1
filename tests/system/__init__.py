"""Tests of lanchat/system/."""
