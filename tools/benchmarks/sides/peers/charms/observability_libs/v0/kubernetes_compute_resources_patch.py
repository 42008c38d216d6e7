"""Stands in for a library that only Charmhub has: it does nothing, in no time."""

from typing import Any


class KubernetesComputeResourcesPatch:
    """Limits resources; the measured charm has none limited."""


def adjust_resource_requirements(*args: Any, **options: Any) -> None:
    """Nothing."""
