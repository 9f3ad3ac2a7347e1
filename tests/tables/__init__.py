"""Tests of lanchat/tables/."""
