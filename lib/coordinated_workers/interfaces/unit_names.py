"""The names that a unit of a worker application is known by, from what Juju calls it."""

import re

CLUSTER_DOMAIN = "svc.cluster.local"


def service_domain(hostname: str) -> str:
    """Return the domain of Services in this cluster, from the name of a pod in it."""
    domain = re.search(r"\.(svc(?:\..*)?)$", hostname)
    return domain[1] if domain else CLUSTER_DOMAIN


def unit_hostname(unit: str, model: str, domain: str) -> str:
    """Return the name of a unit's pod, which its application's headless Service gives to no other.

    Args:
        unit: the unit, as Juju calls it in its own model.
        model: its model, and so its namespace.
        domain: the domain of Services in the cluster.
    """
    app, _, number = unit.rpartition("/")
    return f"{app}-{number}.{app}-endpoints.{model}.{domain}"
