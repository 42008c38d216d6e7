import shutil
from pathlib import Path

import pytest

from tools.packing import CannotPackError, follow, stage

REPOSITORY = Path(__file__).parents[4]
CHARMS = sorted(file.parent for file in REPOSITORY.glob("charms/*/charmcraft.yaml"))


def locked(charm: Path, directory: Path) -> Path:
    """A copy of a charm, with the lock that it gets when it is packed."""
    copy = Path(shutil.copytree(charm, directory / charm.name))
    (copy / "uv.lock").touch()
    return copy


@pytest.fixture
def charm(tmp_path: Path) -> Path:
    charm = tmp_path / "charm"
    write(
        charm,
        {
            "charmcraft.yaml": "name: charm",
            "requirements.txt": "",
            "pyproject.toml": "",
            "README.md": "",
            "icon.svg": "",
            "src/charm.py": "import helper\nfrom paint.colours import red",
            "src/helper.py": "import screws",
            "src/rules/alerts.yaml": "groups: []",
            "src/__pycache__/helper.pyc": "",
            "notes.txt": "",
        },
    )
    return charm


@pytest.fixture
def library(tmp_path: Path) -> Path:
    library = tmp_path / "library"
    write(
        library,
        {
            "paint/colours/__init__.py": "",
            "paint/colours/templates/red.j2": "",
            "paint/colours/deep/__init__.py": "",
            "paint/colours/__pycache__/x.pyc": "",
            "paint/brushes/__init__.py": "",
            "screws.py": "",
            "nails.py": "",
        },
    )
    return library


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def files_in(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


def test_charm_gets_whole_imported_packages_only(charm, library, tmp_path):
    stage(charm, tmp_path / "staged", libraries=[library])
    assert files_in(tmp_path / "staged") == {
        *("charmcraft.yaml", "requirements.txt", "README.md", "icon.svg"),
        *("src/charm.py", "src/helper.py", "src/rules/alerts.yaml"),
        "lib/paint/colours/__init__.py",
        "lib/paint/colours/templates/red.j2",
        "lib/paint/colours/deep/__init__.py",
        "lib/screws.py",
    }


def test_what_charms_have_in_common_is_put_beside(charm, library, tmp_path):
    (tmp_path / "LICENSE").write_text("free")
    stage(charm, tmp_path / "staged", libraries=[library], also=[tmp_path / "LICENSE"])
    assert (tmp_path / "staged/LICENSE").read_text() == "free"


def test_programs_stay_programs(charm, library, tmp_path):
    (charm / "src/charm.py").chmod(0o755)
    stage(charm, tmp_path / "staged", libraries=[library])
    assert (tmp_path / "staged/src/charm.py").stat().st_mode & 0o111


def test_what_was_in_folder_goes_and_folder_stays(charm, library, tmp_path):
    staged = tmp_path / "staged"
    write(staged, {"lib/old.py": "", "parts/old": ""})
    (staged / "link").symlink_to(library, target_is_directory=True)
    before = staged.stat().st_ino
    stage(charm, staged, libraries=[library])
    assert staged.stat().st_ino == before
    assert not files_in(staged) & {"lib/old.py", "parts/old"}
    assert not (staged / "link").exists()
    assert (library / "screws.py").exists()


@pytest.mark.parametrize("name", ["requirements.txt", "icon.svg", "src/charm.py"])
def test_missing_file_is_named_before_anything_is_done(charm, library, tmp_path, name):
    write(tmp_path, {"staged/before": ""})
    (charm / name).unlink()
    with pytest.raises(CannotPackError, match=name):
        stage(charm, tmp_path / "staged", libraries=[library])
    assert files_in(tmp_path / "staged") == {"before"}


@pytest.mark.parametrize("charm", CHARMS, ids=lambda charm: charm.name)
def test_charms_find_modules_in_their_own_folder(charm, tmp_path):
    staged = tmp_path / "staged"
    stage(locked(charm, tmp_path), staged, libraries=[REPOSITORY / "lib"])
    here = follow(charm / "src/charm.py", [charm / "src", REPOSITORY / "lib"])
    there = follow(staged / "src/charm.py", [staged / "src", staged / "lib"])
    assert there.modules.keys() == here.modules.keys()
    assert there.foreign == here.foreign


def test_beacon_has_no_coordinator_modules(tmp_path):
    staged = tmp_path / "staged"
    stage(locked(REPOSITORY / "charms/istio-beacon-k8s", tmp_path), staged, libraries=[REPOSITORY / "lib"])
    assert {each.name for each in (staged / "lib").iterdir()} == {
        "charmlibs",
        "cos_interfaces",
        "mesh_inspection",
        "relation_data",
        "istio_policies",
        "k8s_charm",
    }
