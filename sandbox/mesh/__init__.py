"""A mesh on one machine: Envoy in the roles of ztunnel and waypoint, told by Kubernetes alone."""

from ._addresses import Addresses, NoAddressesError, listening
from ._envoy import EnvoyError
from ._identity import Identity
from ._mesh import Mesh
from ._state import Account, Pod, Policy, Service, State, Waypoint

__all__ = [
    "Account",
    "Addresses",
    "EnvoyError",
    "Identity",
    "Mesh",
    "NoAddressesError",
    "Pod",
    "Policy",
    "Service",
    "State",
    "Waypoint",
    "listening",
]
