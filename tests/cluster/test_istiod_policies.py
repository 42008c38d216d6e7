"""Policies on the real istiod: all are enforced, and ztunnel is sent what they mean."""

import itertools
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from charmlibs.interfaces.service_mesh import PolicyTargetType
from istio_policies import (
    AuthorizationPolicy,
    DesiredPolicies,
    PolicyRequestFrom,
    authorization_policies,
    enforcement,
)
from k8s_charm import Owner, manifest
from sandbox.control_plane import Connection, Istiod, RealKubernetes, Waypoints
from tests.cluster.policy_corpus import APPS, MODEL, SEED, Example, Request, examples, pod_labels
from tests.support.kubernetes_api import MERGE

EXAMPLES = int(os.environ.get("POLICY_EXAMPLES", "60"))
REQUESTS = 16
WAYPOINT = "waypoint"

Json = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """An example in a namespace of its own, whose Services are behind a waypoint of another."""

    example: Example
    namespace: str
    policies: Sequence[Json]

    @classmethod
    def of(cls, example: Example, namespace: str) -> "Case":
        here = [each.model_copy(update={"target_namespace": namespace}) for each in example.policies]
        made = authorization_policies(
            DesiredPolicies([PolicyRequestFrom(policy) for policy in here]), owner=Owner("beacon", MODEL)
        )
        # Behind a waypoint, pods deny every source that no policy names.
        return cls(replace(example, closed=True), namespace, [manifest(each) for each in made])

    def create(self, admin: Connection, waypoints: str, address: str) -> None:
        labels = {"istio.io/use-waypoint": WAYPOINT, "istio.io/use-waypoint-namespace": waypoints}
        admin.must("POST", "/api/v1/namespaces", {"metadata": {"name": self.namespace, "labels": labels}})
        home = f"namespaces/{self.namespace}"
        for number, app in enumerate(APPS):
            spec: Json = {"selector": {"app.kubernetes.io/name": app}, "ports": [{"port": 8080}]}
            admin.must("POST", f"/api/v1/{home}/services", {"metadata": {"name": app}, "spec": spec})
            containers = [{"name": "c", "image": "i"}]
            metadata = {"name": f"{app}-0", "labels": pod_labels(app)}
            pod = {"metadata": metadata, "spec": {"containers": containers}}
            admin.must("POST", f"/api/v1/{home}/pods", pod)
            status = {"phase": "Running", "podIP": f"{address}.{number + 1}"}
            path = f"/api/v1/{home}/pods/{app}-0/status"
            admin.must("PATCH", path, {"status": status}, content_type=MERGE)
        for policy in self.policies:
            path = f"/apis/security.istio.io/v1/{home}/authorizationpolicies"
            admin.must(
                "POST",
                path,
                {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", **policy},
            )

    def read(self, admin: Connection) -> list[AuthorizationPolicy]:
        path = f"/apis/security.istio.io/v1/namespaces/{self.namespace}/authorizationpolicies"
        return [AuthorizationPolicy.from_dict(each) for each in admin.must("GET", path)["items"]]


class Sent:
    """Policies and workloads that istiod sends to ztunnel."""

    def __init__(self, istiod: Istiod):
        page = istiod.debug("ambientz")
        self.policies = {f"{each['namespace']}/{each['name']}": each for each in page["policies"] or ()}
        self.workloads = {f"{each['namespace']}/{each['name']}": each for each in page["workloads"] or ()}

    def attached(self, pod: str) -> list[str]:
        return self.workloads.get(pod, {}).get("authorizationPolicies", [])

    def allows(self, pod: str, request: Request) -> bool:
        """Return whether ztunnel allows a connection to a pod; at least one policy is attached to it."""
        return any(_allows(self.policies[name], request) for name in self.attached(pod))


def _allows(policy: Json, request: Request) -> bool:
    """See authorization.proto of Istio: groups are alternatives, all rules of one must have some match."""
    assert policy.get("action", "ALLOW") == "ALLOW"
    assert policy["scope"] == "WORKLOAD_SELECTOR"
    return any(
        all(any(_matches(match, request) for match in rule["matches"]) for rule in group.get("rules", ()))
        for group in policy["groups"]
    )


def _matches(match: Mapping[str, Any], request: Request) -> bool:
    assert match.keys() <= {"principals", "namespaces", "destinationPorts"}
    namespace, app = request.source
    principal = f"cluster.local/ns/{namespace}/sa/{app}"
    return (
        _is_one_of(match.get("principals"), principal)
        and _is_one_of(match.get("namespaces"), namespace)
        and request.port in match.get("destinationPorts", [request.port])
    )


def _is_one_of(alternatives: Sequence[Mapping[str, Any]] | None, value: str) -> bool:
    """See StringMatch of authorization.proto; an absent field restricts nothing."""
    return alternatives is None or any(
        each == {"exact": value} or (each.keys() == {"presence"} and value != "") for each in alternatives
    )


@pytest.fixture(scope="module")
def cases(kubernetes: RealKubernetes, istiod: Istiod) -> Iterator[list[Case]]:
    """Examples that istiod has already reconciled."""
    admin, name = kubernetes.admin, f"policies-{uuid.uuid4().hex[:6]}"
    cases = [
        Case.of(example, f"{name}-{number}") for number, example in enumerate(examples(EXAMPLES, REQUESTS))
    ]
    listener = {
        "name": "mesh",
        "port": 15008,
        "protocol": "HBONE",
        "allowedRoutes": {"namespaces": {"from": "All"}},
    }
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": WAYPOINT},
        "spec": {"gatewayClassName": "istio-waypoint", "listeners": [listener]},
    }
    gateways = f"/apis/gateway.networking.k8s.io/v1/namespaces/{name}/gateways"
    with Waypoints(admin):
        admin.must("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
        admin.must("POST", gateways, gateway)
        for number, case in enumerate(cases):
            case.create(admin, name, f"10.{100 + number // 250}.{number % 250}")
        end = time.monotonic() + 30
        while not is_at_rest(cases, admin, istiod, name) and time.monotonic() < end:
            time.sleep(0.3)
        yield cases
    admin.send("DELETE", f"{gateways}/{WAYPOINT}")
    for namespace in (name, *(case.namespace for case in cases)):
        admin.send("DELETE", f"/api/v1/namespaces/{namespace}")


def is_at_rest(cases: Sequence[Case], admin: Connection, istiod: Istiod, waypoints: str) -> bool:
    sent, implicit = Sent(istiod), f"{waypoints}/istio_allow_waypoint_{waypoints}_{WAYPOINT}"
    pods = [f"{case.namespace}/{app}-0" for case, app in itertools.product(cases, APPS)]
    reports = itertools.chain.from_iterable(enforcement(case.read(admin)) for case in cases)
    return all(implicit in sent.attached(pod) for pod in pods) and all(each.enforced for each in reports)


def described(case: Case) -> str:
    policies = [policy.model_dump_json(exclude_none=True) for policy in case.example.policies]
    return "\n  ".join([f"POLICY_SEED={SEED}, {case.example.app} in {case.namespace}", *policies])


def test_istiod_enforces_every_policy(cases: list[Case], kubernetes: RealKubernetes):
    number = 0
    for case in cases:
        for each in enforcement(case.read(kubernetes.admin)):
            assert each.enforced, f"{each}: {described(case)}"
            number += 1
    assert number > EXAMPLES


def test_ztunnel_is_sent_policies_on_pods_and_no_others(cases: list[Case], istiod: Istiod):
    sent = Sent(istiod)
    for case in cases:
        on_pods = {policy["metadata"]["name"] for policy in case.policies if "selector" in policy["spec"]}
        here = {policy["name"] for policy in sent.policies.values() if policy["namespace"] == case.namespace}
        assert here == on_pods, described(case)


def test_ztunnel_allows_what_policies_mean(cases: list[Case], istiod: Istiod):
    sent = Sent(istiod)
    number = {True: 0, False: 0}
    for case in cases:
        if case.example.at is PolicyTargetType.unit:
            for request in case.example.requests:
                meant = case.example.allows(request)
                pod = f"{case.namespace}/{case.example.app}-0"
                assert sent.allows(pod, request) is meant, f"{request}: {described(case)}"
                number[meant] += 1
    assert min(number.values()) > EXAMPLES / 4, number
