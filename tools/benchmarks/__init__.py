"""Ours and the published libraries of the same jobs, measured side by side in one run on one machine."""
