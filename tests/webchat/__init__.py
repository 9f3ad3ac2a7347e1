"""Tests of lanchat/webchat/."""
