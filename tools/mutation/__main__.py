"""Change every line of the modules in modules.yaml, and name the changes after which no test fails.

    python -m tools.mutation [PART OF A MODULE'S PATH]

It works on a copy of the repository. The exit code is 1 if a change survives that is not accepted.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).parents[2]
COPIED = ("charms", "lib", "sandbox", "tests", "tools", "pyproject.toml")
SECONDS = 300
_CONFIG = """[cosmic-ray]
module-path = "{module}"
timeout = {seconds}.0
excluded-modules = []
test-command = "{command}"

[cosmic-ray.distributor]
name = "local"
"""


def main(part: str = "") -> int:
    """Run the tests of each module whose path has this part."""
    settings: Mapping[str, Any] = yaml.safe_load(Path(__file__).with_name("modules.yaml").read_text())
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = Path(folder, "repository")
        _copy_to(copy)
        for module, tests in settings["modules"].items():
            if part not in module:
                continue
            accepted = settings["accepted"].get(module, {})
            found = [line for line in survivors_of(f"lib/{module}", tests, copy) if line not in accepted]
            survivors += len(found)
            print(f"{module}: {len(found)} survived", *found, sep="\n    ", flush=True)
    return int(survivors > 0)


def survivors_of(module: str, tests: Sequence[str], copy: Path) -> Iterator[str]:
    """Return the changed lines of a module after which the tests still pass."""
    # Beside the copy, for tests fail when a file of theirs changes.
    config, session = copy.with_name("mutation.toml"), copy.with_name("mutation.sqlite")
    session.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    config.write_text(_CONFIG.format(module=module, seconds=SECONDS, command=" ".join(command)))
    _run(command, copy)
    for step in ("init", "exec"):
        _cosmic_ray(copy, step, str(config), str(session))
    for line in _cosmic_ray(copy, "dump", str(session)).splitlines():
        _, result = json.loads(line)
        if result and result["test_outcome"] == "survived":
            yield from (each[1:].strip() for each in result["diff"].splitlines() if _is_added(each))


def _is_added(line: str) -> bool:
    return line.startswith("+") and not line.startswith("+++")


def _copy_to(folder: Path) -> None:
    folder.mkdir()
    for name in COPIED:
        source = REPOSITORY / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)


def _cosmic_ray(folder: Path, *words: str) -> str:
    return _run([str(Path(sys.executable).with_name("cosmic-ray")), *words], folder)


def _run(command: Sequence[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": f"{folder / 'lib'}:{folder}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
