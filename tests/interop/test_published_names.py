"""The names of the published libraries, compared with ours: `tox run -e published` installs them.

`REASONS` has every missing or different name, and no others.
"""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DESCRIBE = Path(__file__).parent / "published" / "describe.py"
PUBLISHED = Path(os.environ.get("PUBLISHED", ROOT / ".tox" / "published-libraries"))

Facts = dict[str, dict[str, Any]]

_INSIDE = "a part of the published coordinator that no charm imports"
_ALIAS = "the type of a parameter; no charm imports it"
_LOGS = "logs are forwarded by Worker itself; no charm makes one"
_NO_EFFECT = "imported there by accident; a test that patched it there would change nothing"
_OF_COSL = "imported there by accident; cosl.reconciler has it"
REASONS = {
    "coordinated_workers.current_package": "a variable of the module, by accident",
    "coordinated_workers.coordinator.NON_RECONCILABLE_EVENTS": "imported there by accident; helpers has it",
    "coordinated_workers.worker.NON_RECONCILABLE_EVENTS": "imported there by accident; helpers has it",
    "coordinated_workers.coordinator.all_events": _OF_COSL,
    "coordinated_workers.worker.all_events": _OF_COSL,
    "coordinated_workers.coordinator.Nginx": _NO_EFFECT,
    "coordinated_workers.coordinator.check_libs_installed": _NO_EFFECT,
    "coordinated_workers.worker.check_libs_installed": _NO_EFFECT,
    "coordinated_workers.service_mesh.ClusterProvider": _NO_EFFECT,
    "coordinated_workers.coordinator.Coordinator.__init__": "4.x lacks two parameters of 2.x in the middle; "
    "charms give these by name",
    "coordinated_workers.coordinator.Coordinator.s3_requirer": "of another library; see s3_connection_info",
    "coordinated_workers.interfaces.cluster.ConfigReceivedEvent.__init__": "only the framework makes events",
    "coordinated_workers.interfaces.cluster.ConfigReceivedEvent.config": "only the framework makes events",
    "coordinated_workers.interfaces.cluster.ConfigReceivedEvent.relation": "set by accident: no relation",
    "coordinated_workers.nginx.sha256": _INSIDE,
    "coordinated_workers.nginx.NginxConfig.otel_module_path": _INSIDE,
    "coordinated_workers.nginx.NginxPrometheusExporter.ca_cert_path": "the exporter verifies no certificate",
    "coordinated_workers.nginx.NginxPrometheusExporter.command": "in `layer`",
    "coordinated_workers.nginx.NginxPrometheusExporter.web_config": _INSIDE,
    "coordinated_workers.service_mesh.initialize": _INSIDE,
    "coordinated_workers.service_mesh.reconcile_cluster_internal_mesh_policies": _INSIDE,
    "coordinated_workers.worker.ManualLogForwarder": _LOGS,
    "coordinated_workers.worker.ManualLogForwarder.__init__": _LOGS,
    "coordinated_workers.worker.ManualLogForwarder.update_logging": _LOGS,
    "coordinated_workers.worker.ManualLogForwarder.disable_logging": _LOGS,
    "coordinated_workers.worker_telemetry.RemoteWriteEndpointGetter": _ALIAS,
    "coordinated_workers.worker_telemetry.WorkerTopology": _ALIAS,
    "coordinated_workers.worker_telemetry.get_upstreams_to_addresses": _INSIDE,
    "coordinated_workers.worker_telemetry.get_nginx_upstreams_and_locations": _INSIDE,
}

OVERRIDDEN = (
    "coordinator.Coordinator._charm_tracing_receivers_urls",
    "coordinator.Coordinator._workload_tracing_receivers_urls",
    "coordinator.Coordinator._setup_charm_tracing",
    "coordinator.Coordinator._reconcile_charm_labels",
    "coordinator.Coordinator._reconcile_cluster_internal_mesh_policies",
    "coordinator.Coordinator._consolidate_alert_rules",
    "coordinator.Coordinator._default_active_message",
    "coordinator.Coordinator._s3_config",
    "coordinator.Client",
    "coordinator.KubernetesComputeResourcesPatch",
    "coordinator.CONSOLIDATED_METRICS_ALERT_RULES_PATH",
    "coordinator.CONSOLIDATED_LOGS_ALERT_RULES_PATH",
    "coordinator.reconcile_charm_labels",
    "nginx.Path.write_text",
    "service_mesh.Client",
    "service_mesh.PolicyResourceManager",
    "worker.Client",
    "worker.KubernetesComputeResourcesPatch",
    "worker.Worker._on_collect_status",
    "worker.Worker._reconcile_charm_labels",
    "worker.Worker._running_worker_config",
    "worker.Worker._worker_config",
    "worker.Worker.SERVICE_START_RETRY_STOP",
    "worker.ROOT_CA_CERT",
    "worker.ROOT_CA_CERT_PATH",
)
"""Private names, and names of other libraries, that charms and their tests override or patch."""

INPUT = {
    "NginxConfig": {"self"},
    "NginxLocationConfig": set[str](),
    "NginxMapConfig": set[str](),
    "NginxTracingConfig": set[str](),
    "NginxUpstream": {"address_lookup_key", "ignore_address_lookup_key"},
}
"""A class of charmlibs-nginx-k8s → its parameters that ours has under another name."""


