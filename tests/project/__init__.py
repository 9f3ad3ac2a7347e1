"""Tests of the project as a whole: packaging, deployment, documents, benchmarks, and the tools of the tests."""
