"""The work of the real istiod for policies: with one object for each policy, or for each target.

Each application of a model allows as many others at its Service, which its waypoint enforces, as at its pods,
which ztunnel does.
"""

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lightkube.generic_resource import GenericNamespacedResource

from istio_policies import AuthorizationPolicy

from .ambient_mesh import AmbientMesh, MeshApp, ambient_mesh
from .findings import CPU, SECONDS, Case, Findings, Progress, Quantity
from .xds import XdsClient

TOPIC = "istiod"
START, CHANGE = "istiod: all policies", "istiod: one policy"
PER_POLICY, PER_TARGET = "an object each policy", "an object each target"
FORMS = (PER_POLICY, PER_TARGET)
FROM_NOTHING = "from nothing"
SENT = Quantity("sent to one proxy", "kB")
RESOURCES = Quantity("resources sent")
OBJECTS = Quantity("objects")
LARGEST = Quantity("largest object", "kB")
STATUSES = Quantity("time until each has a status", "s")
ISTIOD_MEMORY = Quantity("istiod's memory", "MB")

_SOURCES = 10
_CLIENTS = [f"client-{number}" for number in range(_SOURCES)]
_ROUNDS = 3
_PATIENCE = 300.0
_QUIET = 1.0

Json = dict[str, Any]


@dataclass(frozen=True)
class _Target:
    """A Service, or its pods, and the accounts that each of its policies allows, by the policies' names."""

    app: MeshApp
    is_service: bool
    accounts: dict[str, str]

    def objects(self, form: str, only: str | None = None) -> Iterator[GenericNamespacedResource]:
        """Return its AuthorizationPolicies, or only the one that contains a named policy."""
        rules = {name: self._rule(account) for name, account in self.accounts.items()}
        if form == PER_TARGET:
            yield self._object("all", list(rules.values()))
        else:
            for name, rule in rules.items():
                if only in (None, name):
                    yield self._object(name, [rule])

    def _rule(self, account: str) -> Json:
        operation: Json = {"ports": ["80"]}
        if self.is_service:
            operation |= {"methods": ["GET", "POST"], "paths": ["/api/{*}", "/health"]}
        principal = f"cluster.local/ns/{self.app.model}/sa/{account}"
        return {"from": [{"source": {"principals": [principal]}}], "to": [{"operation": operation}]}

    def _object(self, name: str, rules: list[Json]) -> GenericNamespacedResource:
        kind = "service" if self.is_service else "pods"
        metadata = {"name": f"{self.app.name}.{kind}.{name}", "namespace": self.app.model}
        where: Json = {"selector": {"matchLabels": {"app.kubernetes.io/name": self.app.name}}}
        if self.is_service:
            where = {"targetRefs": [{"group": "", "kind": "Service", "name": self.app.name}]}
        return AuthorizationPolicy.from_dict({"metadata": metadata, "spec": {"rules": rules, **where}})


def measure(findings: Findings, *, size: int, models: int, progress: Progress) -> None:
    """Measure a number of policies in a number of models, in each form."""
    spread = f", {models} models" if models > 1 else ""
    for form in FORMS:
        progress(f"{size:,} policies{spread}, {form}")
        with ambient_mesh(max(models, size // (2 * _SOURCES)), models) as mesh:
            targets = [
                _Target(app, is_service, {each: each for each in _CLIENTS})
                for app, is_service in itertools.product(mesh.apps, (True, False))
            ]
            case = Case(START, f"{FROM_NOTHING}{spread}", size)
            findings.add(case, form, _from_nothing(mesh, form, targets))
            for target, proxy in ((targets[0], mesh.waypoint), (targets[1], mesh.ztunnel)):
                where = "a Service" if target.is_service else "pods"
                progress(f"{size:,} policies{spread}, {form}, changes on {where}")
                for number in range(_ROUNDS):
                    for what, name in (("more", f"more-{number}"), ("changed", _CLIENTS[0])):
                        account = f"{what}-{number}"
                        target.accounts[name] = account
                        took = _change(mesh, proxy, list(target.objects(form, name)), account)
                        findings.add(Case(CHANGE, f"{what}, on {where}{spread}", size), form, took)


def _from_nothing(mesh: AmbientMesh, form: str, targets: list[_Target]) -> dict[Quantity, float]:
    objects = list(itertools.chain.from_iterable(target.objects(form) for target in targets))
    before, began = mesh.cpu(), time.monotonic()
    mesh.write_all(mesh.client.create, objects)
    mesh.wait_for_statuses()
    statuses = time.monotonic() - began
    mesh.waypoint.wait_until_quiet(_QUIET)
    mesh.ztunnel.wait_until_quiet(_QUIET)
    return {
        OBJECTS: len(objects),
        LARGEST: max(len(json.dumps(each.to_dict())) for each in objects) / 1000,
        STATUSES: statuses,
        CPU: mesh.cpu() - before,
        ISTIOD_MEMORY: mesh.memory(),
    }


def _change(
    mesh: AmbientMesh, proxy: XdsClient, objects: list[GenericNamespacedResource], account: str
) -> dict[Quantity, float]:
    """Write the change, and return its cost until the proxy has the whole result."""
    already, before = len(proxy.received), mesh.cpu()
    began = time.monotonic()
    for each in objects:
        mesh.client.apply(each, force=True)
    arrived = proxy.wait_for(f"/sa/{account}".encode(), _PATIENCE)
    mesh.waypoint.wait_until_quiet(_QUIET)
    mesh.ztunnel.wait_until_quiet(_QUIET)
    received = proxy.received[already:]
    return {
        SECONDS: arrived.time - began,
        SENT: sum(each.size for each in received) / 1000,
        RESOURCES: sum(each.resources for each in received),
        CPU: mesh.cpu() - before,
    }
