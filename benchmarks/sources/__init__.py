"""Sources that only the benchmarks load."""
