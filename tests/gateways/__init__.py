"""Tests of lanchat/gateways/."""
