"""istiod, as it runs in a cluster with the ambient mode switched on."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from ..children import own_folder
from ._connection import Connection
from ._errors import NotAvailableError
from ._kubernetes import RealKubernetes
from ._processes import Process, free_port
from ._programs import ISTIOD
from ._sources import kept, module_folders

_NAMESPACE = "istio-system"
_LABELS = {"app": "istiod"}
_SELECTOR = "labelSelector=app%3Distiod"
_DEPLOYMENTS = f"/apis/apps/v1/namespaces/{_NAMESPACE}/deployments"
_MODULE = "istio.io/istio"
_CHART = "manifests/charts/istio-control/istio-discovery"
_MESH = "rootNamespace: istio-system\ntrustDomain: cluster.local\n"
_ENVIRONMENT = {
    "PILOT_ENABLE_AMBIENT": "true",
    # Envoy's own builds lack what this is for.
    "PILOT_ENABLE_METADATA_EXCHANGE": "false",
    "POD_NAME": "istiod",
    "POD_NAMESPACE": _NAMESPACE,
    "SERVICE_ACCOUNT": "istiod",
    "CLUSTER_ID": "Kubernetes",
    "REVISION": "default",
    # The API server does not call webhooks of a server outside the cluster.
    "VALIDATION_WEBHOOK_CONFIG_NAME": "",
    "INJECTION_WEBHOOK_CONFIG_NAME": "",
}


class Istiod:
    """The real istiod on an API server while its context lasts. It installs the CRDs that it needs.

    It writes statuses, and creates Deployments and Services of waypoints, as in any cluster. For the pods of
    a Deployment, see `Waypoints`.

    Args:
        kubernetes: the API server.
        auto_allow: write a policy that allows waypoints at the pods behind them, as Canonical's istio-k8s has
            it do and Istio by default does not.

    Raises:
        NotAvailableError: on entry, if the cluster has an istiod, or this machine cannot build one.
    """

    discovery_address: str
    """Where proxies get their configuration."""

    def __init__(self, kubernetes: RealKubernetes, *, auto_allow: bool = True):
        self.kubernetes = kubernetes
        self._settings = {"PILOT_AUTO_ALLOW_WAYPOINT_POLICY": str(auto_allow).lower()}
        self._stack = ExitStack()

    def __enter__(self) -> Istiod:
        with ExitStack() as stack:
            folder = stack.enter_context(own_folder("istiod"))
            self._prepare()
            self._show_settings(stack)
            self._start(stack, folder)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def debug(self, page: str) -> Any:
        """Return one of its debug pages, such as `ambientz`, with the data for ztunnel."""
        return self._debug.must("GET", f"/debug/{page}")

    def _prepare(self) -> None:
        kubernetes = self.kubernetes
        if others := kubernetes.admin.must("GET", f"/apis/apps/v1/deployments?{_SELECTOR}")["items"]:
            where = others[0]["metadata"]["namespace"]
            raise NotAvailableError(f"an istiod runs in this cluster's namespace {where} already")
        kubernetes.install_custom_resources()
        kubernetes.provide("/api/v1/namespaces", {"metadata": {"name": _NAMESPACE}})
        configs = {
            "istio": {"mesh": _MESH, "meshNetworks": "networks: {}"},
            "istio-sidecar-injector": kept("waypoints", _read_chart),
        }
        for name, data in configs.items():
            config = {"metadata": {"name": name}, "data": data}
            kubernetes.provide(f"/api/v1/namespaces/{_NAMESPACE}/configmaps", config)

    def _show_settings(self, stack: ExitStack) -> None:
        """Create the Deployment that has the settings of istiod, as in a cluster, but without pods."""
        variables = [{"name": name, "value": value} for name, value in self._settings.items()]
        container = {"name": "discovery", "image": "pilot", "env": variables}
        template = {"metadata": {"labels": _LABELS}, "spec": {"containers": [container]}}
        spec = {"replicas": 0, "selector": {"matchLabels": _LABELS}, "template": template}
        deployment = {"metadata": {"name": "istiod", "labels": _LABELS}, "spec": spec}
        self.kubernetes.admin.must("POST", _DEPLOYMENTS, deployment)
        stack.callback(self.kubernetes.admin.send, "DELETE", f"{_DEPLOYMENTS}/istiod")

    def _start(self, stack: ExitStack, folder: Path) -> None:
        kubeconfig = self.kubernetes.write_kubeconfig(folder / "kubeconfig")
        mesh = folder / "mesh.yaml"
        mesh.write_text(_MESH)
        http, monitoring, grpc = (f"127.0.0.1:{free_port()}" for _ in range(3))
        command = [
            *(str(ISTIOD.build()), "discovery", "--kubeconfig", str(kubeconfig)),
            *("--httpAddr", http, "--monitoringAddr", monitoring, "--grpcAddr", grpc),
            *("--httpsAddr", "", "--secureGRPCAddr", ""),
            *("--meshConfig", str(mesh), "--domain", "cluster.local"),
        ]
        environment = os.environ | _ENVIRONMENT | self._settings | {"HOME": str(folder)}
        istiod = stack.enter_context(Process(command, folder / "istiod.log", environment))
        self.discovery_address = grpc
        self._debug = Connection(f"http://{monitoring}")
        ready = Connection(f"http://{http}")
        istiod.wait_until(lambda: _answers(ready))


def _read_chart() -> dict[str, str]:
    """The settings of waypoints that Istio's Helm chart gives istiod."""
    chart = module_folders(_MODULE)[_MODULE] / _CHART
    values = yaml.safe_load(chart.joinpath("values.yaml").read_text())
    config = {"templates": {"waypoint": chart.joinpath("files/waypoint.yaml").read_text()}}
    return {"config": json.dumps(config), "values": json.dumps(values["_internal_defaults_do_not_set"])}


def _answers(connection: Connection) -> bool:
    try:
        return connection.send("GET", "/ready").code == 200
    except OSError:
        return False
