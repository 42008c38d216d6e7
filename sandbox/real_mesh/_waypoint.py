"""A real waypoint: Envoy under istiod's own agent, configured by the real istiod.

Envoy's release lacks a few extensions of Istio's build; none of them concerns policies. The configuration of
istiod is changed only in those and in two addresses of this machine.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..control_plane import (
    PILOT_AGENT,
    Connection,
    ControlPlaneError,
    Istiod,
    Process,
    free_port,
    module_folders,
)
from ..mesh import Account, Identity, envoy_program, tls_client
from ._tunnel import HBONE_PORT

NODE = "node"
"""The account of who takes connections for pods."""

_MODULE = "istio.io/istio"
_BOOTSTRAP = "tools/packaging/common/envoy_bootstrap.json"
# Envoy's own builds lack the extension for the metadata of peers.
_BOOTSTRAP_CHANGES = {"{{ .wildcard }}": "127.0.0.1", "if .metadata_discovery": "if false"}
_PATIENCE = 30.0
_TYPES = "type.googleapis.com"
_HTTP_OPTIONS = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
_TCP_PROXY = f"{_TYPES}/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
_ENVOY_FILTERS = "/apis/networking.istio.io/v1alpha3/namespaces/{}/envoyfilters"
_GATEWAY_API = "gateway.networking.k8s.io"
_METADATA_FILTERS = ("waypoint_upstream_peer_metadata", "waypoint_downstream_peer_metadata")
_CREDENTIALS = "var/run/secrets/workload-spiffe-credentials"
_ANNOTATIONS = "etc/istio/pod/annotations"
# Istio's build has its own type of string, which istiod does not use for older versions.
_VERSION = "1.29.1"


@dataclass(frozen=True)
class WaypointPod:
    """The pod of a waypoint, as Kubernetes has it."""

    namespace: str
    gateway: str
    """The name of the Gateway, and of the service account."""
    name: str
    address: str


class WaypointProxy:
    """A waypoint that runs while its context lasts.

    Args:
        istiod: configures it.
        pod: the pod that it represents.
        identity: the certificate and key of the pod's service account.
        listen: the loopback address at which it takes HBONE connections.
        node: the loopback address that accepts HBONE connections for all pods.
    """

    def __init__(self, istiod: Istiod, pod: WaypointPod, identity: Identity, *, listen: str, node: str):
        self._istiod = istiod
        self._pod = pod
        self._identity = identity
        self._listen = listen
        self._node = node
        self._admin_port = free_port()
        self._admin = Connection(f"http://127.0.0.1:{self._admin_port}")
        self._stack = ExitStack()

    def start(self, folder: Path) -> None:
        """Start it, with its files in an existing folder.

        Raises:
            NotAvailableError: the agent cannot be built here.
            ControlPlaneError: it does not become ready.
        """
        self._write_files(folder)
        self._write_filters()
        with ExitStack() as stack:
            command = [
                *(str(PILOT_AGENT.build()), "proxy", "waypoint"),
                *("--domain", f"{self._pod.namespace}.svc.cluster.local"),
                *("--serviceCluster", f"{self._pod.gateway}.{self._pod.namespace}"),
                *("--templateFile", str(folder / "bootstrap.json"), "--concurrency", "1"),
            ]
            agent = stack.enter_context(
                Process(command, folder / "waypoint.log", self._environment(folder), folder=folder)
            )
            agent.wait_until(self._is_ready)
            self._stack = stack.pop_all()

    def stop(self) -> None:
        """End it."""
        self._stack.close()

    def config(self) -> Any:
        """Return the configuration that istiod has sent it."""
        return self._admin.must("GET", "/config_dump?include_eds")

    def counters(self, name: str) -> dict[str, int]:
        """The counters whose names match a regular expression and that are not zero."""
        text = self._admin.send("GET", f"/stats?usedonly&filter={name}").text
        found = (line.rpartition(": ") for line in text.splitlines())
        return {counter: int(value) for counter, _, value in found if value.isdecimal()}

    def _is_ready(self) -> bool:
        try:
            answer = self._admin.send("GET", "/listeners")
        except OSError:
            return False
        return f"{self._listen}:{HBONE_PORT}" in answer.text

    def _write_files(self, folder: Path) -> None:
        credentials = folder / _CREDENTIALS
        credentials.mkdir(parents=True)
        identity = self._identity
        for name, file in {
            "cert-chain.pem": identity.certificate,
            "key.pem": identity.key,
            "root-cert.pem": identity.authority,
        }.items():
            shutil.copy(file, credentials / name)
        # With an IPv6 address of this machine, it would also listen at all of them.
        interfaces = ",".join(name for _, name in socket.if_nameindex())
        annotations = folder / _ANNOTATIONS
        annotations.parent.mkdir(parents=True)
        annotations.write_text(f'traffic.sidecar.istio.io/excludeInterfaces="{interfaces}"\n')
        bootstrap = (module_folders(_MODULE)[_MODULE] / _BOOTSTRAP).read_text()
        for theirs, ours in _BOOTSTRAP_CHANGES.items():
            bootstrap = bootstrap.replace(theirs, ours)
        folder.joinpath("bootstrap.json").write_text(bootstrap)
        # Envoy is a child of the agent, and must not outlive it.
        envoy = folder / "envoy"
        envoy.write_text(f'#!/bin/sh\nexec setpriv --pdeathsig KILL {envoy_program()} "$@"\n')
        envoy.chmod(0o700)

    def _environment(self, folder: Path) -> dict[str, str]:
        pod = self._pod
        config = {
            "discoveryAddress": self._istiod.discovery_address,
            "controlPlaneAuthPolicy": "NONE",
            "binaryPath": str(folder / "envoy"),
            "configPath": str(folder),
            "proxyAdminPort": self._admin_port,
            "statusPort": free_port(),
            # Requests that a policy no longer allows must not continue over open connections.
            "drainDuration": "1s",
        }
        return os.environ | {
            "HOME": str(folder),
            "POD_NAME": pod.name,
            "POD_NAMESPACE": pod.namespace,
            "INSTANCE_IP": pod.address,
            "SERVICE_ACCOUNT": pod.gateway,
            "TRUST_DOMAIN": "cluster.local",
            "ISTIO_META_CLUSTER_ID": "Kubernetes",
            "ISTIO_META_WORKLOAD_NAME": pod.gateway,
            "ISTIO_META_ISTIO_VERSION": _VERSION,
            "PROXY_CONFIG": json.dumps(config),
            "CREDENTIAL_FETCHER_TYPE": "",
            "GRPC_XDS_BOOTSTRAP": "",
            "ENVOY_STATUS_PORT": str(free_port()),
            "ENVOY_PROMETHEUS_PORT": str(free_port()),
        }

    def _write_filters(self) -> None:
        """Send istiod the changes before it is asked, since a listener does not move at once."""
        names: list[str] = []
        for path, obj in self._filters():
            self._istiod.kubernetes.provide(path, obj)
            names.append(f"{obj['metadata']['namespace']}/{obj['metadata']['name']}")
        end = time.monotonic() + _PATIENCE
        while not set(names) <= self._known_filters():
            if time.monotonic() > end:
                raise ControlPlaneError(f"istiod does not know of {', '.join(names)}")
            time.sleep(0.1)

    def _known_filters(self) -> set[str]:
        return {
            f"{each['metadata']['namespace']}/{each['metadata']['name']}"
            for each in self._istiod.debug("configz") or ()
            if each.get("kind") == "EnvoyFilter"
        }

    def _filters(self) -> list[tuple[str, dict[str, Any]]]:
        gateway = {"group": _GATEWAY_API, "kind": "Gateway", "name": self._pod.gateway}
        gateway_class = {"group": _GATEWAY_API, "kind": "GatewayClass", "name": "istio-waypoint"}
        missing = [_remove_filter(name) for name in _METADATA_FILTERS]
        name = {"listener": {"name": "connect_terminate"}}
        listener = _merge("LISTENER", name, {"address": _address(self._listen)})
        tcp_proxy = {"filterChain": {"filter": {"name": "envoy.filters.network.tcp_proxy"}}}
        name = {"listener": {"name": "connect_originate", **tcp_proxy}}
        pods = _merge("NETWORK_FILTER", name, {"typed_config": {"@type": _TCP_PROXY, "cluster": NODE}})
        return [
            _envoy_filter("istio-system", "not-in-envoy", gateway_class, missing),
            _envoy_filter(
                self._pod.namespace,
                f"{self._pod.gateway}-addresses",
                gateway,
                [listener, self._cluster_of_node(), pods],
            ),
        ]

    def _cluster_of_node(self) -> dict[str, Any]:
        """Return a cluster of one endpoint in place of istiod's, whose address is that of the request."""
        endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(self._node)}}]}]
        http2 = {
            "@type": f"{_TYPES}/{_HTTP_OPTIONS}",
            "explicit_http_config": {"http2_protocol_options": {"allow_connect": True}},
        }
        cluster = {
            "name": NODE,
            "type": "STATIC",
            "connect_timeout": "10s",
            "load_assignment": {"cluster_name": NODE, "endpoints": endpoints},
            "typed_extension_protocol_options": {
                _HTTP_OPTIONS: {"@type": f"{_TYPES}/{_HTTP_OPTIONS}", **http2}
            },
            "transport_socket": tls_client(self._identity, Account(self._pod.namespace, NODE), NODE),
        }
        match = {"context": "SIDECAR_INBOUND"}
        return {"applyTo": "CLUSTER", "match": match, "patch": {"operation": "ADD", "value": cluster}}


def _envoy_filter(
    namespace: str, name: str, target: dict[str, str], patches: list[dict[str, Any]]
) -> tuple[str, dict[str, Any]]:
    path = _ENVOY_FILTERS.format(namespace)
    return path, {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "EnvoyFilter",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"targetRefs": [target], "configPatches": patches},
    }


def _remove_filter(name: str) -> dict[str, Any]:
    http = {"filterChain": {"filter": {"name": "envoy.filters.network.http_connection_manager"}}}
    http["filterChain"]["filter"]["subFilter"] = {"name": name}  # type: ignore[assignment]
    return {"applyTo": "HTTP_FILTER", "match": {"listener": http}, "patch": {"operation": "REMOVE"}}


def _merge(kind: str, match: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    return {"applyTo": kind, "match": match, "patch": {"operation": "MERGE", "value": value}}


def _address(address: str) -> dict[str, Any]:
    return {"socket_address": {"address": address, "port_value": HBONE_PORT}}
