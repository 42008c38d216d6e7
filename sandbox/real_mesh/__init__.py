"""A real waypoint that the real istiod configures, and the two ends of HBONE, as ztunnel has them."""

from ._ambient import Ambient
from ._mesh import RealMesh
from ._node import Node
from ._pods import Pods
from ._tunnel import HBONE_PORT, Tunnel, TunnelRefusedError, tunnel
from ._waypoint import WaypointPod, WaypointProxy

__all__ = [
    "HBONE_PORT",
    "Ambient",
    "Node",
    "Pods",
    "RealMesh",
    "Tunnel",
    "TunnelRefusedError",
    "WaypointPod",
    "WaypointProxy",
    "tunnel",
]
