"""The extent of a measurement."""

import enum
from dataclasses import dataclass

from . import joining, policies, sides
from .findings import OURS

_LATENCY = 0.003


@dataclass(frozen=True)
class Scale:
    """A size of everything at once."""

    policies: int
    consumers: int
    workers: int
    applications: int


@dataclass(frozen=True)
class Extent:
    """The extent of a measurement."""

    rounds: int
    policies: tuple[int, ...]
    relations: tuple[int, ...]
    workers: tuple[int, ...]
    seconds_of_load: float
    minutes: float
    """Once they are over, what was measured once is not measured again."""
    latencies: tuple[float, ...] = (0, _LATENCY)
    joining: int = joining.APPLICATIONS
    many: int = 1_000
    """With so many policies, the hooks after which the peers write all of them again are run once."""
    scale: tuple[Scale, ...] = ()
    istiod: tuple[tuple[int, int], ...] = ()
    """Policies, and the models in which they are."""
    real: bool = True
    """The real kube-apiserver and istiod where they are built, rather than the stand-in."""
    very_many: int = 10_000
    """With so many there is one round, without latency, and of the peers' hooks only the first two."""

    def rounds_of(self, size: int) -> int:
        """Return the number of runs of hooks with this number of policies."""
        return 1 if size >= self.very_many else self.rounds

    def groups(self, size: int, all_sides: list[sides.LibrarySet]) -> list[list[sides.LibrarySet]]:
        """The sides that run in turns; very many policies of both would be too many for one server."""
        return [[side] for side in all_sides] if size >= self.very_many else [all_sides]

    def takes_part(self, size: int, side: str, number: int, hook: str) -> bool:
        """Return whether a side's hook is run in a round."""
        if side == OURS or hook in (policies.FIRST, policies.IDLE):
            return True
        return size < self.very_many and (size < self.many or not number)


_ISTIOD = ((1_000, 1), (3_333, 1), (10_000, 20), (10_000, 1))
_SCALE = (Scale(1_000, 50, 50, 20), Scale(3_333, 166, 166, 20), Scale(10_000, 500, 500, 20))
_TINY = Extent(
    1,
    (3,),
    (2,),
    (2,),
    0.2,
    1,
    latencies=(0,),
    joining=2,
    scale=(Scale(4, 2, 2, 2),),
    istiod=((40, 1),),
    real=False,
)
_QUICK = Extent(2, (10, 100, 1000), (10, 100), (10, 100), 1, 4, scale=_SCALE[:2], istiod=_ISTIOD[:2])
_FULL = Extent(3, (10, 100, 1000, 10_000), (10, 50, 100), (10, 100, 500), 2, 9, scale=_SCALE, istiod=_ISTIOD)


class Size(str, enum.Enum):
    """The longest time that it may take."""

    tiny = "tiny"
    quick = "quick"
    full = "full"


EXTENTS = {Size.tiny: _TINY, Size.quick: _QUICK, Size.full: _FULL}
