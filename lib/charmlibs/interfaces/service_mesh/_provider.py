"""The provider of `service_mesh`: the charm that runs the mesh."""

import itertools
import json
from collections.abc import Callable, Collection, Container, Mapping
from dataclasses import dataclass

import ops

import relation_data

from ._compatibility import mesh_and_relation
from ._models import AppPolicy, MeshPolicy, MeshType, ServiceMeshProviderAppData, UnitPolicy
from ._parsing import parse_declared, parse_policies

LABELS_KEY = "labels"
POLICIES_KEY = "policies"
TRUST_DOMAIN_KEY = "trust_domain"
DEFAULT_TRUST_DOMAIN = "cluster.local"
DECLARED_KEY = "declared_policies"
POLICY_MODE_KEY = "policy_mode"
AUDIT = "audit"
SERVICES_KEY = "services"
ROOT_NAMESPACES_KEY = "root_namespaces"
WAYPOINT_KEY = "waypoint"


@dataclass(frozen=True)
class PolicyRequest:
    """Policies that one related application requests."""

    relation: ops.Relation
    """The relation over which it requests them; its `app` is known."""
    policies: list[MeshPolicy]
    """The valid policies."""
    errors: list[str]
    """The reason that each of the others is invalid; empty if all are valid."""
    is_awaited: bool = False
    """True if the application has published nothing yet, and no unit of it has joined the relation."""


