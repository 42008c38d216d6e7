import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.charms import load_module
from tests.unit.workload.remote_write import series


@pytest.fixture(scope="module")
def workload():
    return load_module("demo-worker-k8s", "kv_workload")


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)
samples = st.tuples(
    texts, st.dictionaries(texts, texts, max_size=3), st.floats(allow_nan=False), st.integers(0, 2**62)
)


@given(st.lists(samples, max_size=5), st.dictionaries(texts, texts, max_size=2))
def test_other_programs_read_what_was_written(workload, samples, labels):
    snapshots = [
        workload.Snapshot(time_ms, [workload.Sample(name, own, value)])
        for name, own, value, time_ms in samples
    ]
    expected = {}
    for name, own, value, time_ms in samples:
        key = tuple(sorted({**labels, **own, "__name__": name}.items()))
        expected.setdefault(key, []).append((value, time_ms))
    assert series(workload.remote_write(snapshots, labels).body) == expected


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 200_000])
def test_body_of_any_size_can_be_read(workload, size):
    sample = workload.Sample("x" * size, {}, 1)
    body = workload.remote_write([workload.Snapshot(5, [sample])], {}).body
    assert series(body) == {(("__name__", "x" * size),): [(1, 5)]}
