"""The project's charms, each with an application at the other end of every relation."""

import dataclasses
import functools
import itertools
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import ops
import yaml
from charmlibs.interfaces.tls_certificates import (
    Certificate,
    CertificateRequestAttributes,
    CertificateSigningRequest,
    PrivateKey,
)
from lightkube import Client, KubeConfig, codecs
from ops import testing

from tests.security.databags import HUSH, Written
from tests.support.charms import CHARMS, load_charm

MODEL = testing.Model("shop", uuid="7c9e2a50-0000-4000-8000-000000000001")
MALLORY = "mallory"
"""The application whose databags are hostile."""
ACCOMPLICE = "mallory-too"
"""Another one, which writes the same, wherever there may be two."""


@dataclass(frozen=True)
class World:
    """A charm, and the data of its related applications."""

    charm: str
    app: str
    written: Mapping[str, Callable[[str], Written]]
    """Endpoint to what an application of this name writes that is as it should be."""
    containers: Callable[[], Iterable[testing.Container]]
    config: Mapping[str, bool | str]
    secrets: Callable[[], Iterable[testing.Secret]] = tuple
    say: str = ""
    """What is different about the charm, if it is not as it was built."""
    change: Callable[[type[ops.CharmBase]], type[ops.CharmBase]] = lambda charm: charm

    @functools.cached_property
    def meta(self) -> dict[str, Any]:
        return yaml.safe_load((CHARMS / self.charm / "charmcraft.yaml").read_text())

    @property
    def folder(self) -> Path:
        return CHARMS / self.charm

    @property
    def endpoints(self) -> dict[str, dict[str, Any]]:
        return {
            **self.meta.get("peers", {}),
            **self.meta.get("provides", {}),
            **self.meta.get("requires", {}),
        }

    @functools.cached_property
    def context(self) -> testing.Context[ops.CharmBase]:
        charm = self.change(load_charm(self.charm))
        meta = dict(self.meta)
        config, actions = meta.pop("config", None), meta.pop("actions", None)
        return testing.Context(charm, app_name=self.app, meta=meta, config=config, actions=actions)

    def is_for_one(self, endpoint: str) -> bool:
        return self.endpoints[endpoint].get("limit") == 1 or endpoint in self.meta.get("peers", {})

    def relation(self, endpoint: str, app: str, written: Written) -> testing.RelationBase:
        if endpoint in self.meta.get("peers", {}):
            return testing.PeerRelation(endpoint, peers_data={1: written.unit}, local_app_data=written.app)
        return testing.Relation(
            endpoint, remote_app_name=app, remote_app_data=written.app, remote_units_data={0: written.unit}
        )

    def state(self, relations: Iterable[testing.RelationBase]) -> testing.State:
        return testing.State(
            leader=True,
            model=MODEL,
            config=dict(self.config),
            containers=list(self.containers()),
            relations=list(relations),
            secrets=list(self.secrets()),
        )

    def deploy(self, kubeconfig: Path | str) -> None:
        """Create the objects that Juju creates for the application and for those that are related to it in
        its model.
        """
        client = Client(KubeConfig.from_file(str(kubeconfig)))
        _create(client, "v1", "Namespace", MODEL.name)
        for app in (self.app, "good", MALLORY, ACCOMPLICE, "bystander"):
            labels = {"app.kubernetes.io/name": app}
            containers = [{"name": name, "image": "i"} for name in ("charm", *self.meta["containers"])]
            spec = {
                "selector": {"matchLabels": labels},
                "serviceName": f"{app}-endpoints",
                "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
            }
            _create(client, "apps/v1", "StatefulSet", app, spec)
            _create(client, "v1", "Service", app, {"selector": labels, "ports": [{"port": 65535}]})

    def __str__(self) -> str:
        return self.charm + self.say


def fqdn(app: str) -> str:
    return f"{app}-0.{app}-endpoints.{MODEL.name}.svc.cluster.local"


def _create(client: Client, api: str, kind: str, name: str, spec: Mapping[str, Any] | None = None) -> None:
    place = {} if kind == "Namespace" else {"namespace": MODEL.name}
    client.create(
        codecs.from_dict(
            {"apiVersion": api, "kind": kind, "metadata": {"name": name, **place}, "spec": spec or {}}
        )
    )


# Valid data


def _app(sent: Mapping[str, object]) -> Callable[[str], Written]:
    return lambda _: Written({key: _text(value) for key, value in sent.items()}, {})


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _nothing(_: str) -> Written:
    return Written({}, {})


def _loki(app: str) -> Written:
    return Written(
        {}, {"endpoint": json.dumps({"url": f"http://{app}-0.{app}-endpoints.cos:3100/loki/api/v1/push"})}
    )


