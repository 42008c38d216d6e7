"""Benchmarks of our and the published libraries, side by side in one run on one machine."""
