"""The positions of the applications in a picture, and of the arrows between them.

The applications stand in two columns that bulge outwards if there is room, and the arrows run between the
columns. The same applications and arrows always give the same picture.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Arrow: TypeAlias = tuple[str, str]
"""From whom to whom."""

BOX_HEIGHT = 40
_MARGIN = 8
_TOP_MARGIN = 22
_INNER_ROOM = 44
"""At least so far from the middle is the inner side of a box."""
_ROUNDS = 20


@dataclass(frozen=True)
class Box:
    """The position of an application."""

    x: float
    """Of its middle, as is `y`."""
    y: float
    width: float
    on_the_left: bool

    @property
    def inwards(self) -> int:
        """The direction of the other column."""
        return 1 if self.on_the_left else -1

    @property
    def inner_side(self) -> float:
        """The points where arrows begin and end."""
        return self.x + self.inwards * self.width / 2


@dataclass(frozen=True)
class Picture:
    """All positions, in the units of an SVG's viewBox."""

    width: float
    height: float
    boxes: Mapping[str, Box]
    paths: Mapping[Arrow, str]
    """The `d` of each arrow."""


def lay_out(
    names: Iterable[str],
    arrows: Collection[Arrow],
    background: Iterable[Arrow] = (),
    *,
    width: float,
    box_width: float,
    pitch: float,
) -> Picture:
    """Compute all positions.

    Args:
        names: the names of the applications.
        arrows: the arrows that are drawn apart from each other, and decide the order of the applications.
        background: further arrows, from middle to middle.
        width: the width of the whole picture.
        box_width: the width of an application.
        pitch: from one application to the one below.
    """
    names = sorted(names)
    places = _places(len(names), width, box_width, pitch)
    boxes = dict(zip(_ordered(names, sorted(arrows), places), places, strict=True))
    ends = _ends(sorted(arrows), boxes)
    paths = {
        (a, b): _path(boxes[a], boxes[b], ends.get((a, b, "from"), 0), ends.get((a, b, "to"), 0), width / 2)
        for a, b in (*background, *arrows)
    }
    rows = math.ceil(len(names) / 2)
    return Picture(width, max(0, rows - 1) * pitch + BOX_HEIGHT + _TOP_MARGIN + _MARGIN, boxes, paths)


def _places(count: int, width: float, box_width: float, pitch: float) -> list[Box]:
    """The left column from top to bottom, then the right one."""
    rows = math.ceil(count / 2)
    farthest = (width - box_width) / 2 - _MARGIN
    nearest = min(farthest, box_width / 2 + _INNER_ROOM)
    places: list[Box] = []
    for index in range(count):
        row = index % rows
        height = 2 * row / (rows - 1) - 1 if rows > 1 else 0
        away = max(nearest, farthest * math.sqrt(1 - (0.7 * height) ** 2))
        left = index < rows
        y = _TOP_MARGIN + BOX_HEIGHT / 2 + row * pitch
        places.append(Box(width / 2 + (-away if left else away), y, box_width, left))
    return places


def _ordered(names: Sequence[str], arrows: Sequence[Arrow], places: Sequence[Box]) -> list[str]:
    """Return the names in an order with short arrows, found by swapping while that shortens them."""
    order = list(names)

    def length() -> float:
        at = dict(zip(order, places, strict=True))
        return sum(
            math.hypot(at[a].inner_side - at[b].inner_side, at[a].y - at[b].y)
            # An arrow to the same column takes up more room than one across.
            * (2 if at[a].on_the_left == at[b].on_the_left else 1)
            for a, b in arrows
        )

    best = length()
    for _ in range(_ROUNDS):
        before = best
        for i in range(len(order)):
            for j in range(i):
                order[i], order[j] = order[j], order[i]
                now = length()
                if now < best - 1e-6:
                    best = now
                else:
                    order[i], order[j] = order[j], order[i]
        if best == before:
            break
    return order


def _ends(arrows: Sequence[Arrow], boxes: Mapping[str, Box]) -> dict[tuple[str, str, str], float]:
    """Compute the offset of each end of each arrow from the middle of its box."""
    ends: dict[tuple[str, str, str], float] = {}
    for name in boxes:
        here = [
            *((boxes[b].y, b, (a, b, "from")) for a, b in arrows if a == name != b),
            *((boxes[a].y, a, (a, b, "to")) for a, b in arrows if b == name != a),
        ]
        step = min(8, (BOX_HEIGHT - 10) / max(1, len(here) - 1))
        for number, (_, _, end) in enumerate(sorted(here)):
            ends[end] = (number - (len(here) - 1) / 2) * step
    return ends


def _path(a: Box, b: Box, off: float, on: float, middle: float) -> str:
    """Return a curve with level ends, or a loop on the box."""
    if a is b:
        x, top = a.inner_side - a.inwards * 34, a.y - BOX_HEIGHT / 2
        return f"M{x:.1f} {top:.1f}c{-8 * a.inwards} -24 {28 * a.inwards} -24 {20 * a.inwards} 0"
    y1, y2 = a.y + off, b.y + on
    if a.on_the_left == b.on_the_left:
        room = abs(middle - a.inner_side) * 1.7
        reach = min(room, 26 + abs(y1 - y2) * 0.45)
    else:
        reach = abs(a.inner_side - b.inner_side) / 2
    x1, x2 = a.inner_side, b.inner_side
    c1, c2 = x1 + a.inwards * reach, x2 + b.inwards * reach
    return f"M{x1:.1f} {y1:.1f}C{c1:.1f} {y1:.1f} {c2:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
