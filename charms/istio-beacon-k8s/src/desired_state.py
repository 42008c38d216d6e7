"""Desired state of a beacon in Kubernetes."""

from collections.abc import Sequence
from dataclasses import dataclass

from beacon_config import BeaconConfig, PolicyMode
from charmlibs.interfaces.service_mesh import MeshPolicy, PolicyRequest


@dataclass(frozen=True)
class DesiredState:
    """Desired state of a beacon in Kubernetes; by default empty, as after its removal."""

    config: BeaconConfig
    mode: PolicyMode = PolicyMode.off
    """Mode of the policies, which may be another one than the configured one."""
    replicas: int = 0
    """The number of pods of the waypoint; 0 if the beacon is removed."""
    requests: Sequence[PolicyRequest] = ()
    """The policies that consumers request."""
    own_policies: Sequence[MeshPolicy] = ()
    """The policies of the beacon itself."""
    unnamed: Sequence[str] = ()
    """The relations of consumers and scrapers whose application Juju does not name, as `endpoint:id`."""

    @property
    def is_audit(self) -> bool:
        """True if policies are logged and not enforced."""
        return self.mode is PolicyMode.audit

    @property
    def model_on_mesh(self) -> bool:
        """True if the whole namespace is in the mesh, rather than single pods."""
        return self.config.model_on_mesh and self.replicas > 0
