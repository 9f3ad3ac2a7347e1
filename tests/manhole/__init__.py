"""Tests of lanchat/manhole/."""
