"""The whole control plane of a mesh."""

import contextlib
from collections.abc import Generator

from ._controller_manager import STATEFUL_SETS, ControllerManager
from ._errors import NotAvailableError
from ._istiod import Istiod
from ._kubernetes import RealKubernetes, StartedKubernetes
from ._programs import ETCD, ISTIOD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER
from ._waypoints import Waypoints


@contextlib.contextmanager
def started_control_plane() -> Generator[RealKubernetes]:
    """An API server with istiod, StatefulSets with pods and ready waypoints, while the context lasts.

    No program is built.

    Raises:
        NotAvailableError: a part of it is missing.
        ControlPlaneError: a part of it does not start.
    """
    programs = (ETCD, KUBE_APISERVER, KUBE_CONTROLLER_MANAGER, ISTIOD)
    missing = [program.name for program in programs if not program.is_built]
    if missing:
        raise NotAvailableError(
            f"not built yet: {', '.join(missing)}. `python -m sandbox.control_plane` builds them from "
            "source, once; it takes some minutes, and Go"
        )
    with (
        StartedKubernetes() as kubernetes,
        ControllerManager(kubernetes, STATEFUL_SETS),
        Istiod(kubernetes),
        Waypoints(kubernetes.admin),
    ):
        yield kubernetes
