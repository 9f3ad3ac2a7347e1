"""Tests of the gateway for IRC clients."""
