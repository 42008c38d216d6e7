#!/usr/bin/env python3
"""The beacon: takes the charms of a model into the Istio mesh, and says who may reach whom in it."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import ops

import beacon_config
import cross_model
import mesh_plan
import metrics_proxy
import observability
import problems
from charmlibs.interfaces.service_mesh import MeshPolicy, ServiceMeshProvider, UnitPolicy, build_mesh_policies
from desired_state import DesiredState
from k8s_charm import Deadline, Owner, ScaleDown
from mesh_inspection import MeshActions
from model_mesh import ModelMesh
from policy_step import ON_TRIAL
from waypoint import Waypoint

if TYPE_CHECKING:
    from lightkube import Client

    from mesh_inspection import View

logger = logging.getLogger(__name__)

_SCRAPERS_MAY = UnitPolicy(relation=observability.METRICS, ports=[metrics_proxy.PORT])


class IstioBeaconCharm(ops.CharmBase):
    """Every event ends in one reconcile; nothing hangs on which event it was."""

    _stored = ops.StoredState()

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._deadline = Deadline()
        self._owner = Owner(self.app.name, self.model.name)
        self._waypoint = Waypoint(self._owner)
        self._config = beacon_config.load(self)
        self._departure = ScaleDown(self)
        self._mesh = ServiceMeshProvider(self, labels=self._labels_for_consumers())
        self._actions = MeshActions(self, self._view)
        self._problems: list[problems.Problem] = []
        self._summary = ""
        self._stored.set_default(problems=[])
        for event in self._events():
            framework.observe(event, self._reconcile)
        framework.observe(self.on["plan"].action, self._on_plan)
        framework.observe(self.on.collect_unit_status, self._show_status)
        framework.observe(self.on.collect_app_status, self._show_status)

    def _events(self) -> Iterator[ops.BoundEvent]:
        on = self.on
        yield from (on.install, on.start, on.config_changed, on.upgrade_charm, on.update_status)
        yield from (on.leader_elected, on.stop, on.remove)
        yield on[metrics_proxy.CONTAINER].pebble_ready
        for relation in (
            "service-mesh",
            cross_model.ENDPOINT,
            observability.METRICS,
            observability.DASHBOARDS,
            observability.TRACES,
        ):
            yield from (on[relation].relation_created, on[relation].relation_changed)
            yield on[relation].relation_broken
        yield from (on["peers"].relation_changed, on["peers"].relation_departed)

    def _reconcile(self, _: ops.EventBase) -> None:
        replicas = self.app.planned_units()
        if not replicas:
            self._remove_everything()
            return
        if self._departure.is_under_way:
            return
        observability.trace(self)
        self._problems = metrics_proxy.reconcile(
            self.unit.get_container(metrics_proxy.CONTAINER), self._waypoint.telemetry_labels
        )
        self._summary = "stands by: the leader writes the policies"
        if self.unit.is_leader():
            self._lead(replicas)
        observability.publish(self, self._problems)

    def _lead(self, replicas: int) -> None:
        if isinstance(self._config, beacon_config.BadOption):
            self._problems.append(problems.blocked(str(self._config)))
        else:
            self._mesh.update_relations()
            desired = self._desired(self._config, self._config.mode, replicas)
            outcome = self._model_mesh(desired).reconcile()
            if outcome.is_model_on_mesh:
                self._mesh.update_relations(labels={})
            self._problems += [*outcome.problems, *self._cross_model_problems()]
            self._summary = outcome.summary
        self._log_problems()

    def _model_mesh(self, desired: DesiredState) -> ModelMesh:
        return ModelMesh(self._owner, self._waypoint, desired, self._deadline)

    def _desired(
        self, config: beacon_config.BeaconConfig, mode: beacon_config.PolicyMode, replicas: int
    ) -> DesiredState:
        return DesiredState(
            replicas=replicas,
            requests=self._mesh.requests(),
            own_policies=self._own_policies(),
            mode=mode,
            restrict_consumers=config.restrict_consumers,
            model_on_mesh=config.model_on_mesh,
        )

    def _on_plan(self, event: ops.ActionEvent) -> None:
        if isinstance(self._config, beacon_config.BadOption):
            event.fail(str(self._config))
            return
        given = event.params.get("policy-mode")
        mode = beacon_config.PolicyMode(given) if given else self._config.mode_if_on
        plan = self._model_mesh(self._desired(self._config, mode, self.app.planned_units())).plan()
        proxy = self.unit.get_container(metrics_proxy.CONTAINER)
        found = [*metrics_proxy.problems(proxy), *plan.problems, *self._cross_model_problems()]
        plan = replace(plan, problems=tuple(problems.in_order(found)))
        show = mesh_plan.as_data if event.params.get("format") == "json" else mesh_plan.as_text
        on_trial = mode is beacon_config.PolicyMode.audit
        event.set_results(
            {
                "policy-mode": mode.value,
                "summary": mesh_plan.summary(plan),
                **({"warning": f"policies are {ON_TRIAL}"} if on_trial else {}),
                **show(plan),
            }
        )

    def _log_problems(self) -> None:
        told = list(cast("list[str]", self._stored.problems))
        # With an option that makes no sense, all stays as it is: the rest was not looked at.
        complete = not isinstance(self._config, beacon_config.BadOption)
        if (now := problems.log_news(self._problems, told, complete=complete)) != told:
            self._stored.problems = now

    def _remove_everything(self) -> None:
        """Of the units that go, any may be the last, and none the leader: each one does it."""
        for problem in self._model_mesh(DesiredState()).reconcile().problems:
            logger.warning("something is left behind in Kubernetes: %s", problem.message)

    def _own_policies(self) -> list[MeshPolicy]:
        known = cross_model.known(self.model.relations[cross_model.ENDPOINT])
        return build_mesh_policies(
            self.model.relations,
            target_app_name=self.app.name,
            target_namespace=self.model.name,
            policies=[_SCRAPERS_MAY],
            cmr_application_data=known,
            consumed=cross_model.strangers(self, self.model.relations[observability.METRICS], known),
        )

    def _labels_for_consumers(self) -> dict[str, str] | None:
        if isinstance(self._config, beacon_config.BadOption):
            return None
        # With the whole model on the mesh they are none; but is it, by now?
        return None if self._config.model_on_mesh else self._waypoint.mesh_labels

    def _cross_model_problems(self) -> Iterator[problems.Problem]:
        return cross_model.problems(self, self.model.relations[observability.METRICS])

    def _view(self, client: "Client") -> "View":
        from mesh_view import view

        return view(
            self._config,
            client,
            owner=self._owner,
            mesh=self._mesh,
            own=self._own_policies(),
            own_declared=[_SCRAPERS_MAY],
        )

    def _show_status(self, event: ops.CollectStatusEvent) -> None:
        if self._problems:
            event.add_status(problems.status(self._problems, self.unit.name))
        elif self._summary:
            remarks = observability.rejected_rules(self)
            event.add_status(ops.ActiveStatus("; ".join([self._summary, *remarks])))


if __name__ == "__main__":
    ops.main(IstioBeaconCharm)