def installed(name: str) -> list[Path]:
    found = sorted(PUBLISHED.glob(f"{name}-*"))
    return found or [PUBLISHED / f"{name}-missing"]


def described(package: str, python: str, path: Path) -> Facts:
    return json.loads(_describe(package, python, str(path)))


@functools.cache
def _describe(package: str, python: str, path: str) -> str:
    done = subprocess.run(
        [python, str(DESCRIBE), package],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def theirs(package: str, folder: Path) -> Facts:
    assert folder.is_dir(), "run `tox run -e peers,published` first"
    return described(package, os.environ["PEER_PYTHON"], folder)


def ours(package: str = "coordinated_workers") -> Facts:
    return described(package, sys.executable, ROOT / "lib")


def differences(published: Facts, own: Facts) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, fact in published.items():
        if name not in own:
            found[name] = "missing"
        elif difference := _difference(fact, own[name]):
            found[name] = difference
    return found


def _difference(theirs: dict[str, Any], own: dict[str, Any]) -> str | None:
    match theirs["kind"]:
        case "function" if own.get("binding") != theirs.get("binding"):
            return f"{own.get('binding')}, not {theirs.get('binding')}"
        case "function":
            return _difference_of_parameters(theirs["parameters"], own.get("parameters"))
        case "attribute" if own["kind"] == "function":
            return "a method, not a value"
        case "attribute" if own.get("read_only") and not theirs["read_only"]:
            return "read-only"
        case "class" if set(theirs["bases"]) - set(own.get("bases", ())):
            return f"a class from {own.get('bases')}, not {theirs['bases']}"
        case "class" if own.get("frozen") and not theirs["frozen"]:
            return "frozen"
        case "value" | "member":
            return (
                None if own.get("value") == theirs["value"] else f"{own.get('value')}, not {theirs['value']}"
            )
        case "field":
            is_equal = (own.get("required"), own.get("default")) == (theirs["required"], theirs["default"])
            # what is required there may be optional here
            is_fine = is_equal or theirs["required"] or own["kind"] == "attribute"
            return None if is_fine else "another default"
        case _:
            return None


def _difference_of_parameters(theirs: list[dict[str, Any]], own: list[dict[str, Any]] | None) -> str | None:
    if own is None:
        return "no function"
    for number, parameter in enumerate(theirs):
        if parameter["kind"] in ("VAR_POSITIONAL", "VAR_KEYWORD"):
            continue
        here = own[number] if number < len(own) else {}
        # what is required there may be optional here
        same = {**here, "required": True, "default": None} if parameter["required"] else here
        if same != parameter:
            return f"parameter {parameter['name']}"
    more = [parameter["name"] for parameter in own[len(theirs) :] if parameter["required"]]
    return f"more parameters: {more}" if more else None


@pytest.mark.parametrize("folder", installed("coordinated-workers"), ids=lambda folder: folder.name)
def test_all_that_is_published_is_here_but_for_reason(folder: Path):
    found = differences(theirs("coordinated_workers", folder), ours())
    assert {name: what for name, what in found.items() if name not in REASONS} == {}


def test_reasons_are_still_so():
    found = set[str]()
    for folder in installed("coordinated-workers"):
        found |= differences(theirs("coordinated_workers", folder), ours()).keys()
    if any(folder.name.endswith("-newest") for folder in installed("coordinated-workers")):
        pytest.skip("the newest release alone does not have all that older ones have")
    assert REASONS.keys() - found == set()


@pytest.mark.parametrize("name", OVERRIDDEN)
def test_what_charms_override_and_patch_is_here(name: str):
    module, *path = name.split(".")
    code = (
        f"import coordinated_workers.{module} as module\nfor name in {path!r}: module = getattr(module, name)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT / "lib")}, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize(
    "folder", installed("charmlibs-interfaces-service-mesh"), ids=lambda folder: folder.name
)
def test_all_of_the_mesh_library_is_here(folder: Path):
    package = "charmlibs.interfaces.service_mesh"
    assert differences(theirs(package, folder), ours(package)) == {}


@pytest.mark.parametrize("folder", installed("canonical-service-mesh"), ids=lambda folder: folder.name)
def test_the_manager_of_policies_has_all_that_is_published(folder: Path):
    package, name = "canonical_service_mesh.k8s.resource_manager", "PolicyResourceManager"
    published = {
        fact.removeprefix(f"{package}."): value
        for fact, value in theirs(package, folder).items()
        if fact.startswith(f"{package}.{name}")
    }
    own = {fact.removeprefix("istio_policies."): value for fact, value in ours("istio_policies").items()}
    assert published and differences(published, own) == {}


@pytest.mark.parametrize("folder", installed("charmlibs-nginx-k8s"), ids=lambda folder: folder.name)
def test_all_that_charmlibs_nginx_can_be_given_is_taken(folder: Path):
    published = theirs("charmlibs.nginx_k8s", folder)
    missing = {
        cls: sorted(_parameters(published, cls) - _own_parameters(cls) - known)
        for cls, known in INPUT.items()
    }
    assert not any(missing.values()), missing


def _parameters(published: Facts, cls: str) -> set[str]:
    return {each["name"] for each in published[f"charmlibs.nginx_k8s.{cls}.__init__"]["parameters"]}


def _own_parameters(cls: str) -> set[str]:
    return {each["name"] for each in ours()[f"coordinated_workers.nginx.{cls}.__init__"]["parameters"]}
