"""Tests of lanchat/service/."""
