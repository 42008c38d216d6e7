"""The requirer of `service_mesh`: a charm that joins a mesh."""

import contextlib
import json
import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import ops

import relation_data
from k8s_charm import (
    Client,
    Deadline,
    LabelRecord,
    ScaleDown,
    is_transient,
    kubernetes_client,
    kubernetes_code,
    kubernetes_errors,
    planned_units,
    reconcile_charm_labels,
)

from ._build import build_mesh_policies, policies_of_unnamed
from ._compatibility import label_configmap_name_template
from ._cross_model import CMR_DATA_KEY
from ._identities import CrossModelIdentities
from ._models import AppPolicy, CMRData, MeshPolicy, PolicyTargetType, UnitPolicy
from ._parsing import parse_policies
from ._provider import DECLARED_KEY, POLICIES_KEY
from ._published_mesh import WAYPOINT_LABELS, RelatedMesh

logger = logging.getLogger(__name__)


class ServiceMeshConsumer(RelatedMesh):
    """The membership of a charm in the mesh that it is related to, and the policies that it publishes.

    The policies follow the charm's relations automatically. Only the leader writes. Everything is read again
    at each `update-status`, since Juju can lose a `relation-changed` across models: a label that was removed
    by hand from a pod, the pod template or the Service is restored then, too.

    Args:
        charm: the charm that joins.
        mesh_relation_name: the endpoint of interface `service_mesh` in charmcraft.yaml.
        cross_model_mesh_requires_name: the endpoint that requires `cross_model_mesh`, over which this
            application sends its identity to the applications of other models that it has to reach. A
            charm without such an endpoint cannot reach them.
        cross_model_mesh_provides_name: the endpoint that provides `cross_model_mesh`, over which
            applications of other models send their identities; optional.
        policies: the policies, by the relations of the charm.
        auto_join: True to label the charm's pods, so that they are in the mesh; False for a charm that
            labels its pods itself (with `labels()`).

    Raises:
        ValueError: if a policy names a relation that charmcraft.yaml does not have.
    """

    _stored = ops.StoredState()

    def __init__(
        self,
        charm: ops.CharmBase,
        mesh_relation_name: str = "service-mesh",
        cross_model_mesh_requires_name: str = "require-cmr-mesh",
        cross_model_mesh_provides_name: str = "provide-cmr-mesh",
        policies: Sequence[AppPolicy | UnitPolicy] | None = None,
        auto_join: bool = True,
    ):
        super().__init__(charm, mesh_relation_name)
        self._cmr_requires_name = cross_model_mesh_requires_name
        self._cmr_provides_name = cross_model_mesh_provides_name
        self._policies = list(policies or [])
        self._label_configmap_name = label_configmap_name_template.format(app_name=charm.app.name)
        self._lightkube_client: Client | None = None
        self._deadline = Deadline()
        self._stored.set_default(join_status="", join_problem="", left=False)
        self._stored.set_default(on_waypoint=None, contradictions=[])
        self._identities = CrossModelIdentities(
            charm, lambda: self.lightkube_client, cross_model_mesh_provides_name
        )
        self._scale_down = ScaleDown(charm, f"{mesh_relation_name}-departure")
        self._auto_join = auto_join
        for event in self._events_of_relations():
            self.framework.observe(event, self._on_relations_change)
        on = charm.on
        for event in (on.leader_elected, on.upgrade_charm, on.config_changed, on.update_status):
            self.framework.observe(event, self._on_application_event)
        if auto_join:
            self.framework.observe(on[mesh_relation_name].relation_changed, self._update_labels)
            self.framework.observe(on[mesh_relation_name].relation_broken, self._on_mesh_broken)
            self.framework.observe(on.start, self._on_start)
            self.framework.observe(on.collect_unit_status, self._on_collect_unit_status)

    def update_service_mesh(self) -> None:
        """Publish the policies that follow from the charm's current relations.

        Does nothing on a unit that is not the leader or is being removed, and writes nothing if nothing
        changed.
        """
        if self._may_write and self._mesh_relations:
            self._publish(self._mesh_policies())

    def _publish(self, policies: Iterable[MeshPolicy]) -> None:
        requested = json.dumps([policy.model_dump(mode="json") for policy in policies])
        by_relation = [policy for policy in self._policies if policy.relation]
        declared = json.dumps([policy.model_dump(mode="json") for policy in by_relation])
        for relation in self._mesh_relations:
            relation_data.write(relation, self._charm.app, {POLICIES_KEY: requested, DECLARED_KEY: declared})

    @property
    def policies(self) -> list[AppPolicy | UnitPolicy]:
        """The declared policies of the charm."""
        return list(self._policies)

    @property
    def needs_waypoint(self) -> bool:
        """True if a policy on the application's Service follows from its current relations, and is written.

        Only then is traffic for the Service routed through the waypoint. A Service without a policy there is
        open to the whole of a mesh that is not hardened, whatever the policies on its pods are, since these
        allow the waypoint. A mesh that does not publish that is assumed to have written the policy.
        """
        return self._leads_to_waypoint(self._mesh_policies())

    @property
    def lightkube_client(self) -> Client:
        """The client with which the charm's pods are labelled, created at its first use."""
        if self._lightkube_client is None:
            self._lightkube_client = kubernetes_client(
                self._charm.model.name, self._charm.app.name, deadline=self._deadline
            )
        return self._lightkube_client

    def _events_of_relations(self) -> Iterator[ops.BoundEvent]:
        followed = {policy.relation for policy in self._policies if policy.relation}
        for name in followed - self._charm.meta.relations.keys():
            raise ValueError(f"a policy names relation {name!r}, which charmcraft.yaml does not have")
        followed |= {self._cmr_provides_name, self._cmr_requires_name}
        for name in sorted(followed & self._charm.meta.relations.keys()):
            on = self._charm.on[name]
            yield from (on.relation_created, on.relation_changed)
            yield from (on.relation_departed, on.relation_broken)
        yield self._charm.on[self._mesh_relation_name].relation_created

    def _leads_to_waypoint(self, policies: Iterable[MeshPolicy]) -> bool:
        app = self._charm.app.name
        if not any(_is_on_service(policy, app) for policy in policies):
            return False
        return bool(self._stored.on_waypoint) or self._has_policies(app)

    def _mesh_policies(self) -> list[MeshPolicy]:
        relations = self._charm.model.relations
        followed: list[ops.Relation] = []
        for name in sorted({policy.relation for policy in self._policies if policy.relation}):
            followed += relations[name]
        identities = self._identities.identify(followed)
        self._remember_contradictions(identities.contradictions)
        app, model = self._charm.app.name, self._charm.model.name
        requested = build_mesh_policies(
            relation_mapping=relations,
            target_app_name=app,
            target_namespace=model,
            policies=self._policies,
            cmr_application_data=identities.known,
            consumed=identities.unknown,
        )
        kept = policies_of_unnamed(relations, app, model, self._policies, self._published())
        return [*requested, *(policy for policy in kept if policy not in requested)]

    def _published(self) -> Iterator[MeshPolicy]:
        """Yield the policies that were published last."""
        for relation in self._mesh_relations:
            with contextlib.suppress(relation_data.DatabagError):
                text = relation_data.read(relation, self._charm.app).get(POLICIES_KEY)
                yield from parse_policies(text or "[]")[0]

    def _remember_contradictions(self, contradictions: Sequence[str]) -> None:
        if list(contradictions) != list(cast("list[str]", self._stored.contradictions)):
            for line in contradictions:
                logger.warning("%s", line)
            self._stored.contradictions = list(contradictions)

    @property
    def _may_write(self) -> bool:
        """True if this unit writes for its application."""
        return self._charm.unit.is_leader() and not self._scale_down.is_under_way

    def _on_relations_change(self, _: ops.EventBase) -> None:
        if not self._may_write:
            return
        self._send_cmr_data()
        # Without auto_join, nothing is stored.
        on_waypoint = self._stored.on_waypoint
        if self._mesh_relations or on_waypoint is not None:
            policies = self._mesh_policies()
            self._publish(policies)
            if on_waypoint is not None and on_waypoint != self._leads_to_waypoint(policies):
                self._join(policies)

    def _on_application_event(self, event: ops.EventBase) -> None:
        if not self._may_write:
            return
        self._send_cmr_data()
        # Labels that an earlier hook or leader did not remove are removed now.
        is_unfinished = bool(self._stored.left or self._stored.join_problem)
        if self._mesh_relations or is_unfinished:
            policies = self._mesh_policies()
            self._publish(policies)
            if self._auto_join and (self.enabled or is_unfinished):
                self._join(policies, with_pods=isinstance(event, ops.UpdateStatusEvent))

    def _send_cmr_data(self) -> None:
        for relation in self._relations(self._cmr_requires_name):
            me = CMRData(app_name=self._charm.app.name, juju_model_name=self._charm.model.name)
            relation_data.write(relation, self._charm.app, {CMR_DATA_KEY: json.dumps(me.model_dump())})

    def _update_labels(self, _: ops.EventBase | None) -> None:
        """Label the pods as the mesh requires now; prowlarr calls this before its first request."""
        if self.enabled:
            self._join()

    def _on_mesh_broken(self, _: ops.EventBase) -> None:
        # If the leader is removed before it has removed the labels, the next leader removes them.
        self._stored.left = True
        self._join()

    def _on_start(self, _: ops.EventBase) -> None:
        # No unit gets relation-broken if the relation is removed while the application has none.
        if self._may_write and not self.enabled and self._has_label_record():
            self._join()

    def _has_label_record(self) -> bool:
        """Return whether an earlier hook has set labels; False if Kubernetes does not return that."""
        namespace = self._charm.model.name
        try:
            return LabelRecord.read(self.lightkube_client, self._label_configmap_name, namespace).exists
        except kubernetes_errors() as error:
            logger.debug("cannot read the labels of an earlier mesh: %s", error)
            return False

    def _join(self, policies: Iterable[MeshPolicy] | None = None, *, with_pods: bool = False) -> None:
        """Label the pods as the mesh requires now; remove its labels if it is gone."""
        # Juju does not adopt a pod that is replaced while its application is removed.
        if not self._may_write or planned_units(self._charm) == 0:
            return
        try:
            labels = self._labels()
        except ValueError as error:
            self._remember(relation_data.Message("invalid labels of the mesh", str(error)).blocked())
            return
        needs_waypoint = self._leads_to_waypoint(self._mesh_policies() if policies is None else policies)
        try:
            reconcile_charm_labels(
                client=self.lightkube_client,
                app_name=self._charm.app.name,
                namespace=self._charm.model.name,
                label_configmap_name=self._label_configmap_name,
                labels=labels,
                not_on_service=() if needs_waypoint else WAYPOINT_LABELS,
                with_pods=with_pods,
                deadline=self._deadline,
            )
        except kubernetes_errors() as error:
            logger.warning("cannot label the pods of %s for the mesh: %s", self._charm.app.name, error)
            self._remember(self._status_of(error))
        else:
            self._stored.left = False
            self._stored.on_waypoint = needs_waypoint if self.enabled else None
            self._remember(ops.ActiveStatus())

    def _status_of(self, error: Exception) -> ops.StatusBase:
        """Return a blocked status if an operator has to act, a waiting one if a retry may succeed."""
        if kubernetes_code(error) == 403:
            command = f"juju trust {self._charm.app.name} --scope=cluster"
            return relation_data.Message("missing permissions", remedy=command, lead=": run ").blocked()
        cause = "cannot label pods for the mesh"
        if is_transient(error):
            return relation_data.Message(f"{cause}, retrying at update-status", str(error)).waiting()
        return relation_data.Message(cause, str(error)).blocked()

    def _remember(self, status: ops.StatusBase) -> None:
        """Keep the status of labelling the pods for hooks without an attempt."""
        self._stored.join_status, self._stored.join_problem = status.name, status.message

    def _on_collect_unit_status(self, event: ops.CollectStatusEvent) -> None:
        # An application that sends a wrong identity must not block this charm.
        for line in cast("list[str]", self._stored.contradictions)[:1]:
            event.add_status(ops.ActiveStatus(relation_data.Message(line).shown()))
        if self._stored.join_problem and self._charm.unit.is_leader():
            name, problem = str(self._stored.join_status), str(self._stored.join_problem)
            event.add_status(ops.StatusBase.from_name(name, problem))


def _is_on_service(policy: MeshPolicy, app: str) -> bool:
    return policy.target_type is PolicyTargetType.app and (policy.target_service or app) == app
