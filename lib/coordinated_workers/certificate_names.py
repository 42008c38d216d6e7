"""The workers' names in the cluster's certificate."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import ops

from .interfaces.validation import host_of

if TYPE_CHECKING:
    from .interfaces.worker_applications import PublishedUnit

SERVICE_DOMAIN = re.compile(r"\.(svc(?:\..*)?)$")
"""The domain of Services in the cluster, at the end of a pod's name."""
USUAL_DOMAIN = "svc.cluster.local"
"""The same, unless the cluster has a domain of its own."""


@dataclass(frozen=True)
class WorkerNames:
    """The addresses of workers, by whether a certificate may be for them.

    All workers have the key of the certificate. With a name that is not certainly a worker's own, they could
    impersonate another host to every client that trusts the authority.
    """

    own: frozenset[str]
    """Names of the units' own pods, as they follow from what Juju calls the units."""
    others: dict[str, str]
    """Unit → its address, if that is anything else."""


def worker_names(model: ops.Model, hostname: str, units: "Iterable[PublishedUnit]") -> WorkerNames:
    """Separate the workers' own names from other addresses, by the domain of `hostname`, a pod's name."""
    match = SERVICE_DOMAIN.search(hostname)
    domain = match[1] if match else USUAL_DOMAIN
    own: set[str] = set()
    others: dict[str, str] = {}
    for each in units:
        pod = pod_name(each.name, model, domain)
        if host_of(each.data.address) == pod and _is_of(model, each.relation):
            own.add(pod)
        else:
            others[each.name] = each.data.address
    return WorkerNames(frozenset(own), others)


def pod_name(unit: str, model: ops.Model, domain: str = USUAL_DOMAIN) -> str:
    """Return the name that the headless Service of a unit's application gives to its pod, and to no other."""
    app, _, number = unit.rpartition("/")
    return f"{app}-{number}.{app}-endpoints.{model.name}.{domain}"


def _is_of(model: ops.Model, relation: ops.Relation) -> bool:
    """Return whether the remote application is of this model: a consumed one may have any name here."""
    try:
        return relation.remote_model.uuid == model.uuid
    except (ops.ModelError, FileNotFoundError):
        return True  # Juju before 3.6.2 has no tool for it
