"""Each status on the page fits into `juju status`, also with long names in its gaps."""

import re

import pytest

from relation_data import LONGEST_STATUS, Message
from tests.support.pages import REPOSITORY

PAGE = REPOSITORY / "docs/reference/statuses.md"
BEACON = "istio-beacon-k8s"
LONG_NAME = "observability-catalogue-of-the-northern-warehouse-k8"
COMMAND = re.compile(r"(?:juju|kubectl) .*")
# A name in the command follows, if not the beacon's own.
OWN_NAME = re.compile(r"(?<=juju config )…|(?<=juju trust )…")
SHORT_GAPS = ("…=", "=…", "-n …")
"""Options, their values, and the namespace, which have names of their own."""
LEAD = re.compile(r"[:;] (?:to allow it: |if it persists: )?(?:run )?(?=(?:juju|kubectl) )")
"""The words between a cause and its command."""
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


def message(text: str) -> Message:
    """The parts of a status: the text before its command, and within that before a colon."""
    lead = LEAD.search(text)
    cause, _, detail = text[: lead.start() if lead else None].partition(": ")
    return Message(cause, detail, text[lead.end() :], lead.group()) if lead else Message(cause, detail)


@pytest.mark.parametrize(("section", "status"), rows())
def test_fits(section: str, status: str):
    whole = filled(section, status)
    shown = message(whole).shown()
    assert len(shown) <= LONGEST_STATUS
    if command := COMMAND.search(whole):
        assert shown.endswith(command.group())


@pytest.mark.parametrize(("section", "status"), [row for row in rows() if row[0] == "The beacon"])
def test_fits_with_number_of_others(section: str, status: str):
    shown = message(filled(section, status)).shown(MORE)
    assert len(shown) <= LONGEST_STATUS
    assert shown.endswith(MORE)


def test_names_are_cut_in_the_middle():
    command = f"juju config {BEACON} restrict-consumers=false"
    cause = f"{LONG_NAME} may not set policy on {LONG_NAME!r}"
    assert Message(cause, remedy=command, lead="; to allow it: ").shown() == (
        f"obser…se-k8 may not set policy on 'obse…-k8': {command}"
    )


def test_short_message_is_unchanged():
    message = Message("missing permissions", remedy=f"juju trust {BEACON} --scope=cluster", lead=": run ")
    assert message.shown() == str(message) == f"missing permissions: run juju trust {BEACON} --scope=cluster"


def test_command_is_whole_however_long():
    command = f"juju config {LONG_NAME} restrict-consumers=false allow-unrelated-callers=true"
    cause = "catalogue may not set policy on 'orders'"
    assert Message(cause, remedy=command, lead="; to allow it: ").shown() == (f"catalogue …: {command}")


def test_detail_is_cut_at_its_end():
    message = Message("invalid data from the mesh", "mesh_type: " + "nothing of the kind " * 10)
    assert message.shown() == f"{str(message)[: LONGEST_STATUS - 1]}…"


def test_detail_is_omitted_before_remedy():
    command = "juju config shop-of-the-northern-warehouse role-query=true"
    assert Message("no role set", "the worker does not know which", command).shown() == (
        f"no role set: the worker does not know w…: {command}"
    )
    cause = "no role is set on this worker"
    assert Message(cause, "nobody knows which", command).shown() == f"{cause}: {command}"
