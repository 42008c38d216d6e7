"""Names that only charms written for the published library use."""

import ops

from ._models import MeshType

label_configmap_name_template = "juju-service-mesh-{app_name}-labels"
"""The name of the ConfigMap that records the labels of a charm's pods."""


def mesh_and_relation(charm: ops.CharmBase, third: str, relation_name: str) -> tuple[MeshType, str]:
    """Return the type of a provider's mesh and the name of its relation.

    Args:
        charm: the provider.
        third: its third argument, which was the name of the relation until version 0.10 of the library.
        relation_name: its fourth argument.

    Raises:
        ValueError: if the third argument is neither.
    """
    try:
        return MeshType(third), relation_name
    except ValueError:
        if third in charm.meta.relations:
            return MeshType.istio, third
        raise ValueError(f"{third!r} is neither a mesh nor a relation: use MeshType.istio") from None
