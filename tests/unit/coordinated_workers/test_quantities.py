"""Quantities as Kubernetes writes them."""

from decimal import Decimal

import pytest

from coordinated_workers.kubernetes.quantities import parse_quantity


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("1", "1"),
        ("0.5", "0.5"),
        (".5", "0.5"),
        ("500m", "0.5"),
        ("+2", "2"),
        ("2k", "2000"),
        ("1Gi", "1073741824"),
        ("1.5Gi", "1610612736"),
        ("1E", "1000000000000000000"),
        ("1e3", "1000"),
        ("12E-1", "1.2"),
    ],
)
def test_quantity_is_read_as_kubernetes_reads_it(text: str, quantity: str):
    assert parse_quantity(text) == Decimal(quantity)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a lot",
        "1 Gi",
        "2 cores",
        "-1",
        "0",
        "0Mi",
        "1GB",
        "1e",
        "1e999999999",
        "9" * 500,
        "1\n",
        "\uff11",
    ],
)
def test_what_is_none_is_refused(text: str):
    with pytest.raises(ValueError, match="quantity"):
        parse_quantity(text)
