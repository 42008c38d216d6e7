"""Quantities as Kubernetes writes them: `500m` of CPU, `2Gi` of memory."""

import re
from decimal import Decimal

_QUANTITY = re.compile(
    r"\+?(?P<number>[0-9]{1,20}(?:\.[0-9]{0,20})?|\.[0-9]{1,20})"
    r"(?:[eE](?P<exponent>[+-]?[0-9]{1,2})|(?P<suffix>[numkMGTPE]|[KMGTPE]i))?"
)
_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", start=1)},
}


def parse_quantity(text: str) -> Decimal:
    """Return the amount that `text` stands for, in cores or bytes.

    Raises:
        ValueError: if it is not a quantity, or empty.
    """
    match = _QUANTITY.fullmatch(text)
    if not match:
        raise ValueError(f"{text[:20]!r} is not a quantity of Kubernetes")
    factor = _SUFFIXES[match["suffix"]] if match["suffix"] else Decimal(10) ** int(match["exponent"] or 0)
    quantity = Decimal(match["number"]) * factor
    if not quantity:
        raise ValueError(f"{text[:20]!r} is not a positive quantity")
    return quantity
