"""The Python in the documentation is typed as strictly as the project's own."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.pages import REPOSITORY, pages_with


def test_samples_have_no_type_errors(tmp_path: Path):
    names: dict[str, str] = {}
    for page in pages_with("python"):
        file = tmp_path / f"{str(page).replace('/', '_').replace('-', '_').removesuffix('.md')}.py"
        file.write_text(page.program)
        names[str(file)] = str(page)
    config = {
        "extraPaths": [str(REPOSITORY / "lib")],
        "pythonVersion": "3.10",
        "typeCheckingMode": "strict",
        # Samples omit what is not new.
        "reportUnusedClass": False,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    command = ["pyright", "--pythonpath", sys.executable, "--project", str(tmp_path), "--outputjson"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    result = json.loads(checked.stdout)
    assert result["summary"]["filesAnalyzed"] == len(names)
    assert [
        f"{names[each['file']]}:{each['range']['start']['line'] + 1}: {each['message']}"
        for each in result["generalDiagnostics"]
    ] == []