def _remote_write(app: str) -> Written:
    return Written(
        {}, {"remote_write": json.dumps({"url": f"http://{app}-0.{app}-endpoints.cos:9090/api/v1/write"})}
    )


def _worker(app: str) -> Written:
    topology = {"application": app, "unit": f"{app}/0", "charm_name": "demo-worker-k8s"}
    return Written(
        {"role": '"all"'}, {"juju_topology": json.dumps(topology), "address": json.dumps(fqdn(app))}
    )


def _consumer(app: str) -> Written:
    """It allows another application at itself."""
    common = {"source_namespace": MODEL.name, "source_app_name": "bystander", "target_namespace": MODEL.name}
    policies = [
        {
            **common,
            "target_app_name": app,
            "target_selector_labels": None,
            "target_service": None,
            "target_type": "app",
            "endpoints": [{"hosts": None, "ports": [80], "methods": ["GET"], "paths": ["/a/{*}", "/b*"]}],
        },
        {
            **common,
            "target_app_name": None,
            "target_selector_labels": {"app.kubernetes.io/name": app},
            "target_service": None,
            "target_type": "unit",
            "endpoints": [{"hosts": None, "ports": [9090], "methods": None, "paths": None}],
        },
        {
            **common,
            "target_app_name": app,
            "target_selector_labels": None,
            "target_service": app,
            "target_type": "app",
            "endpoints": [],
        },
    ]
    declared = [{"relation": "web", "endpoints": [], "service": None}, {"relation": "db", "ports": [1]}]
    return Written({"policies": json.dumps(policies), "declared_policies": json.dumps(declared)}, {})


def _tempo(app: str) -> Written:
    receivers = [
        {"protocol": {"name": "otlp_http", "type": "http"}, "url": f"http://{app}.cos:4318"},
        {"protocol": {"name": "otlp_grpc", "type": "grpc"}, "url": f"{app}.cos:4317"},
    ]
    return Written({"receivers": json.dumps(receivers)}, {})


_MESH_LABELS = {
    "istio.io/dataplane-mode": "ambient",
    "istio.io/use-waypoint": "shop-beacon-waypoint",
    "istio.io/use-waypoint-namespace": "shop",
}
_DATASOURCES = [{"type": "loki", "uid": "juju_loki_0", "grafana_uid": "g1"}]


def _coordinator(_: str) -> Written:
    url = "http://kv.shop.svc.cluster.local:3300/proxy"
    sent = {
        "worker_config": json.dumps({"port": 8080, "stores": [], "tls": None, "telemetry": {}}),
        "loki_endpoints": {"loki/0": f"{url}/loki/loki-0/push"},
        "charm_tracing_receivers": {"otlp_http": f"{url}/charm-tracing/otlp_http/"},
        "workload_tracing_receivers": {"otlp_http": f"{url}/workload-tracing/otlp_http/"},
        "remote_write_endpoints": [{"url": f"{url}/remote-write/p-0/write"}],
        "worker_ports": [8080],
        "ca_cert": certificate(),
        "server_cert": certificate(),
        "privkey_secret_id": key_secret().id,
        "s3_tls_ca_chain": certificate(),
        "worker_labels": {**_MESH_LABELS, "app.kubernetes.io/part-of": "kv"},
    }
    return Written({key: json.dumps(value) for key, value in sent.items()}, {})


@functools.cache
def _authority() -> tuple[PrivateKey, Certificate]:
    key = PrivateKey.generate()
    attributes = CertificateRequestAttributes(common_name="ca", is_ca=True)
    return key, Certificate.generate_self_signed_ca(attributes, key, timedelta(days=365))


def certificate() -> str:
    return str(_authority()[1])


@functools.cache
def key_secret() -> testing.Secret:
    """A key in place of the unit's own, which takes long to make."""
    label = "afd8c2bccf834997afce12c2706d2ede-private-key-0-certificates"
    return testing.Secret(
        {"private-key": str(PrivateKey.generate())},
        id="secret:d2ede0private0key000",
        label=label,
        owner="unit",
    )


def secret_lines() -> list[str]:
    """Return the lines that only their recipients may see."""
    return [HUSH, key_secret().tracked_content["private-key"].splitlines()[1]]


