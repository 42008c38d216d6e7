"""Mutation tests: lines on which security rests change one at a time, and a test has to fail."""
