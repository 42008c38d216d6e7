"""A mesh on one machine: Envoy in the roles of ztunnel and waypoint, told by Kubernetes alone."""

from ._addresses import Addresses, NoAddressesError, listening
from ._authorization import at_pod, at_waypoint, http_rbac, tcp_rbac
from ._envoy import Envoy, EnvoyError, envoy_program
from ._identity import Authority, Identity
from ._mesh import Mesh, Trial
from ._proxies import tls_client
from ._state import Account, Pod, Policy, Service, State, Waypoint

__all__ = [
    "Account",
    "Addresses",
    "Authority",
    "Envoy",
    "EnvoyError",
    "Identity",
    "Mesh",
    "NoAddressesError",
    "Pod",
    "Policy",
    "Service",
    "State",
    "Trial",
    "Waypoint",
    "at_pod",
    "at_waypoint",
    "envoy_program",
    "http_rbac",
    "listening",
    "tcp_rbac",
    "tls_client",
]
