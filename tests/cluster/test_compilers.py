"""Istio's own compiler and the sandbox's compile policies to rules that mean the same."""

import http.client
import itertools
import json
import os
import ssl
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from charmlibs.interfaces.service_mesh import PolicyTargetType
from istio_policies import DesiredPolicies, PolicyRequestFrom, authorization_policies
from k8s_charm import Owner, manifest
from sandbox.control_plane import POLICY_COMPILER, NotAvailableError
from sandbox.mesh import (
    Account,
    Addresses,
    CertificateAuthority,
    Envoy,
    Identity,
    PodState,
    PolicyState,
    ServiceState,
    WaypointState,
    at_pod,
    at_waypoint,
    http_rbac,
    tcp_rbac,
)
from tests.cluster.policy_corpus import MODEL, PORTS, SEED, Example, Request, examples, pod_labels

pytestmark = pytest.mark.fidelity

EXAMPLES = int(os.environ.get("POLICY_EXAMPLES", "250"))
REQUESTS = 16
WAYPOINT = WaypointState(MODEL, "waypoint")
ISTIO, SANDBOX = "istio", "sandbox"

Json = dict[str, Any]
Rbac = Mapping[int, Sequence[Json]]
"""By the port that is asked: Envoy's RBAC configurations, all of which must let a request through."""

_TYPES = "type.googleapis.com/envoy"
_HTTP = f"{_TYPES}.extensions.filters.http"


@dataclass(frozen=True)
class Case:
    """An example as Kubernetes has it."""

    example: Example
    policies: Sequence[Json]

    @classmethod
    def of(cls, example: Example) -> "Case":
        requested = [PolicyRequestFrom(policy) for policy in example.policies]
        made = authorization_policies(DesiredPolicies(requested), owner=Owner("beacon", MODEL))
        return cls(example, [manifest(each) for each in made] + (_allow_nothing() if example.closed else []))

    @property
    def is_at_service(self) -> bool:
        return self.example.at is PolicyTargetType.app

    def question(self) -> Json:
        """Return the case as input of Istio's compiler."""
        if self.is_at_service:
            waypoint = {"namespace": WAYPOINT.namespace, "name": WAYPOINT.name}
            place = {"service": {"namespace": MODEL, "name": self.example.app, "waypoint": waypoint}}
        else:
            place = {"pod": {"namespace": MODEL, "labels": pod_labels(self.example.app)}}
        return {"policies": self.policies, **place}

    def of_sandbox(self) -> Rbac:
        """Compile it with the sandbox's compiler."""
        app = self.example.app
        policies = [
            PolicyState(each["metadata"]["namespace"], each["metadata"]["name"], each["spec"])
            for each in self.policies
        ]
        pod = PodState(MODEL, f"{app}-0", Account(MODEL, app), pod_labels(app), in_mesh=True)
        if not self.is_at_service:
            return {port: tcp_rbac(at_pod(policies, pod), port) for port in PORTS}
        service = ServiceState(MODEL, app, {port: port for port in PORTS}, (pod,), WAYPOINT, headless=False)
        return {port: http_rbac(at_waypoint(policies, service, WAYPOINT), port) for port in PORTS}


def _principal(app: str) -> str:
    return f"cluster.local/ns/{MODEL}/sa/{app}"


def _allow_nothing() -> list[Json]:
    """Return policies that deny by default, at pods and at waypoints."""
    waypoints = {"group": "gateway.networking.k8s.io", "kind": "GatewayClass", "name": "istio-waypoint"}
    return [
        {"metadata": {"namespace": "istio-system", "name": name}, "spec": spec}
        for name, spec in (("nothing", {}), ("nothing-at-waypoints", {"targetRefs": [waypoints]}))
    ]


def of_istio(cases: Sequence[Case]) -> list[Rbac]:
    """Compile each case with Istio's compiler; the result is the same for all ports."""
    questions = "\n".join(json.dumps(case.question()) for case in cases)
    done = subprocess.run(
        [POLICY_COMPILER.build()], input=questions, capture_output=True, text=True, check=True
    )
    answers = map(json.loads, done.stdout.splitlines())
    return [{port: [each["rules"] for each in filters] for port in PORTS} for filters in answers]


