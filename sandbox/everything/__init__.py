"""The story of a coordinator with every relation that it can have, and something at the other end of each."""

from ._arrivals import Arrived, arrivals
from ._rotation import Rotation, not_smooth, rotate
from ._story import story

__all__ = ["Arrived", "Rotation", "arrivals", "not_smooth", "rotate", "story"]
