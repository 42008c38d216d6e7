"""The mesh around the beacon's policies, as it was when it was last read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pydantic

from k8s_charm import Owner
from mesh_inspection import UnreadableClusterError, exposed, read_model, read_policy, selects_none

if TYPE_CHECKING:
    from lightkube import Client

    from k8s_charm import Resource


class ObservedMesh(pydantic.BaseModel):
    """The mesh around the beacon's policies; it takes several requests, so the beacon remembers it."""

    model_config = pydantic.ConfigDict(frozen=True)

    root_namespaces: tuple[str, ...] = ()
    """The namespaces whose policies on pods hold in all models; none if they are not known."""
    trust_domain: str = ""
    """The trust domain that the mesh's configuration names; empty if that is not known."""
    open_to_all: tuple[str, ...] = ()
    """The Services and pods of the model that are open, because no policy is on them."""
    without_pods: frozenset[str] = frozenset()
    """The beacon's policies that are on pods and select none."""


NOTHING_KNOWN = ObservedMesh()


def recall(text: str) -> ObservedMesh | None:
    """Return what was remembered as JSON; None if nothing was, or not by this revision of the charm."""
    try:
        return ObservedMesh.model_validate_json(text)
    except pydantic.ValidationError:
        return None


def observe(client: "Client", owner: Owner, known: "Sequence[Resource]") -> ObservedMesh | None:
    """Read the mesh; None if Kubernetes does not return all of it.

    Args:
        client: sends the requests.
        owner: the beacon.
        known: the objects that the beacon has read in this hook; see `read_model`.
    """
    from lightkube.operators import not_equal

    from istio_policies import AuthorizationPolicy

    others = {key: not_equal(value) for key, value in owner.instance_label.items()}
    try:
        cluster = read_model(client, owner.model, known, others)
    except UnreadableClusterError:
        return None
    own = [read_policy(each) for each in known if isinstance(each, AuthorizationPolicy)]
    return ObservedMesh(
        root_namespaces=cluster.root_namespaces,
        trust_domain=cluster.trust_domain,
        open_to_all=tuple(exposed(cluster, owner.model)),
        without_pods=frozenset(str(policy) for policy in own if selects_none(policy, cluster.pods)),
    )