class Judge:
    """A real Envoy that reports whether rules allow requests.

    A request names its rules in a header: each set of rules has a route, and so thousands of requests come
    over a handful of connections.
    """

    HEADER = "x-rules"

    def __init__(self, directory: Path, rules: Mapping[str, Rbac]):
        self._addresses = Addresses()
        (directory / "identities").mkdir()
        self._authority = CertificateAuthority(directory / "identities")
        self._envoy = Envoy("judge", directory)
        self._connections: dict[tuple[tuple[str, str], int], http.client.HTTPSConnection] = {}
        server = self._authority.identity(Account(MODEL, "judge"))
        filters = max(max(map(len, rbac.values())) for rbac in rules.values())
        self._envoy.configure([self._listener(port, server, rules, filters) for port in PORTS], [])

    def __enter__(self) -> "Judge":
        self._envoy.start()
        return self

    def __exit__(self, *_: object) -> None:
        for connection in self._connections.values():
            connection.close()
        self._envoy.stop()
        self._addresses.close()

    def allows(self, rules: str, request: Request) -> bool:
        connection = self._connection(request.source, request.port)
        # The path is sent as it is: a client would normalise it.
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": request.host, self.HEADER: rules, "Content-Length": "0"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.read()
        assert answer.status in (200, 403), answer.status
        return answer.status == 200

    def _connection(self, source: tuple[str, str], port: int) -> http.client.HTTPSConnection:
        key = source, port
        if key not in self._connections:
            identity = self._authority.identity(Account(*source))
            context = ssl.create_default_context(cafile=str(identity.authority))
            context.check_hostname = False
            context.load_cert_chain(identity.certificate, identity.key)
            self._connections[key] = http.client.HTTPSConnection(
                self._addresses.host, port, context=context, timeout=10
            )
        return self._connections[key]

    def _listener(self, port: int, server: Identity, rules: Mapping[str, Rbac], filters: int) -> Json:
        proof = {
            "certificate_chain": {"filename": str(server.certificate)},
            "private_key": {"filename": str(server.key)},
        }
        tls = {
            "@type": f"{_TYPES}.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "require_client_certificate": True,
            "common_tls_context": {
                "tls_certificates": [proof],
                "validation_context": {"trusted_ca": {"filename": str(server.authority)}},
            },
        }
        names = [f"rbac-{number}" for number in range(filters)]
        checks = [{"name": name, "typed_config": {"@type": f"{_HTTP}.rbac.v3.RBAC"}} for name in names]
        router = {"name": "router", "typed_config": {"@type": f"{_HTTP}.router.v3.Router"}}
        routes = [self._route(key, names, rbac[port]) for key, rbac in rules.items()]
        manager = {
            "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "judge",
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
            "http_filters": [*checks, router],
        }
        return {
            "name": f"port {port}",
            "address": {"socket_address": {"address": self._addresses.host, "port_value": port}},
            "filter_chains": [
                {
                    "transport_socket": {"name": "tls", "typed_config": tls},
                    "filters": [{"name": "http", "typed_config": manager}],
                }
            ],
        }

    def _route(self, key: str, names: Sequence[str], rbac: Sequence[Json]) -> Json:
        header = {"name": self.HEADER, "string_match": {"exact": key}}
        own = {
            name: {"@type": f"{_HTTP}.rbac.v3.RBACPerRoute", "rbac": {"rules": rules}}
            for name, rules in zip(names, rbac, strict=False)
        }
        return {
            "match": {"prefix": "/", "headers": [header]},
            "direct_response": {"status": 200},
            "typed_per_filter_config": own,
        }


