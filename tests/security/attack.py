"""A charm that is attacked over one of its relations, and its observable state."""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from lightkube import Client
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import Service
from ops import testing

from coordinated_workers.workload import FILES
from istio_policies import AuthorizationPolicy, Gateway
from k8s_charm import manifest
from tests.security.databags import Written
from tests.security.worlds import ACCOMPLICE, MALLORY, MODEL, World, signed, with_data
from tests.support.nginx_process import RealNginx
from tests.support.nginx_text import arguments, find, locations, parsed

# Rules contain the number of problems, and may change.
_TELLS_WHAT_IS_WRONG = "alert_rules"


@dataclass(frozen=True)
class Seen:
    """The outcome of a hook."""

    state: testing.State
    logs: list[str]
    others: dict[str, Any]
    """All that is there because of others than the attacker, as far as its place shows that."""
    nginx_conf: str
    policies: list[dict[str, Any]]


@dataclass
class Attack:
    """Runs hooks of a charm with valid data, except for those that attackers write over one endpoint."""

    world: World
    endpoint: str
    folder: Path
    """Where nginx finds what its configuration names."""
    base: testing.State = field(init=False)
    mallory: testing.RelationBase = field(init=False)
    valid: Written = field(init=False)
    """What the attacker would write if it were none."""

    def __post_init__(self) -> None:
        world, endpoint = self.world, self.endpoint
        self._accepted: set[str] = set()
        self._client = Client(namespace=MODEL.name, field_manager="the-test")
        self.valid = world.written[endpoint](MALLORY)
        others = [
            world.relation(each, "good", make("good"))
            for each, make in world.written.items()
            if each != endpoint or not world.is_for_one(each)
        ]
        if endpoint == "provide-cmr-mesh":
            # the claimed identity matters only where it requests access
            endpoint = "kv-api" if world.app == "kv" else "metrics-endpoint"
            others.append(world.relation(endpoint, MALLORY, Written({}, {})))
        # It is the last one, which decides where the last one counts.
        self.mallory = world.relation(endpoint, MALLORY, Written({}, {}))
        # A store without data makes the whole cluster wait.
        attackers = [] if endpoint == "s3" else [self.mallory]
        if attackers and not world.is_for_one(endpoint):
            attackers.append(world.relation(endpoint, ACCOMPLICE, Written({}, {})))
        state = self._settled(self._run(world.state([*others, *attackers])).state)
        relations = {each.id: each for each in (self.mallory, *state.relations)}
        self.base = dataclasses.replace(state, relations=frozenset(relations.values()))
        self.known_files = self.files(self.base) | {f"worker:{each}" for each in FILES}
        if endpoint == "certificates":
            self.known_files |= self.files(self.hook(self.valid).state)
        self.before = self._run(self.base).others if endpoint != "s3" else self._seen(self.base).others

    def _settled(self, state: testing.State) -> testing.State:
        """The state once certificates are signed and nothing is left to do."""
        for relation in state.relations:
            if relation.endpoint == "certificates":
                answer = signed(cast("testing.Relation", relation))
                if self.endpoint == "certificates":
                    self.valid = answer
                else:
                    others = {each for each in state.relations if each.id != relation.id}
                    state = dataclasses.replace(
                        state, relations=frozenset({*others, with_data(relation, answer)})
                    )
        return self._run(self._run(state).state).state

    def hook(self, written: Written, event: str = "relation_changed") -> Seen:
        """Run a hook after the attacker has written this."""
        relations = {
            with_data(each, written) if self.is_hostile(each) else each for each in self.base.relations
        }
        state = dataclasses.replace(self.base, relations=frozenset(relations))
        return self._run(state, event, state.get_relation(self.mallory.id))

    def is_hostile(self, relation: testing.RelationBase) -> bool:
        """Return whether an attacker is at the other end."""
        app = getattr(relation, "remote_app_name", None)
        return relation.id == self.mallory.id or (relation.endpoint == self.endpoint and app == ACCOMPLICE)

    def forget(self) -> None:
        """Delete the policies that the attacker has caused so far."""
        for policy in self._policies():
            if "mallory" in json.dumps(policy["metadata"].get("annotations", {})):
                self._client.delete(AuthorizationPolicy, policy["metadata"]["name"])

    def _run(
        self, state: testing.State, event: str = "update_status", relation: testing.RelationBase | None = None
    ) -> Seen:
        context = self.world.context
        context.juju_log.clear()
        context.emitted_events.clear()
        context.unit_status_history.clear()
        make = getattr(context.on, event)
        if relation is None or not event.startswith("relation"):
            made = make()
        elif event in ("relation_created", "relation_broken"):
            made = make(relation)
        else:
            made = make(relation, remote_unit=1 if isinstance(relation, testing.PeerRelation) else 0)
        return self._seen(context.run(made, state))

    def _seen(self, state: testing.State) -> Seen:
        policies = self._policies()
        return Seen(
            state=state,
            logs=[line.message for line in self.world.context.juju_log],
            others=self._others(state, policies),
            nginx_conf=self.file(state, "nginx", "etc/nginx/nginx.conf"),
            policies=policies,
        )

    def file(self, state: testing.State, container: str, path: str) -> str:
        if container not in self.world.meta["containers"]:
            return ""
        file: Path = state.get_container(container).get_filesystem(self.world.context) / path
        return file.read_text() if file.exists() else ""

    def files(self, state: testing.State) -> set[str]:
        """The files in the charm's containers."""
        roots = {each.name: each.get_filesystem(self.world.context) for each in state.containers}
        found: set[str] = set()
        for name, root in roots.items():
            files = (file for file in root.rglob("*") if not file.is_dir())
            found |= {f"{name}:/{file.relative_to(root)}" for file in files}
        return found

    def nginx_refuses(self, text: str) -> str | None:
        """Return a real nginx's error about a configuration, if any."""
        if not text or text in self._accepted:
            return None
        try:
            RealNginx(self.folder, text).test()
        except AssertionError as refusal:
            return f"nginx refuses: {refusal!s:.500}"
        self._accepted.add(text)
        return None

    def _policies(self) -> list[dict[str, Any]]:
        return [
            cast("dict[str, Any]", manifest(each))
            for each in self._client.list(AuthorizationPolicy, namespace="*")
        ]

    def _others(self, state: testing.State, policies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        applications = {}
        for kind in (StatefulSet, Service):
            for each in self._client.list(kind):
                plain = cast("dict[str, Any]", manifest(each))
                labels = plain["metadata"].get("labels") or {}
                template = plain["spec"].get("template", {}).get("metadata", {})
                applications[f"{kind.__name__} {plain['metadata']['name']}"] = {
                    "own": labels,
                    "pods": template,
                }
        return {
            "applications": applications,
            "databags": _databags(each for each in state.relations if not self.is_hostile(each)),
            "nginx": _nginx(self.file(state, "nginx", "etc/nginx/nginx.conf")),
            "policies": {
                each["metadata"]["name"]: each["spec"] for each in policies if not is_on_mallory(each["spec"])
            },
            "gateways": {
                each["metadata"]["name"]: each["spec"] for each in map(manifest, self._client.list(Gateway))
            },
        }


def is_on_mallory(spec: Mapping[str, Any]) -> bool:
    """Return whether a policy is for the attacker's own application alone."""
    if references := spec.get("targetRefs"):
        return all(each["name"] in (MALLORY, ACCOMPLICE) for each in references)
    labels: dict[str, str] = spec.get("selector", {}).get("matchLabels", {})
    return labels.get("app.kubernetes.io/name") in (MALLORY, ACCOMPLICE)


def _databags(relations: Iterable[testing.RelationBase]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    others = [relation for relation in relations if relation.endpoint != "certificates"]
    for relation, side in itertools.product(others, ("local_app_data", "local_unit_data")):
        for key, value in getattr(relation, side, {}).items():
            if key != _TELLS_WHAT_IS_WRONG and not key.endswith("-address"):
                found[f"{relation.endpoint} {relation.id} {side} {key}"] = _data(value)
    return found


def _data(text: str) -> Any:
    """Return the value of a text that may be JSON, also with nested JSON."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, str):
        return _data(value)
    return value


def _nginx(text: str) -> dict[str, Any]:
    directives = parsed(text)
    of_servers: dict[str, list[str]] = {}
    for server in find(directives, "server"):
        for location in locations(server[2]):
            of_servers[f"{server[2][0][1][0]} {location[1]}"] = list(map(str, location[2]))
    return {
        "upstreams": {each[1][0]: arguments(each[2], "server") for each in find(directives, "upstream")},
        "locations": of_servers,
    }


def lost(before: object, after: object, place: str = "") -> list[str]:
    """Return the parts of `before` that are not in `after`, which may have more.

    Empty texts, and those about the attacker, do not count.
    """
    if isinstance(before, str) and MALLORY in before:
        return []
    if isinstance(before, dict):
        if not isinstance(after, dict):
            return [f"{place}: {after!r:.200}"] if before else []
        lines: list[str] = []
        for key, value in before.items():
            if key in after and MALLORY not in key:
                lines += lost(value, after[key], f"{place}/{key}")
            elif MALLORY not in key:
                lines.append(f"{place}/{key} is gone")
        return lines
    if isinstance(before, list | tuple):
        if not isinstance(after, list | tuple):
            return [f"{place}: {after!r:.200}"] if before else []
        return [
            f"{place}: no {item!r:.200}"
            for item in before
            if MALLORY not in repr(item) and not any(not lost(item, other) for other in after)
        ]
    return [] if before in (after, "", None) else [f"{place}: {before!r:.200} is now {after!r:.200}"]
