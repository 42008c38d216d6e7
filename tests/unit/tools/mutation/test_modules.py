"""The modules that are changed, their tests, and the changes that may survive."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[4]
SETTINGS: dict[str, Any] = yaml.safe_load((ROOT / "tools/mutation/modules.yaml").read_text())


@pytest.mark.parametrize("module", SETTINGS["modules"])
def test_tests_exist(module: str):
    assert (ROOT / module).is_file()
    for each in SETTINGS["modules"][module]:
        path, *names = each.partition("[")[0].split("::")
        assert (ROOT / path).exists(), each
        for name in names:
            assert re.search(rf"(def|class) {name}\b", (ROOT / path).read_text()), each


@pytest.mark.parametrize("module", SETTINGS["accepted"])
def test_accepted_lines_exist(module: str):
    assert module in SETTINGS["modules"]
    lines = {line.strip() for line in (ROOT / module).read_text().splitlines()}
    for change, reason in SETTINGS["accepted"][module].items():
        assert change.partition(" -> ")[0] in lines
        assert reason
