"""The Kubernetes objects that Juju creates for models and applications."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._objects import Application, Unit

if TYPE_CHECKING:
    from lightkube.core.resource import GlobalResource, NamespacedResource
    from lightkube.models.core_v1 import PodTemplateSpec
    from lightkube.resources.core_v1 import Pod

IMAGE = "registry.k8s.io/pause:3.10"
"""The image of pods, where something runs them; the charms run in the sandbox."""

_MANAGED = {"app.kubernetes.io/managed-by": "juju"}
_CHARM_VERSION = "app.juju.is/charm-modified-version"
_SECONDS_FOR_PODS = 20.0
_PAUSE = 0.05


class KubernetesBroker:
    """Acts as Juju in a Kubernetes cluster, and as its kubelets if it has none.

    Args:
        kubeconfig: the file for the cluster.
        is_own: whether it is the sandbox's own, which runs no pods.
    """

    def __init__(self, kubeconfig: Path, *, is_own: bool):
        from lightkube import Client, KubeConfig

        config = KubeConfig.from_file(str(kubeconfig))
        self._client = Client(config=config, field_manager="juju", trust_env=False)
        self._plays_kubelet = is_own or not self._has_kubelets()

    def add_model(self, name: str, uuid: str) -> None:
        """Create the namespace of a model."""
        from lightkube.models.meta_v1 import ObjectMeta
        from lightkube.resources.core_v1 import Namespace

        labels = {**_MANAGED, "model.juju.is/name": name, "model.juju.is/id": uuid}
        self._client.create(Namespace(metadata=ObjectMeta(name=name, labels=labels)))

    def remove_model(self, name: str) -> None:
        """Remove the namespace of a model, with its contents."""
        from lightkube.resources.core_v1 import Namespace

        self._delete(Namespace, name)

    def add_application(self, application: Application) -> None:
        """Create the objects of an application, and record the address of its Service."""
        from lightkube.models.apps_v1 import StatefulSetSpec
        from lightkube.models.core_v1 import ServicePort, ServiceSpec
        from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
        from lightkube.resources.apps_v1 import StatefulSet
        from lightkube.resources.core_v1 import Service, ServiceAccount

        name = application.name
        selected = {"app.kubernetes.io/name": name}
        # As Juju does, since a Service must have a port.
        placeholder = [ServicePort(name="placeholder", port=65535)]

        def metadata(object_name: str) -> ObjectMeta:
            return ObjectMeta(
                name=object_name, namespace=application.model.name, labels={**_MANAGED, **selected}
            )

        self._client.create(ServiceAccount(metadata=metadata(name)))
        service = self._client.create(
            Service(metadata=metadata(name), spec=ServiceSpec(selector=selected, ports=placeholder))
        )
        application.cluster_ip = (service.spec and service.spec.clusterIP) or ""
        headless = ServiceSpec(selector=selected, clusterIP="None", publishNotReadyAddresses=True)
        self._client.create(Service(metadata=metadata(f"{name}-endpoints"), spec=headless))
        self._client.create(
            StatefulSet(
                metadata=metadata(name),
                spec=StatefulSetSpec(
                    replicas=len(application.units),
                    selector=LabelSelector(matchLabels=selected),
                    serviceName=f"{name}-endpoints",
                    podManagementPolicy="Parallel",
                    template=_template(application, selected),
                ),
            )
        )

    def remove_application(self, application: Application) -> None:
        """Remove the objects of an application."""
        from lightkube.resources.apps_v1 import StatefulSet
        from lightkube.resources.core_v1 import Service, ServiceAccount

        name, namespace = application.name, application.model.name
        self._delete(StatefulSet, name, namespace)
        for pod_name in self._pods(application):
            self._delete_pod(pod_name, namespace)
        self._delete(Service, f"{name}-endpoints", namespace)
        self._delete(Service, name, namespace)
        self._delete(ServiceAccount, name, namespace)

    def scale(self, application: Application) -> None:
        """Scale the StatefulSet to the number of units."""
        self._patch_stateful_set(application, {"replicas": len(application.units)})

    def refresh(self, application: Application) -> None:
        """Replace the pods, because of a new revision of the charm."""
        annotations = {_CHARM_VERSION: str(application.revision)}
        self._patch_stateful_set(application, {"template": {"metadata": {"annotations": annotations}}})

    def open_ports(self, application: Application) -> None:
        """Set the ports that the charm has opened on the application's Service."""
        from lightkube.resources.core_v1 import Service
        from lightkube.types import PatchType

        ports = [
            {"name": f"{port}-{protocol}", "port": port, "targetPort": port, "protocol": protocol.upper()}
            for protocol, port in application.ports
        ] or [{"name": "placeholder", "port": 65535}]
        self._client.patch(
            Service,
            application.name,
            {"spec": {"ports": ports}},
            namespace=application.model.name,
            patch_type=PatchType.MERGE,
        )

    def sync_pods(self, application: Application) -> list[Unit]:
        """Update the pods: one for each unit, with the current template of the StatefulSet.

        Returns:
            The units whose pod was replaced.
        """
        until = time.monotonic() + _SECONDS_FOR_PODS
        while True:
            pods = self._pods(application)
            if self._plays_kubelet:
                self._run_pods(application, pods)
            if self._is_at_rest(application) or time.monotonic() > until:
                break
            time.sleep(_PAUSE)
        replaced: list[Unit] = []
        for unit in application.units:
            pod = pods.get(unit.pod)
            uid = pod and pod.metadata and pod.metadata.uid
            if uid and unit.pod_uid not in ("", uid):
                replaced.append(unit)
            unit.pod_uid = uid or unit.pod_uid
        return replaced

    def _run_pods(self, application: Application, pods: "Mapping[str, Pod]") -> None:
        """Act as the kubelet: report the pods Ready, except new ones of an application that is dying."""
        from lightkube.resources.core_v1 import Pod

        for unit in application.units:
            pod = pods.get(unit.pod)
            if pod is None or (pod.status and pod.status.phase == "Running"):
                continue
            if application.dying and unit.pod_uid:
                continue  # its init container ends: the application is not provisioned
            status = {
                "phase": "Running",
                "podIP": unit.address,
                "podIPs": [{"ip": unit.address}],
                "conditions": [{"type": "Ready", "status": "True"}],
            }
            self._client.patch(Pod.Status, unit.pod, {"status": status}, namespace=application.model.name)

    def _is_at_rest(self, application: Application) -> bool:
        """Return whether the controller of StatefulSets has nothing left to do."""
        from lightkube.resources.apps_v1 import StatefulSet

        found = self._client.get(StatefulSet, application.name, namespace=application.model.name)
        status, replicas = found.status, found.spec.replicas if found.spec else 0
        if status is None or status.observedGeneration != (found.metadata and found.metadata.generation):
            return False
        if application.dying:
            return True
        strategy = (
            found.spec.updateStrategy.rollingUpdate if found.spec and found.spec.updateStrategy else None
        )
        to_update = max(0, (replicas or 0) - ((strategy and strategy.partition) or 0))
        return (status.readyReplicas or 0) == status.replicas == replicas and (
            status.updatedReplicas or 0
        ) >= to_update

    def _has_kubelets(self) -> bool:
        from lightkube.resources.coordination_v1 import Lease

        from k8s_charm import kubernetes_errors

        try:
            self._client.get(Lease, "kube-controller-manager", namespace="kube-system")
        except kubernetes_errors():
            return False
        return True

    def _pods(self, application: Application) -> "dict[str, Pod]":
        from lightkube.resources.core_v1 import Pod

        selected = {"app.kubernetes.io/name": application.name}
        pods = self._client.list(Pod, namespace=application.model.name, labels={**selected})
        return {pod.metadata.name: pod for pod in pods if pod.metadata and pod.metadata.name}

    def _delete_pod(self, name: str, namespace: str) -> None:
        from lightkube.resources.core_v1 import Pod

        # There is no kubelet to report that the pod has ended.
        self._delete(Pod, name, namespace, grace_period=0 if self._plays_kubelet else None)

    def _delete(
        self,
        kind: "type[NamespacedResource | GlobalResource]",
        name: str,
        namespace: str | None = None,
        grace_period: int | None = None,
    ) -> None:
        from lightkube import ApiError

        delete: Any = self._client.delete  # its overloads distinguish kinds with and without namespaces
        try:
            delete(kind, name, namespace=namespace, grace_period=grace_period)
        except ApiError as error:
            if error.status.code != 404:
                raise

    def _patch_stateful_set(self, application: Application, spec: Mapping[str, object]) -> None:
        from lightkube.resources.apps_v1 import StatefulSet

        self._client.patch(StatefulSet, application.name, {"spec": spec}, namespace=application.model.name)


def _template(application: Application, labels: dict[str, str]) -> "PodTemplateSpec":
    from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec
    from lightkube.models.meta_v1 import ObjectMeta

    return PodTemplateSpec(
        metadata=ObjectMeta(labels=labels, annotations={_CHARM_VERSION: str(application.revision)}),
        spec=PodSpec(
            serviceAccountName=application.name,
            containers=[
                Container(name=name, image=IMAGE) for name in ("charm", *application.charm.containers)
            ],
        ),
    )
