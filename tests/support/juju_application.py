"""An application in Kubernetes as Juju makes it, for tests of what charms change in it."""

from lightkube import Client
from lightkube.models.apps_v1 import StatefulSetSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import StatefulSet
from lightkube.resources.core_v1 import Namespace, Service


def create_application(client: Client, model: str, name: str, *containers: str) -> None:
    """Create the namespace, StatefulSet and Service of an application that is alone in its model."""
    labels = {"app.kubernetes.io/name": name}
    client.create(Namespace(metadata=ObjectMeta(name=model)))
    pod = PodSpec(containers=[Container(name=container, image="i") for container in ("charm", *containers)])
    spec = StatefulSetSpec(
        selector=LabelSelector(matchLabels=labels),
        serviceName=f"{name}-endpoints",
        template=PodTemplateSpec(metadata=ObjectMeta(labels=dict(labels)), spec=pod),
    )
    client.create(StatefulSet(metadata=ObjectMeta(name=name, namespace=model), spec=spec))
    ports = ServiceSpec(ports=[ServicePort(port=65535, name="placeholder")])
    client.create(Service(metadata=ObjectMeta(name=name, namespace=model, labels=dict(labels)), spec=ports))


def pod_template(client: Client, model: str, name: str) -> PodTemplateSpec:
    """Return the template of an application's pods."""
    spec = client.get(StatefulSet, name, namespace=model).spec
    assert spec
    return spec.template