def signed(relation: testing.Relation) -> Written:
    """Return an authority's answer to the requests."""
    key, ca = _authority()
    requested = json.loads(relation.local_unit_data["certificate_signing_requests"])
    texts = [one["certificate_signing_request"] for one in requested]
    answers: list[dict[str, Any]] = []
    for text in texts:
        request = CertificateSigningRequest.from_string(text)
        made = str(Certificate.generate(request, ca, key, timedelta(days=30)))
        answers.append(
            {
                "ca": str(ca),
                "chain": [made, str(ca)],
                "certificate_signing_request": text,
                "certificate": made,
                "revoked": False,
            }
        )
    error = {"code": 101, "name": "IP_NOT_ALLOWED", "message": "no"}
    refused = str(CertificateSigningRequest.generate(CertificateRequestAttributes(common_name="other"), key))
    errors = [{"csr": refused, "error": error}]
    return Written({"certificates": json.dumps(answers), "request_errors": json.dumps(errors)}, {})


BEACON = World(
    "istio-beacon-k8s",
    "beacon",
    {
        "peers": _nothing,
        "service-mesh": _consumer,
        "provide-cmr-mesh": _app({"cmr_data": {"app_name": "scraper", "juju_model_name": "cos"}}),
        "metrics-endpoint": _nothing,
        "grafana-dashboard": _nothing,
        "charm-tracing": _tempo,
    },
    lambda: [testing.Container("metrics-proxy", can_connect=True)],
    {},
)
COORDINATOR = World(
    "demo-coordinator-k8s",
    "kv",
    {
        "peers": lambda _: Written({}, {"hostname": "kv-1.kv-endpoints.shop.svc.cluster.local"}),
        "demo-cluster": _worker,
        "kv-api": _nothing,
        "metrics-endpoint": _nothing,
        "grafana-dashboard": _nothing,
        "grafana-source": _app({"grafana_uid": "g1", "datasource_uids": {"kv/0": "juju_kv_0"}}),
        "send-datasource": _app({"datasources": _DATASOURCES}),
        "receive-datasource": _app({"datasources": _DATASOURCES}),
        "provide-cmr-mesh": _app({"cmr_data": {"app_name": "web", "juju_model_name": "front"}}),
        "certificates": _nothing,
        "s3": _app(
            {
                "bucket": "kv",
                "endpoint": "https://minio.test:9000",
                "access-key": f"key-{HUSH}",
                "secret-key": f"secret-{HUSH}",
                "region": "r",
                "tls-ca-chain": json.dumps([certificate()]),
            }
        ),
        "logging": _loki,
        "self-charm-tracing": _tempo,
        "self-workload-tracing": _tempo,
        "send-remote-write": _remote_write,
        "catalogue": _nothing,
        "service-mesh": _app({"labels": _MESH_LABELS, "mesh_type": '"istio"'}),
        "require-cmr-mesh": _nothing,
    },
    lambda: [
        testing.Container(
            "nginx",
            can_connect=True,
            execs={
                testing.Exec(["nginx", "-s", "reload"]),
                testing.Exec(["update-ca-certificates", "--fresh"]),
            },
        ),
        testing.Container("nginx-prometheus-exporter", can_connect=True),
    ],
    {},
    lambda: [key_secret()],
)
WORKER = World(
    "demo-worker-k8s",
    "worker",
    {"demo-cluster": _coordinator},
    lambda: [
        testing.Container(
            "worker", can_connect=True, execs={testing.Exec(["update-ca-certificates", "--fresh"])}
        )
    ],
    {"role-all": True},
    lambda: [dataclasses.replace(key_secret(), owner=None, label=None)],
)


def _with_own_config(charm: type[ops.CharmBase]) -> type[ops.CharmBase]:
    """The charm with a worker that extends its configuration."""
    module: Any = sys.modules[charm.__module__]

    class WorkerWithOwnConfig(module.KeyValueWorker):
        @property
        def _worker_config(self) -> dict[str, Any]:
            return {**super()._worker_config, "more": True}

    class Charm(charm):
        def __init__(self, framework: ops.Framework):
            with mock.patch.object(module, "KeyValueWorker", WorkerWithOwnConfig):
                super().__init__(framework)

    return Charm


WORKER_WITH_OWN_CONFIG = dataclasses.replace(WORKER, say="-with-own-config", change=_with_own_config)
WORLDS = (BEACON, COORDINATOR, WORKER, WORKER_WITH_OWN_CONFIG)
BORDERS = list(itertools.chain.from_iterable(itertools.product([world], world.written) for world in WORLDS))


def with_data(relation: testing.RelationBase, written: Written) -> testing.RelationBase:
    """Return the relation with these data of its other end."""
    if isinstance(relation, testing.PeerRelation):
        units = {1: written.unit, 2: written.unit}
        return dataclasses.replace(relation, peers_data=units, local_app_data=written.app)
    return dataclasses.replace(relation, remote_app_data=written.app, remote_units_data={0: written.unit})
