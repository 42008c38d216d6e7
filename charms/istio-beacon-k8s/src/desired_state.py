"""Desired state of a beacon in Kubernetes."""

from collections.abc import Sequence
from dataclasses import dataclass

from beacon_config import PolicyMode
from charmlibs.interfaces.service_mesh import MeshPolicy, PolicyRequest
from istio_policies import TRUST_DOMAIN


@dataclass(frozen=True)
class DesiredState:
    """Desired state of a beacon in Kubernetes; by default nothing, as after its removal."""

    replicas: int = 0
    """The number of pods of the waypoint."""
    ready_timeout: int = 0
    """The seconds after which a waypoint that is not ready is blocked."""
    requests: Sequence[PolicyRequest] = ()
    """The policies that consumers request."""
    own_policies: Sequence[MeshPolicy] = ()
    """The policies of the beacon itself."""
    mode: PolicyMode = PolicyMode.off
    """Mode of the policies: enforced, audited or not written."""
    restrict_consumers: bool = True
    """True if a consumer may request policies on itself only."""
    allow_callers: bool = False
    """True if a consumer may request policies for callers that are no related application."""
    close_unprotected: bool = False
    """True if a consumer without policies is closed."""
    trust_domain: str = TRUST_DOMAIN
    """The trust domain of the identities that policies name."""
    model_on_mesh: bool = False
    """True if the whole namespace is in the mesh, rather than single pods."""

    @property
    def is_audit(self) -> bool:
        """True if policies are logged and not enforced."""
        return self.mode is PolicyMode.audit
