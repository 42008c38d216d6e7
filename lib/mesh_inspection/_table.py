"""Text in columns, for people."""

from collections.abc import Sequence

_GAP = "  "


def table(headings: Sequence[str], rows: Sequence[Sequence[Sequence[str]]]) -> str:
    """A table of plain text; a cell may have several lines."""
    lines = [tuple(headings), *(line for row in rows for line in _lines(row))]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    return "\n".join(
        _GAP.join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _lines(row: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    height = max(1, *map(len, row))
    return [tuple(cell[number] if number < len(cell) else "" for cell in row) for number in range(height)]
