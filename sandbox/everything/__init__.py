"""A coordinator with every relation that it can have, each with an application at the other end."""

from ._arrivals import Arrived, arrivals
from ._mesh_with_certificate import join_mesh, not_as_declared
from ._rotation import Rotation, not_smooth, rotate
from ._story import story

__all__ = ["Arrived", "Rotation", "arrivals", "join_mesh", "not_as_declared", "not_smooth", "rotate", "story"]
