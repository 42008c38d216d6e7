"""Stands in for a library that only Charmhub has: it does nothing, in no time."""

from typing import Any


class MetricsEndpointProvider:
    """Publishes scrape jobs."""

    def __init__(self, charm: Any, **options: Any):
        """Nothing."""

    def set_scrape_job_spec(self) -> None:
        """Nothing."""
