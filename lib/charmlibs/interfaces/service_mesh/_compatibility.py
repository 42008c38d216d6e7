"""Names that only charms written for the published library use."""

import functools

import ops

from ._models import MeshType, ServiceMeshProviderAppData

label_configmap_name_template = "juju-service-mesh-{app_name}-labels"
"""The name of the ConfigMap that records the labels of a charm's pods."""


def mesh_and_relation(charm: ops.CharmBase, third: str, relation_name: str) -> tuple[MeshType, str]:
    """Return the type of a provider's mesh and the name of its relation.

    Args:
        charm: the provider.
        third: its third argument, which was the name of the relation until version 0.2 of the library.
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


class PublishedConsumerNames(ops.Object):
    """The underscored names of the published `ServiceMeshConsumer` that charms use."""

    _charm: ops.CharmBase
    _mesh_relation_name: str

    def labels(self) -> dict[str, str]:
        """Return the labels that a pod needs to be in the mesh."""
        raise NotImplementedError

    def mesh_type(self) -> MeshType | None:
        """Return the type of the mesh."""
        raise NotImplementedError

    @functools.cached_property
    def _relation(self) -> ops.Relation | None:
        """The relation to the mesh; training, trainer and katib read it, their tests set it."""
        relations = self._charm.model.relations[self._mesh_relation_name]
        return relations[0] if relations else None

    def _get_app_data(self) -> ServiceMeshProviderAppData | None:
        """Return the published data of the mesh; tests of charms call this."""
        mesh_type = self.mesh_type()
        return ServiceMeshProviderAppData(labels=self.labels(), mesh_type=mesh_type) if mesh_type else None
