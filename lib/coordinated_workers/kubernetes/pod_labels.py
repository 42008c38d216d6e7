"""The labels that a coordinator has its workers put on their pods."""

import logging
from collections.abc import Mapping

import ops

from k8s_charm import kubernetes_errors, reconcile_charm_labels

from . import access

logger = logging.getLogger(__name__)


def reconcile_pod_labels(charm: ops.CharmBase, labels: Mapping[str, str]) -> list[ops.StatusBase]:
    """Make these the labels that have been put on the application's pods; leader only.

    Returns:
        What stands in the way, if anything does.
    """
    return _reconcile(charm, labels) if charm.unit.is_leader() else []


def remove_pod_labels(charm: ops.CharmBase) -> list[ops.StatusBase]:
    """Take back all labels that have been put on the application's pods, as the last unit that goes.

    Returns:
        What stands in the way, if anything does.
    """
    return _reconcile(charm, {})


def _reconcile(charm: ops.CharmBase, labels: Mapping[str, str]) -> list[ops.StatusBase]:
    try:
        reconcile_charm_labels(
            client=access.client(charm),
            app_name=charm.app.name,
            namespace=charm.model.name,
            label_configmap_name=f"{charm.app.name}-pod-labels",
            labels=labels,
        )
    except kubernetes_errors() as error:
        logger.warning("can't label the pods of %s: %s", charm.app.name, error)
        return [access.status(error, charm, "label the pods")]
    return []