@dataclass(frozen=True)
class Verdict:
    """The verdict on one request by each way of judging."""

    case: Case
    request: Request
    meant: bool
    istio: bool
    sandbox: bool


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> list[Verdict]:
    cases = [Case.of(example) for example in examples(EXAMPLES, REQUESTS)]
    try:
        compiled = of_istio(cases)
    except NotAvailableError as missing:
        pytest.skip(str(missing))
    rules = {f"{ISTIO}-{number}": rbac for number, rbac in enumerate(compiled)}
    rules |= {f"{SANDBOX}-{number}": case.of_sandbox() for number, case in enumerate(cases)}
    with Judge(tmp_path_factory.mktemp("j"), rules) as judge:
        verdicts: list[Verdict] = []
        for number, case in enumerate(cases):
            for request in case.example.requests:
                by_istio = judge.allows(f"{ISTIO}-{number}", request)
                by_sandbox = judge.allows(f"{SANDBOX}-{number}", request)
                verdicts.append(Verdict(case, request, case.example.allows(request), by_istio, by_sandbox))
        return verdicts


def described(wrong: Sequence[Verdict]) -> Iterator[str]:
    yield f"{len(wrong)} with POLICY_SEED={SEED}, such as:"
    for verdict in wrong[:3]:
        policies = [
            json.dumps(policy.model_dump(mode="json", exclude_none=True))
            for policy in verdict.case.example.policies
        ]
        yield "\n  ".join([f"{verdict.request} at {verdict.case.example.app}", *policies])
        yield f"  meant {verdict.meant}, Istio {verdict.istio}, sandbox {verdict.sandbox}"


def test_there_are_enough_verdicts_of_every_sort(verdicts: list[Verdict]):
    number: defaultdict[tuple[bool, bool], int] = defaultdict(int)
    for verdict in verdicts:
        number[verdict.case.is_at_service, verdict.meant] += 1
    assert len(verdicts) >= 2000
    assert min(number.values()) >= 100, number


def test_istio_allows_what_policies_mean(verdicts: list[Verdict]):
    wrong = [verdict for verdict in verdicts if verdict.istio is not verdict.meant]
    assert not wrong, "\n".join(described(wrong))


def test_sandbox_allows_what_istio_does(verdicts: list[Verdict]):
    wrong = [verdict for verdict in verdicts if verdict.sandbox is not verdict.istio]
    assert not wrong, "\n".join(described(wrong))


OWN, TO_8080 = {"source": {"principals": [_principal("cart")]}}, {"operation": {"ports": ["8080"]}}
ALSO_ABOUT_HTTP = {
    "an operation": {"from": [OWN], "to": [TO_8080, {"operation": {"ports": ["8081"], "methods": ["GET"]}}]},
    "a source": {"from": [OWN, {"source": {"requestPrincipals": ["*"]}}], "to": [TO_8080]},
    "who must not ask": {"from": [{"source": {"notRequestPrincipals": ["x/y"]}}], "to": [TO_8080]},
}


@pytest.mark.parametrize("action", ["ALLOW", "DENY"])
def test_http_rules_at_pods_compile_as_istios(action: str, tmp_path_factory: pytest.TempPathFactory):
    """Istio omits the whole rule if it allows, also the part about TCP alone."""
    requests = [Request(("shop", app), port) for app, port in itertools.product(("cart", "ca"), PORTS)]
    example = Example((), "catalogue", PolicyTargetType.unit, closed=False, requests=requests)
    rules: dict[str, Rbac] = {}
    for number, rule in enumerate(ALSO_ABOUT_HTTP.values()):
        spec = {"action": action, "rules": [rule, {"to": [{"operation": {"ports": ["15090"]}}]}]}
        case = Case(example, [{"metadata": {"namespace": MODEL, "name": "mixed"}, "spec": spec}])
        try:
            (rules[f"{ISTIO}-{number}"],) = of_istio([case])
        except NotAvailableError as missing:
            pytest.skip(str(missing))
        rules[f"{SANDBOX}-{number}"] = case.of_sandbox()
    with Judge(tmp_path_factory.mktemp("j"), rules) as judge:
        for number, name in enumerate(ALSO_ABOUT_HTTP):
            by_istio = [judge.allows(f"{ISTIO}-{number}", each) for each in requests]
            by_sandbox = [judge.allows(f"{SANDBOX}-{number}", each) for each in requests]
            assert by_sandbox == by_istio, name
            if action == "ALLOW":
                assert by_istio == [each.port == 15090 for each in requests], name
