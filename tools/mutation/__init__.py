"""Mutation tests: security-relevant lines are changed one at a time, and a test has to fail."""
