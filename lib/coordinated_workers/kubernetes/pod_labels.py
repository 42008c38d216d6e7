"""The labels that a coordinator and its workers put on their pods."""

import logging
from collections.abc import Container, Mapping

import ops

from charmlibs.interfaces.service_mesh import WAYPOINT_LABELS, label_configmap_name_template
from k8s_charm import get_object, kubernetes_errors, planned_units
from k8s_charm import reconcile_charm_labels as apply_labels

from .access import KubernetesAccess
from .resources import KubernetesComputeResourcesPatch

logger = logging.getLogger(__name__)

NO_WAYPOINT = {WAYPOINT_LABELS[0]: "none"}
"""The label that keeps a Service from the waypoint that the labels of its namespace lead to."""


def reconcile_charm_labels(
    access: KubernetesAccess,
    labels: Mapping[str, str],
    *,
    not_on_service: Container[str] = WAYPOINT_LABELS,
    with_pods: bool = False,
    resources: KubernetesComputeResourcesPatch | None = None,
) -> list[ops.StatusBase]:
    """Set these labels on the application's pods and Service, as the leader, and return the problems.

    Pods of an application that is being removed are not changed: Juju does not adopt a pod that is replaced
    then. Labels whose keys are `not_on_service` are only on pods: those for the waypoint, unless there is a
    policy on the Service. `NO_WAYPOINT` is only on the Service. CPU and memory are set in the same patch, so
    that pods restart once for both. With `with_pods`, labels that were removed from running pods by hand
    are restored.
    """
    charm = access.charm
    if not charm.unit.is_leader() or planned_units(charm) == 0:
        return []
    is_unbound = labels.items() >= NO_WAYPOINT.items()
    try:
        apply_labels(
            client=access.client,
            app_name=charm.app.name,
            namespace=charm.model.name,
            label_configmap_name=f"{charm.app.name}-pod-labels",
            labels=labels,
            not_on_service=() if is_unbound else not_on_service,
            not_on_pods=NO_WAYPOINT if is_unbound else (),
            with_pods=with_pods,
            deadline=access.deadline,
            rest=resources.change if resources else None,
        )
    except kubernetes_errors() as error:
        logger.warning("cannot label the pods of %s: %s", charm.app.name, error)
        return [access.status(error, "label the pods")]
    return []


def take_over_labels(
    access: KubernetesAccess, labels: Mapping[str, str], *, not_on_service: Container[str]
) -> list[ops.StatusBase]:
    """Remove the labels of the mesh that an older revision recorded elsewhere, and return the problems.

    Those in `labels` are kept, so that no pod restarts. Nothing changes for an application that is being
    removed.
    """
    if planned_units(access.charm) == 0:
        return []
    from lightkube.resources.core_v1 import ConfigMap

    app, model = access.charm.app.name, access.charm.model.name
    note = label_configmap_name_template.format(app_name=app)
    try:
        if get_object(access.client, ConfigMap, note, model) is not None:
            apply_labels(
                client=access.client,
                app_name=app,
                namespace=model,
                label_configmap_name=note,
                labels=labels,
                not_on_service=not_on_service,
                deadline=access.deadline,
            )
            access.client.delete(ConfigMap, note)
    except kubernetes_errors() as error:
        return [access.status(error, "write to Kubernetes")]
    return []
