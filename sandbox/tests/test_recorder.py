"""The sample backend parses the data of real clients of its formats."""

import importlib.util
import struct
import sys
from pathlib import Path
from types import ModuleType

import pytest
from cramjam import snappy

ROOT = Path(__file__).parents[2]


def load(name: str, path: str) -> ModuleType:
    """Load a module, or the package of an `__init__.py`, of a charm."""
    spec = importlib.util.spec_from_file_location(name, ROOT / path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


recorder = load("recorder_under_test", "sandbox/charms/observatory/src/recorder.py")
workload = load("workload_under_test", "charms/demo-worker-k8s/src/kv_workload/__init__.py")


def written(count: int) -> bytes:
    samples = [workload.Sample("kv_keys", {"number": str(number)}, number) for number in range(count)]
    return workload.remote_write([workload.Snapshot(5, samples)], {"juju_unit": "store/0"}).body


@pytest.mark.parametrize("count", [0, 1, 3000])
def test_pushed_metrics_are_read_in_both_packings(count: int) -> None:
    expected = [("store/0", f"kv_keys {number:g}") for number in range(count)]
    literal = written(count)
    compressed = bytes(snappy.compress_raw(snappy.decompress_raw(literal)))
    assert list(recorder.series(literal)) == expected
    assert list(recorder.series(compressed)) == expected
    assert count < 10 or len(compressed) < len(literal) / 2


@pytest.mark.parametrize(
    "broken",
    [b"", b"\x05\x00a", b"\x04\x01\x00", b"\xff\xff\xff\xff\x7f", snappy.compress_raw(b"\x08\x01")],
    ids=["nothing", "too short", "copy of nothing", "too large", "not a remote-write"],
)
def test_what_is_no_remote_write_is_error(broken: bytes) -> None:
    with pytest.raises((ValueError, LookupError, struct.error)):
        list(recorder.series(bytes(broken)))
