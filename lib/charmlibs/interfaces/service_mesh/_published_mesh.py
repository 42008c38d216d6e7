"""The data that a mesh has published to a consumer."""

import functools
import json
import logging
from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar

import ops
import pydantic

import relation_data

from ._models import MESH_LABELS, Labels, MeshType, Namespace, ServiceMeshProviderAppData
from ._parsing import parse
from ._provider import (
    AUDIT,
    DEFAULT_TRUST_DOMAIN,
    LABELS_KEY,
    POLICY_MODE_KEY,
    ROOT_NAMESPACES_KEY,
    SERVICES_KEY,
    TRUST_DOMAIN_KEY,
    WAYPOINT_KEY,
)

logger = logging.getLogger(__name__)

_Value = TypeVar("_Value")
_TYPE_KEY = "mesh_type"
_LABELS: pydantic.TypeAdapter[dict[str, str]] = pydantic.TypeAdapter(Labels)
_MESH_TYPE = pydantic.TypeAdapter(MeshType)
_SERVICES = pydantic.TypeAdapter(list[str])
_NAMESPACES: pydantic.TypeAdapter[list[str]] = pydantic.TypeAdapter(list[Namespace])
_TRUST_DOMAIN: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(
    # One of Istio's patterns, such as `*`, would match more than one identity.
    Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9]([a-z0-9._-]{0,253}[a-z0-9])?$")]
)

_WAYPOINT: pydantic.TypeAdapter[str] = pydantic.TypeAdapter(
    Annotated[str, pydantic.StringConstraints(pattern=r"^[a-z0-9-]{1,63}/[a-z0-9-]{1,253}$")]
)
_FOLLOWED: tuple[tuple[str, pydantic.TypeAdapter[Any]], ...] = (
    (LABELS_KEY, _LABELS),
    (_TYPE_KEY, _MESH_TYPE),
    (TRUST_DOMAIN_KEY, _TRUST_DOMAIN),
    (ROOT_NAMESPACES_KEY, _NAMESPACES),
    (WAYPOINT_KEY, _WAYPOINT),
)

WAYPOINT_LABELS = ("istio.io/use-waypoint", "istio.io/use-waypoint-namespace")
"""The labels that route traffic for a Service through the waypoint."""


class RelatedMesh(ops.Object):
    """The mesh that a charm is related to, and what it has published."""

    def __init__(self, charm: ops.CharmBase, mesh_relation_name: str):
        super().__init__(charm, mesh_relation_name)
        self._charm = charm
        self._mesh_relation_name = mesh_relation_name

    def labels(self) -> dict[str, str]:
        """Return the labels that put a pod in the mesh; empty while there is no mesh.

        Labels by which others select pods are ignored; see `MESH_LABELS`.
        """
        return self._valid("labels", self._labels, {})

    def mesh_type(self) -> MeshType | None:
        """Return the type of the mesh that the charm is in; None without one, or if the type is unknown."""
        return self._valid("type", lambda: self._read(_TYPE_KEY, _MESH_TYPE), None)

    def trust_domain(self) -> str:
        """Return the trust domain of the mesh, for a charm that writes policies of its own."""
        domain = self._valid("trust domain", lambda: self._read(TRUST_DOMAIN_KEY, _TRUST_DOMAIN), None)
        return domain or DEFAULT_TRUST_DOMAIN

    def waypoint(self) -> tuple[str, str] | None:
        """Return namespace and name of the mesh's waypoint; None if there is none.

        The labels of pods name it; if a whole model is in the mesh, the mesh publishes it separately.
        """
        labels = self.labels()
        name, namespace = (labels.get(key) for key in WAYPOINT_LABELS)
        if name and namespace:
            return namespace, name
        published = self._valid("waypoint", lambda: self._read(WAYPOINT_KEY, _WAYPOINT), None)
        namespace, _, name = (published or "").partition("/")
        return (namespace, name) if name else None

    def root_namespaces(self) -> list[str]:
        """Return in which namespaces a policy on pods holds in all namespaces, beside `istio-system`."""
        found = self._valid("root namespaces", lambda: self._read(ROOT_NAMESPACES_KEY, _NAMESPACES), None)
        return found or []

    @property
    def is_audit(self) -> bool:
        """Return whether the mesh logs policies and does not enforce them; False for an unknown mode."""
        mode = self._valid("policy mode", lambda: _text(self._mesh_relations, POLICY_MODE_KEY), None)
        return mode == json.dumps(AUDIT)

    @property
    def data_error(self) -> str | None:
        """The reason that the data of the mesh is invalid, in one line; None if it is valid or absent.

        A charm that uses `labels()` and `mesh_type()` itself should change nothing while there is a reason:
        these methods then return the same as without a mesh.
        """
        for key, adapter in _FOLLOWED:
            try:
                self._read(key, adapter)
            except ValueError as error:
                return f"{key}: {error}"
        return None

    @property
    def enabled(self) -> bool:
        """Return whether the charm is related to a mesh."""
        return any(relation.app for relation in self._mesh_relations)

    @property
    def _mesh_relations(self) -> list[ops.Relation]:
        return self._relations(self._mesh_relation_name)

    def _labels(self) -> dict[str, str]:
        labels = self._read(LABELS_KEY, _LABELS) or {}
        return {key: value for key, value in labels.items() if key in MESH_LABELS}

    def _has_policies(self, service: str) -> bool:
        """Return whether the mesh has written a policy on a Service; True if it does not publish that."""
        written = self._valid("Services with policies", lambda: self._read(SERVICES_KEY, _SERVICES), [])
        return written is None or service in written

    def _read(self, key: str, adapter: pydantic.TypeAdapter[_Value]) -> _Value | None:
        return _read(self._mesh_relations, key, adapter)

    def _valid(self, what: str, read: Callable[[], _Value], default: _Value) -> _Value:
        try:
            return read()
        except ValueError as error:
            logger.warning("invalid %s of the mesh: %s", what, error)
            return default

    def _relations(self, name: str) -> list[ops.Relation]:
        """Return the relations of an endpoint; none if charmcraft.yaml does not have it."""
        if name not in self._charm.meta.relations:
            return []
        return self._charm.model.relations[name]

    @functools.cached_property
    def _relation(self) -> ops.Relation | None:
        """The relation to the mesh; training, trainer and katib read it, their tests set it."""
        return self._mesh_relations[0] if self._mesh_relations else None

    def _get_app_data(self) -> ServiceMeshProviderAppData | None:
        """Return the published data of the mesh; tests of charms call this."""
        mesh_type = self.mesh_type()
        return ServiceMeshProviderAppData(labels=self.labels(), mesh_type=mesh_type) if mesh_type else None


def is_mesh_published(relations: Iterable[ops.Relation]) -> bool:
    """Return whether a mesh has published the data that a consumer needs to join it.

    Args:
        relations: the relations of a consumer's endpoint of interface `service_mesh`.

    Raises:
        ValueError: if the data is invalid.
    """
    relations = list(relations)
    mesh_type = _read(relations, _TYPE_KEY, _MESH_TYPE)
    return bool(_read(relations, LABELS_KEY, _LABELS) or mesh_type)


def _read(
    relations: Iterable[ops.Relation], key: str, adapter: pydantic.TypeAdapter[_Value]
) -> _Value | None:
    """Return a field that a mesh has published; None if there is none.

    Raises:
        ValueError: if it is invalid.
    """
    text = _text(relations, key)
    return parse(adapter, text) if text else None


def _text(relations: Iterable[ops.Relation], key: str) -> str | None:
    for relation in relations:
        if text := relation_data.read_remote(relation).get(key):
            return text
    return None
