"""The whole control plane of a mesh."""

import contextlib
from collections.abc import Generator

from ._errors import NotAvailableError
from ._istiod import Istiod
from ._kubernetes import RealKubernetes, StartedKubernetes
from ._programs import ETCD, ISTIOD, KUBE_APISERVER
from ._waypoints import Waypoints


@contextlib.contextmanager
def started_control_plane() -> Generator[RealKubernetes]:
    """An API server with istiod, and waypoints that come up, while the context lasts; nothing is built now.

    Raises:
        NotAvailableError: a part of it is not there.
        ControlPlaneError: a part of it does not start.
    """
    missing = [program.name for program in (ETCD, KUBE_APISERVER, ISTIOD) if not program.is_built]
    if missing:
        raise NotAvailableError(
            f"not built yet: {', '.join(missing)}. `python -m sandbox.control_plane` builds them from "
            "source, once; it takes some minutes, and Go"
        )
    with StartedKubernetes() as kubernetes, Istiod(kubernetes), Waypoints(kubernetes.admin):
        yield kubernetes
