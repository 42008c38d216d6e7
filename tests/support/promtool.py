"""Prometheus' own tool on the rules and queries that charms send.

It is part of Debian's and Ubuntu's package `prometheus`; tests marked `needed` are skipped where it is not.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

_PROMTOOL = shutil.which("promtool")

needed = pytest.mark.skipif(
    _PROMTOOL is None, reason="there is no promtool on PATH: apt-get install prometheus"
)

Rules = Mapping[str, object]
"""`{"groups": [...]}`"""


def complaint(rules: Rules) -> str:
    """Return the errors in the syntax of some rules; empty if there are none."""
    with tempfile.TemporaryDirectory() as folder:
        return _run("check", "rules", _write(Path(folder), "rules.json", rules))


def complaint_about_queries(queries: Mapping[str, str]) -> str:
    """Return the errors in the syntax of some queries, by a name for each; empty if there are none."""
    rules = [{"record": "query", "expr": query, "labels": {"name": name}} for name, query in queries.items()]
    return complaint({"groups": [{"name": "queries", "rules": rules}]})


def alert_differences(
    rules: Rules, series: Mapping[str, str], *, minutes: int, fires: Mapping[str, int], step: int = 1
) -> str:
    """Return the differences between the firing alerts and the expected ones; empty if there are none.

    Args:
        rules: the rules.
        series: for each series its value in each minute, as in promtool's own tests: `1+0x10`, `0 5 _`.
        minutes: when to evaluate, since 1970.
        step: the minutes between two evaluations.
        fires: alert → the number of those that fire; no others may.
    """
    expected = [{"labels": f'{{alertname="{name}"}}', "value": number} for name, number in fires.items()]
    query = 'count by (alertname) (ALERTS{alertstate="firing"})'
    return _test(
        rules,
        series,
        {"promql_expr_test": [{"expr": query, "eval_time": f"{minutes}m", "exp_samples": expected}]},
        step,
    )


def syntax_errors(
    rules: Rules,
    series: Mapping[str, str],
    *,
    minutes: int,
    alert: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
) -> str:
    """Return the differences between the texts of a firing alert and the right ones; empty if none."""
    expected = [{"exp_labels": dict(labels), "exp_annotations": dict(annotations)}]
    return _test(
        rules,
        series,
        {"alert_rule_test": [{"eval_time": f"{minutes}m", "alertname": alert, "exp_alerts": expected}]},
    )


def _test(rules: Rules, series: Mapping[str, str], expected: Mapping[str, object], step: int = 1) -> str:
    with tempfile.TemporaryDirectory() as folder:
        test = {
            "interval": f"{step}m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            **expected,
        }
        _write(Path(folder), "rules.json", rules)
        return _run(
            "test",
            "rules",
            _write(
                Path(folder),
                "test.json",
                {"rule_files": ["rules.json"], "evaluation_interval": f"{step}m", "tests": [test]},
            ),
        )


def _write(folder: Path, name: str, content: Rules) -> Path:
    # JSON is YAML, which promtool reads.
    (folder / name).write_text(json.dumps(content))
    return folder / name


def _run(*arguments: str | Path) -> str:
    assert _PROMTOOL
    done = subprocess.run([_PROMTOOL, *arguments], capture_output=True, text=True, timeout=30)
    return f"{done.stdout}{done.stderr}" if done.returncode else ""
