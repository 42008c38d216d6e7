"""A mesh on one machine: Envoy in the roles of ztunnel and waypoint, configured by Kubernetes alone."""

from ._addresses import Addresses, NoAddressesError, listening
from ._authorization import at_pod, at_waypoint, http_rbac, tcp_rbac
from ._envoy import Envoy, EnvoyError, envoy_program
from ._identity import CertificateAuthority, Identity
from ._mesh import DryRunCount, Mesh
from ._proxies import tls_client
from ._state import Account, PodState, PolicyState, ServiceState, State, WaypointState

__all__ = [
    "Account",
    "Addresses",
    "CertificateAuthority",
    "DryRunCount",
    "Envoy",
    "EnvoyError",
    "Identity",
    "Mesh",
    "NoAddressesError",
    "PodState",
    "PolicyState",
    "ServiceState",
    "State",
    "WaypointState",
    "at_pod",
    "at_waypoint",
    "envoy_program",
    "http_rbac",
    "listening",
    "tcp_rbac",
    "tls_client",
]
