"""The workload as one file that Python runs."""

import io
import zipfile
from pathlib import Path

_PACKAGE = Path(__file__).with_name("kv_workload")
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the first date that an archive can hold


def build() -> bytes:
    """Return the program as a zipapp whose bytes depend on its modules only."""
    modules = {f"{_PACKAGE.name}/{module.name}": module.read_bytes() for module in _PACKAGE.glob("*.py")}
    modules["__main__.py"] = modules[f"{_PACKAGE.name}/__main__.py"]
    content = io.BytesIO()
    # Not compressed, since another version of zlib compresses to other bytes.
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(modules):
            archive.writestr(zipfile.ZipInfo(name, _EARLIEST), modules[name])
    return content.getvalue()
