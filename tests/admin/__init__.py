"""Tests of lanchat/admin/."""
