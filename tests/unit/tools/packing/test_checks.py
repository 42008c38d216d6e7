import zipfile
from pathlib import Path

import pytest
import yaml

from tools.packing import CannotPackError, CharmFile, notes, problems

SOURCE = {
    "name": "shop",
    "title": "Shop",
    "summary": "Sells things.",
    "description": "Sells things.",
    "platforms": {"ubuntu@22.04:amd64": None, "ubuntu@24.04:amd64": None},
    "assumes": ["juju >= 3.6"],
    "requires": {"database": {"interface": "db"}},
    "config": {"options": {"colour": {"type": "string"}}},
}
METADATA = {
    "display-name": "Shop",
    **{key: SOURCE[key] for key in ("name", "summary", "description", "assumes", "requires")},
}
PACKED = {
    "LICENSE": "free",
    "dispatch": "#!/bin/sh",
    "src/charm.py": "pass",
    "lib/tools.py": "pass",
    "metadata.yaml": yaml.safe_dump(METADATA),
    "config.yaml": yaml.safe_dump(SOURCE["config"]),
    "manifest.yaml": yaml.safe_dump({"bases": [{"name": "ubuntu", "channel": "24.04"}]}),
    "venv/pyvenv.cfg": "home = /usr/bin\ninclude-system-site-packages = false\n",
    "venv/lib/python3.12/site-packages/ops/__init__.py": "",
}


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    staged = tmp_path / "staged"
    copied = {name: text for name, text in PACKED.items() if "yaml" not in name and "venv" not in name}
    for name, text in {**copied, "charmcraft.yaml": yaml.safe_dump(SOURCE), "requirements.txt": ""}.items():
        (staged / name).parent.mkdir(parents=True, exist_ok=True)
        (staged / name).write_text(text)
    return staged


def packed(folder: Path, files: dict[str, str], *, mode: int = 0o755) -> CharmFile:
    path = folder / "shop_ubuntu@24.04-amd64.charm"
    with zipfile.ZipFile(path, "w") as charm:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (0o100000 | mode) << 16
            charm.writestr(entry, text)
    return CharmFile(path)


def test_a_charm_with_all_that_was_staged_has_no_problems(staged, tmp_path):
    assert problems(packed(tmp_path, PACKED), staged) == []


@pytest.mark.parametrize("name", [name for name in PACKED if not name.startswith("venv")])
def test_what_is_missing_is_named(staged, tmp_path, name):
    less = {each: text for each, text in PACKED.items() if each != name}
    assert f"{name} is missing" in problems(packed(tmp_path, less), staged)


def test_a_charm_without_its_environment_is_not_whole(staged, tmp_path):
    less = {name: text for name, text in PACKED.items() if "site-packages" not in name}
    assert problems(packed(tmp_path, less), staged) == ["venv/ has no Python packages"]


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ("tests/test_charm.py", "tests/"),
        ("notes.txt", "notes.txt"),
        ("src/__pycache__/charm.cpython-312.pyc", "src/__pycache__/charm.cpython-312.pyc"),
        ("lib/more.py", "lib/more.py"),
        ("requirements.txt", "requirements.txt"),
        (".ruff_cache/x", ".ruff_cache/"),
        ("venv/lib/python3.12/site-packages/ops/tests/x.py", "venv/lib/python3.12/site-packages/ops/tests/"),
    ],
)
def test_unexpected_file_is_named(staged, tmp_path, extra, named):
    assert problems(packed(tmp_path, {**PACKED, extra: ""}), staged) == [f"{named} should not be in it"]


def test_the_packages_of_the_environment_are_its_own_affair(staged, tmp_path):
    more = {**PACKED, "venv/lib/python3.12/site-packages/ops/__pycache__/__init__.cpython-312.pyc": ""}
    assert problems(packed(tmp_path, more), staged) == []


def test_a_charm_from_before_a_change_is_found_out(staged, tmp_path):
    (staged / "lib/tools.py").write_text("import this")
    assert problems(packed(tmp_path, PACKED), staged) == [
        "lib/tools.py is not as it is in the repository: pack again"
    ]


def test_programs_can_be_run(staged, tmp_path):
    assert problems(packed(tmp_path, PACKED, mode=0o644), staged) == [
        "dispatch can't be run",
        "src/charm.py can't be run",
    ]


@pytest.mark.parametrize("key", ["display-name", "requires", "assumes"])
def test_metadata_equal_charmcraft_yaml(staged, tmp_path, key):
    other = {**PACKED, "metadata.yaml": yaml.safe_dump({**METADATA, key: "else"})}
    assert problems(packed(tmp_path, other), staged) == [f"metadata.yaml: {key} differs from charmcraft.yaml"]


def test_config_equals_charmcraft_yaml(staged, tmp_path):
    other = {**PACKED, "config.yaml": "options: {}"}
    assert problems(packed(tmp_path, other), staged) == ["config.yaml differs from charmcraft.yaml"]


def test_the_base_is_the_one_of_charmcraft_yaml(staged, tmp_path):
    other = {**PACKED, "manifest.yaml": "bases: [{name: ubuntu, channel: '20.04'}]"}
    assert problems(packed(tmp_path, other), staged) == [
        "manifest.yaml: the bases are ubuntu@20.04, not one of ubuntu@22.04, ubuntu@24.04"
    ]


def test_charm_for_another_python_is_rejected(staged, tmp_path):
    other = {name.replace("python3.12", "python3.11"): text for name, text in PACKED.items()}
    assert notes(packed(tmp_path, PACKED)) == []
    (note,) = notes(packed(tmp_path, other))
    assert "3.11" in note
    assert "not to be published" in note


def test_file_that_is_no_charm_is_rejected(tmp_path):
    (tmp_path / "text.charm").write_text("not a zip file")
    with pytest.raises(CannotPackError, match=r"text\.charm is not a packed charm"):
        CharmFile(tmp_path / "text.charm").yaml("metadata.yaml")


def test_unpacking_keeps_permissions(tmp_path):
    packed(tmp_path, {"dispatch": "#!/bin/sh"}, mode=0o750).unpack(tmp_path / "out")
    assert (tmp_path / "out/dispatch").stat().st_mode & 0o777 == 0o750


def test_the_packing_machine_s_paths_are_not_in_it(staged, tmp_path):
    other = {**PACKED, "venv/pyvenv.cfg": "home = /root/python/bin\n"}
    (problem,) = problems(packed(tmp_path, other), staged)
    assert "home = /root/python/bin" in problem
