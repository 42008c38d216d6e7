"""Each status on the page fits into `juju status`, also with long names in its gaps."""

import re

import pytest

from relation_data import LONGEST_STATUS, status_text
from tests.support.pages import REPOSITORY

PAGE = REPOSITORY / "docs/reference/statuses.md"
BEACON = "istio-beacon-k8s"
LONG_NAME = "observability-catalogue-of-the-northern-warehouse-k8"
COMMAND = re.compile(r"(?:juju|kubectl) .*")
# What follows is a name in the command, if not the beacon's own.
OWN_NAME = re.compile(r"(?<=juju config )…|(?<=juju trust )…")
SHORT_GAPS = ("…=", "=…", "-n …")
"""Options, their values, and the namespace, which have names of their own."""
MORE = f" (and 12 more: juju run {BEACON}/0 plan)"


def rows() -> list[tuple[str, str]]:
    """Each status on the page, with its section."""
    found: list[tuple[str, str]] = []
    for section in PAGE.read_text().split("\n## ")[1:]:
        title = section.splitlines()[0]
        for line in section.splitlines():
            if line.startswith("| `"):
                found += ((title, status) for status in re.findall(r"`([^`]+)`", line.split(" | ")[0]))
    return found


def filled(section: str, status: str) -> str:
    """The status with long names in its gaps."""
    text = OWN_NAME.sub(BEACON if section == "The beacon" else LONG_NAME, status)
    for gap in SHORT_GAPS:
        text = text.replace(gap, gap.replace("…", "role-query"))
    return text.replace("…", LONG_NAME)


@pytest.mark.parametrize(("section", "status"), rows())
def test_fits(section: str, status: str):
    whole = filled(section, status)
    shown = status_text(whole)
    assert len(shown) <= LONGEST_STATUS
    if command := COMMAND.search(whole):
        assert shown.endswith(command.group())


@pytest.mark.parametrize(("section", "status"), [row for row in rows() if row[0] == "The beacon"])
def test_fits_with_number_of_others(section: str, status: str):
    shown = status_text(filled(section, status), MORE)
    assert len(shown) <= LONGEST_STATUS
    assert shown.endswith(MORE)


def test_names_are_cut_in_the_middle():
    command = f"juju config {BEACON} restrict-consumers=false"
    assert status_text(f"{LONG_NAME} may not set policy on {LONG_NAME!r}; to allow it: {command}") == (
        f"obser…se-k8 may not set policy on 'obse…-k8': {command}"
    )


def test_short_message_is_unchanged():
    message = f"missing permissions: run juju trust {BEACON} --scope=cluster"
    assert status_text(message) == message


def test_command_is_whole_however_long():
    command = f"juju config {LONG_NAME} restrict-consumers=false allow-unrelated-callers=true"
    assert status_text(f"catalogue may not set policy on 'orders'; to allow it: {command}") == (
        f"catalogue …: {command}"
    )