class ServiceMeshProvider(ops.Object):
    """The provider's side of the relation: publishes the mesh's labels, and collects the requested policies.

    Args:
        charm: the charm that provides the mesh.
        labels: the labels of pods in the mesh; None if they are not known now: published ones are kept.
        mesh_type: the type of the mesh.
        mesh_relation_name: the endpoint of interface `service_mesh` in charmcraft.yaml.
        trust_domain: the trust domain of the mesh, for consumers that write policies themselves.
        audit: True if policies are logged and not enforced; consumers that write policies follow it.

    Raises:
        ValueError: if `mesh_type` is not a mesh type.
    """

    def __init__(
        self,
        charm: ops.CharmBase,
        labels: Mapping[str, str] | None,
        mesh_type: MeshType | str = MeshType.istio,
        mesh_relation_name: str = "service-mesh",
        *,
        trust_domain: str = DEFAULT_TRUST_DOMAIN,
        audit: bool = False,
    ):
        self._mesh_type, mesh_relation_name = mesh_and_relation(charm, mesh_type, mesh_relation_name)
        super().__init__(charm, mesh_relation_name)
        self._charm = charm
        self._data = None if labels is None else self._data_with(labels)
        self._relation_name = mesh_relation_name
        self._trust_domain = trust_domain
        self._policy_mode = json.dumps(AUDIT) if audit else ""
        for event in (
            charm.on[mesh_relation_name].relation_created,
            charm.on.leader_elected,
            charm.on.config_changed,
            charm.on.upgrade_charm,
        ):
            self.framework.observe(event, self._on_change)

    def update_relations(
        self, labels: Mapping[str, str] | None = None, *, not_yet: Container[ops.Relation] = ()
    ) -> None:
        """Publish labels and type of the mesh to every related application that lacks them.

        Does nothing on a unit that is not the leader.

        Args:
            labels: the new labels; None for those given before.
            not_yet: relations that get their first labels later: before its policies are written, a mesh
                would deny an application the requests that they allow.
        """
        if labels is not None:
            self._data = self._data_with(labels)
        if not self._data or not self._charm.unit.is_leader():
            return
        published = {key: json.dumps(value) for key, value in self._data.model_dump(mode="json").items()}
        is_default = self._trust_domain == DEFAULT_TRUST_DOMAIN
        published[TRUST_DOMAIN_KEY] = "" if is_default else json.dumps(self._trust_domain)
        published[POLICY_MODE_KEY] = self._policy_mode
        for relation in self._relations():
            if relation not in not_yet or self._has_labels(relation):
                relation_data.write(relation, self._charm.app, published)

    def update_services(self, services: Mapping[str, Collection[str]] | None) -> None:
        """Publish to each related application the Services on which its policies are written.

        Only these should use the waypoint: another one would be open until its first policy is written.

        Args:
            services: the Services by application; None if policies are not managed.
        """
        self._publish(SERVICES_KEY, lambda app: None if services is None else sorted(services.get(app, ())))

    def update_root_namespaces(self, namespaces: Collection[str]) -> None:
        """Publish in which namespaces a policy on pods holds in all namespaces.

        Consumers that write policies themselves write none on pods there, nor in `istio-system`.
        """
        self._publish(ROOT_NAMESPACES_KEY, lambda _: sorted(namespaces) or None)

    def update_waypoint(self, waypoint: str) -> None:
        """Publish the waypoint of the mesh, where the labels of pods do not name it.

        Args:
            waypoint: its `namespace/name`; empty if the labels name it.
        """
        self._publish(WAYPOINT_KEY, lambda _: waypoint or None)

    def _publish(self, key: str, value_for: Callable[[str], object]) -> None:
        """Publish a value to each application that has labels; one that is None is removed."""
        if not self._charm.unit.is_leader():
            return
        # Published consumers expect labels in a databag that is not empty.
        for relation in filter(self._has_labels, self._consumers()):
            value = value_for(relation.app.name)
            text = "" if value is None else json.dumps(value)
            relation_data.write(relation, self._charm.app, {key: text})

    def _has_labels(self, relation: ops.Relation) -> bool:
        try:
            return LABELS_KEY in relation_data.read(relation, self._charm.app)
        except relation_data.DatabagError:
            return False

    def _data_with(self, labels: Mapping[str, str]) -> ServiceMeshProviderAppData:
        return ServiceMeshProviderAppData(labels=dict(labels), mesh_type=self._mesh_type)

    def requests(self) -> list[PolicyRequest]:
        """Return the request of each related application, the oldest relation first.

        The request of an invalid databag has an error and no policy.
        """
        return [self._request(relation) for relation in self._consumers()]

    def mesh_info(self) -> list[MeshPolicy]:
        """Return all valid policies that related applications request."""
        return list(itertools.chain.from_iterable(request.policies for request in self.requests()))

    def declared(self) -> dict[ops.Relation, list[AppPolicy | UnitPolicy]]:
        """Return the policies that each related application declares for each of its own relations.

        They serve explanations: from which relation a policy follows, or which one would allow a request.
        Only applications that use this library, in this version, publish them.
        """
        return {relation: self._declared_by(relation) for relation in self._consumers()}

    def refused(self) -> dict[ops.Relation, list[str]]:
        """Return the relations with invalid policies, and the reason for each of these."""
        return {request.relation: request.errors for request in self.requests() if request.errors}

    def _request(self, relation: ops.Relation) -> PolicyRequest:
        try:
            text = relation_data.read(relation, relation.app).get(POLICIES_KEY)
        except relation_data.DatabagError as error:
            return PolicyRequest(relation, [], [str(error)])
        is_awaited = text is None and not relation.units
        return PolicyRequest(relation, *parse_policies(text or "[]"), is_awaited=is_awaited)

    def _declared_by(self, relation: ops.Relation) -> list[AppPolicy | UnitPolicy]:
        try:
            text = relation_data.read(relation, relation.app).get(DECLARED_KEY)
        except relation_data.DatabagError:
            return []
        return parse_declared(text or "[]")

    def _consumers(self) -> list[ops.Relation]:
        """Return the relations whose application is known, the oldest first."""
        known = [relation for relation in self._relations() if relation.app]
        return sorted(known, key=lambda relation: relation.id)

    def _relations(self) -> list[ops.Relation]:
        return self._charm.model.relations[self._relation_name]

    def _on_change(self, _: ops.EventBase) -> None:
        self.update_relations()
