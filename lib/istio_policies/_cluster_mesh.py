"""A coordinator's cluster in the mesh, as explanations need it."""

from collections.abc import Mapping
from dataclasses import dataclass

from charmlibs.interfaces.service_mesh import AppPolicy, MeshPolicy, UnitPolicy


@dataclass(frozen=True)
class ClusterMesh:
    """A cluster of one coordinator and its workers in a mesh."""

    policies: list[MeshPolicy]
    """The policies inside the cluster, if it is in a mesh."""
    labels: Mapping[str, str]
    """The labels of these policies in Kubernetes."""
    endpoint: str
    """The coordinator's endpoint for workers, whose relations the policies follow from."""
    declared: list[AppPolicy | UnitPolicy]
    """The coordinator's own policies, by its relations."""
    trust_domain: str
    """The trust domain of the mesh."""
    is_audit: bool
    """True if the policies are logged and not enforced."""
    waypoint: str
    """The waypoint of the coordinator, as `namespace/name`; empty if there is none."""
    beacon: str | None
    """The application that the coordinator is related to for the mesh, if it is."""
