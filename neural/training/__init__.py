"""Synthetic people with known truth, for the demo, the benchmarks and training."""
