#!/usr/bin/env python3
"""The beacon: puts the charms of a model into the Istio mesh, and has it allow what they request."""

import logging
from typing import cast

import ops

import beacon_config
import mesh_plan
import mesh_view
import metrics_proxy
import observability
import problems
import sources
from charmlibs.interfaces.service_mesh import CrossModelIdentities, ServiceMeshProvider
from desired_state import DesiredState
from istio_policies import ROOT_NAMESPACE
from k8s_charm import Client, Deadline, Owner, ScaleDown, Startup, kubernetes_client
from mesh_inspection import MeshActions
from model_mesh import ModelMesh
from observed_mesh import NOTHING_KNOWN, ObservedMesh, recall
from relation_data import in_short
from waypoint import Waypoint

logger = logging.getLogger(__name__)

# A new leader has the mesh stored as it was when it last led.
_READ_MESH = (ops.UpdateStatusEvent, ops.LeaderElectedEvent)


class IstioBeaconCharm(ops.CharmBase):
    """The charm; every event ends in the same reconcile."""

    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._stored.set_default(problems=[], config="", mesh="")
        self._deadline = Deadline()
        self._waypoint = Waypoint(Owner(self.app.name, self.model.name))
        self._proxy = self.unit.get_container(metrics_proxy.CONTAINER)
        self._config, self._bad_options = beacon_config.load(self, str(self._stored.config))
        if self._stored.config != (config := self._config.model_dump_json()):
            self._stored.config = config
        self._scale_down = ScaleDown(self)
        self._mesh = ServiceMeshProvider(
            self,
            None,
            trust_domain=self._config.trust_domain,
            audit=self._config.mode is beacon_config.PolicyMode.audit,
        )
        identities = CrossModelIdentities(self, self._client, sources.CROSS_MODEL)
        startup = Startup(self, "startup")
        self._sources = sources.Sources(self, self._config, self._mesh, identities, startup)
        self._actions = MeshActions(
            self, lambda client: mesh_view.view(self._sources, client, self._waypoint)
        )
        self._problems: list[problems.Problem] = []
        self._summary: list[str] = []
        for event in sources.events(self):
            framework.observe(event, self._reconcile)
        framework.observe(self.on["plan"].action, self._on_plan)
        framework.observe(self.on.collect_unit_status, self._show_status)
        framework.observe(self.on.collect_app_status, self._show_status)

    def _reconcile(self, event: ops.EventBase) -> None:
        if not self._sources.planned_units:
            self._remove_everything()
        elif not self._scale_down.is_under_way:
            observability.trace(self)
            # A stopping unit does not wait for its container, which is stopped or about to be.
            is_stopping = isinstance(event, ops.StopEvent)
            labels = self._waypoint.telemetry_labels
            self._problems = [] if is_stopping else metrics_proxy.reconcile(self._proxy, labels)
            self._summary = ["standby: the leader writes the policies"]
            if self.unit.is_leader():
                self._lead(None if isinstance(event, _READ_MESH) else recall(str(self._stored.mesh)))
            observability.publish(self, self._problems)

    def _lead(self, remembered: ObservedMesh | None) -> None:
        outcome = self._model_mesh(self._config.mode).reconcile(remembered)
        self._mesh.update_relations(outcome.labels, not_yet=outcome.not_yet)
        is_apart = self._config.model_on_mesh
        self._mesh.update_waypoint(f"{self.model.name}/{self._waypoint.name}" if is_apart else "")
        if outcome.policies:
            self._mesh.update_services(outcome.policies.services)
        if outcome.mesh:
            self._mesh.update_root_namespaces(set(outcome.mesh.root_namespaces) - {ROOT_NAMESPACE})
        self._problems += [*self._bad_options, *outcome.problems, *self._sources.problems()]
        self._summary = outcome.summary
        logged = list(cast("list[str]", self._stored.problems))
        if (now := problems.log_news(self._problems, logged)) != logged:
            self._stored.problems = now
        if (mesh := outcome.mesh.model_dump_json() if outcome.mesh else "") != self._stored.mesh:
            self._stored.mesh = mesh

    def _remove_everything(self) -> None:
        """Remove everything from Kubernetes, on each unit: any may be the last, and none the leader."""
        for problem in self._model_mesh(self._config.mode).reconcile().problems:
            logger.warning("cleanup incomplete: %s", problem.message)

    def _model_mesh(self, mode: beacon_config.PolicyMode) -> ModelMesh:
        is_removed = not self._sources.planned_units
        desired = DesiredState(self._config) if is_removed else self._sources.desired_state(mode)
        known = recall(str(self._stored.mesh)) or NOTHING_KNOWN
        return ModelMesh(self._waypoint, desired, self._deadline, known.root_namespaces)

    def _client(self) -> Client:
        return kubernetes_client(self.model.name, self.app.name, self._deadline)

    def _on_plan(self, event: ops.ActionEvent) -> None:
        mode = beacon_config.PolicyMode(event.params.get("policy-mode") or self._config.mode_if_on)
        plan = self._model_mesh(mode).plan()
        others = [*metrics_proxy.problems(self._proxy), *self._bad_options, *self._sources.problems()]
        event.set_results(mesh_plan.results(plan, others, mode, event.params.get("format")))

    def _show_status(self, event: ops.CollectStatusEvent) -> None:
        if self._problems:
            event.add_status(problems.status(self._problems, self.unit.name))
        elif self._summary:
            remarks = [*self._summary, *observability.remarks(self)]
            event.add_status(ops.ActiveStatus(in_short(remarks)))


if __name__ == "__main__":
    ops.main(IstioBeaconCharm)
