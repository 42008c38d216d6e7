"""Search for a Juju application by the address of its Service, which only Kubernetes assigns."""

import ipaddress
from dataclasses import dataclass

from ._client import Client
from ._objects import labels_of

_MODEL_ID = "model.juju.is/id"
_APPLICATION = "app.kubernetes.io/name"


@dataclass(frozen=True)
class ModelNamespace:
    """The namespace of a Juju model, and the application in it that has an address."""

    name: str
    """The namespace."""
    app: str | None
    """The application whose Service has the address; None if no Service has it."""


def find_application(client: Client, model_uuid: str, address: str) -> ModelNamespace | None:
    """Find the application of a model whose Service has a cluster address.

    Args:
        client: the client; it has to list namespaces, and Services in all of them.
        model_uuid: the model's uuid, with which Juju labels its namespace.
        address: the ClusterIP; any other text than an IP address is not looked up.

    Returns:
        The model's namespace; None if the model is not in this cluster.

    Raises:
        Exception: one of `kubernetes_errors()`.
    """
    from lightkube.resources.core_v1 import Namespace, Service

    namespaces = [
        namespace.metadata.name
        for namespace in client.list(Namespace, labels={_MODEL_ID: model_uuid})
        if namespace.metadata and namespace.metadata.name
    ]
    if len(namespaces) != 1:
        return None
    (name,) = namespaces
    try:
        # Any other text could change the selector, or select Services without an address.
        cluster_ip = str(ipaddress.ip_address(address))
    except ValueError:
        return ModelNamespace(name, None)
    services = client.list(Service, namespace=name, fields={"spec.clusterIP": cluster_ip})
    service = next(iter(services), None)
    return ModelNamespace(name, labels_of(service).get(_APPLICATION) if service else None)
