"""lanchat beside other servers, on the machine at hand: `python -m benchmarks`. README.md says how to use it."""
