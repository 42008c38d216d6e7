"""What Prometheus and Loki are to watch a cluster for: this library's rules and the charm's.

A rule speaks of one application. `%%juju_topology%%` in its expression becomes the label matchers of that
application; where the charm has the `cos-tool` program, every selector gets them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import ops
import yaml

if TYPE_CHECKING:
    from cosl import JujuTopology

DEFAULT_RULES = Path(__file__).with_name("default_alert_rules")
CHARM_METRICS_RULES = Path("src/prometheus_alert_rules")
CHARM_LOGS_RULES = Path("src/loki_alert_rules")

_PLACEHOLDER = "%%juju_topology%%"
_SUFFIXES = (".rule", ".rules", ".yaml", ".yml")


@dataclass(frozen=True)
class WatchedApp:
    """An application that rules speak of."""

    name: str
    charm_name: str


def metrics_rules(charm: ops.CharmBase, workers: Iterable[WatchedApp]) -> dict[str, object]:
    """What Prometheus is to watch the coordinator's nginx and each worker application for."""
    own = charm_folder(charm) / CHARM_METRICS_RULES
    groups = _groups(charm, _this_app(charm), (DEFAULT_RULES / "nginx", own / "nginx"), "promql")
    for worker in workers:
        groups += _groups(charm, worker, (DEFAULT_RULES / "workers", own / "workers"), "promql")
    return {"groups": groups}


def logs_rules(charm: ops.CharmBase, workers: Iterable[WatchedApp]) -> dict[str, object]:
    """What Loki is to watch the logs of the coordinator and of each worker application for."""
    own = charm_folder(charm) / CHARM_LOGS_RULES
    groups = [group for app in (_this_app(charm), *workers) for group in _groups(charm, app, (own,), "logql")]
    return {"groups": groups} if groups else {}


def charm_folder(charm: ops.CharmBase) -> Path:
    """The folder that has the charm's `src`; Juju runs charms in it, tests may have it elsewhere."""
    return charm.charm_dir if (charm.charm_dir / "src").is_dir() else Path.cwd()


def _this_app(charm: ops.CharmBase) -> WatchedApp:
    return WatchedApp(charm.app.name, charm.meta.name)


def _groups(
    charm: ops.CharmBase, app: WatchedApp, folders: Iterable[Path], language: Literal["promql", "logql"]
) -> list[object]:
    files = [path for folder in folders for path in _rule_files(folder)]
    if not files:
        return []
    from cosl import AlertRules, JujuTopology

    topology = JujuTopology(
        model=charm.model.name, model_uuid=charm.model.uuid, application=app.name, charm_name=app.charm_name
    )
    rules = AlertRules(language, topology)
    for path in files:
        content = _about(topology, yaml.safe_load(path.read_text()))
        rules.add(
            cast("Mapping[str, Any]", content),
            group_name=path.stem,
            group_name_prefix=topology.identifier,
        )
    return list(rules.groups)


def _rule_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES and path.is_file())


def _about(topology: "JujuTopology", content: object) -> object:
    """The rules with the placeholder filled in; other text, such as the annotations, may hold it as well."""
    if isinstance(content, str):
        return content.replace(_PLACEHOLDER, _matchers(topology))
    if isinstance(content, list):
        return [_about(topology, item) for item in cast("list[object]", content)]
    if isinstance(content, dict):
        return {key: _about(topology, item) for key, item in cast("dict[str, object]", content).items()}
    return content


def _matchers(topology: "JujuTopology") -> str:
    labels = {
        key: value.replace("\\", "\\\\").replace('"', '\\"')
        for key, value in topology.alert_expression_dict.items()
    }
    return ", ".join(f'{key}="{value}"' for key, value in labels.items())
