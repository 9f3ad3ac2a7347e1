"""Tests of lanchat/model/."""
