#!/usr/bin/env python3
"""The beacon: takes the charms of a model into the Istio mesh, and says who may reach whom in it."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import ops

import beacon_config
import metrics_proxy
import observability
from charmlibs.interfaces.service_mesh import (
    MeshPolicy,
    ServiceMeshProvider,
    UnitPolicy,
    build_mesh_policies,
    get_data_from_cmr_relation,
)
from mesh_inspection import MeshActions
from mesh_resources import Owner
from model_mesh import ModelMesh, Outcome, Wanted
from waypoint import Waypoint

if TYPE_CHECKING:
    from lightkube import Client

    from mesh_inspection import View

logger = logging.getLogger(__name__)

_SCRAPERS_MAY = UnitPolicy(relation=observability.METRICS, ports=[metrics_proxy.PORT])
_STANDS_BY = Outcome([ops.ActiveStatus("stands by: the leader writes the policies")])


class IstioBeaconCharm(ops.CharmBase):
    """Every event ends in one reconcile; nothing hangs on which event it was."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        self._owner = Owner(self.app.name, self.model.name)
        self._waypoint = Waypoint(self._owner)
        # With the whole model on the mesh, applications need no labels of their own.
        labels = {} if self.config.get("model-on-mesh") else self._waypoint.mesh_labels
        self._mesh = ServiceMeshProvider(self, labels=labels)
        self._tracing = ops.tracing.Tracing(self, "charm-tracing")
        self._actions = MeshActions(self, self._view)
        self._statuses: list[ops.StatusBase] = []
        for event in self._events():
            framework.observe(event, self._reconcile)
        framework.observe(self.on.collect_unit_status, self._show_statuses)
        framework.observe(self.on.collect_app_status, self._show_statuses)

    def _events(self) -> Iterator[ops.BoundEvent]:
        on = self.on
        yield from (on.install, on.start, on.config_changed, on.upgrade_charm, on.update_status)
        yield from (on.leader_elected, on.stop, on.remove)
        yield on[metrics_proxy.CONTAINER].pebble_ready
        for relation in ("service-mesh", "provide-cmr-mesh", observability.METRICS, observability.DASHBOARDS):
            yield from (on[relation].relation_created, on[relation].relation_changed)
            yield on[relation].relation_broken
        yield from (on["peers"].relation_changed, on["peers"].relation_departed)

    def _reconcile(self, _: ops.EventBase) -> None:
        replicas = self.app.planned_units()
        if not replicas:
            self._remove_everything()
            return
        self._statuses = metrics_proxy.reconcile(
            self.unit.get_container(metrics_proxy.CONTAINER), self._waypoint.telemetry_labels
        )
        outcome = self._lead(replicas) if self.unit.is_leader() else _STANDS_BY
        self._statuses += outcome.statuses
        observability.publish(self, self._statuses, outcome.refused)

    def _lead(self, replicas: int) -> Outcome:
        try:
            config = beacon_config.load(self)
        except beacon_config.BadOptionError as bad:
            return Outcome([ops.BlockedStatus(str(bad))])
        self._mesh.update_relations()
        return ModelMesh(
            self._owner,
            self._waypoint,
            Wanted(
                replicas=replicas,
                requests=self._mesh.requests(),
                own_policies=self._own_policies(),
                manage_policies=config.manage_authorization_policies,
                restrict_consumers=config.restrict_consumers,
                model_on_mesh=config.model_on_mesh,
            ),
        ).reconcile()

    def _remove_everything(self) -> None:
        """Of the units that go, any may be the last, and none the leader: each one does it."""
        for status in ModelMesh(self._owner, self._waypoint, Wanted()).reconcile().statuses:
            if not isinstance(status, ops.ActiveStatus):
                logger.warning("something is left behind in Kubernetes: %s", status.message)

    def _own_policies(self) -> list[MeshPolicy]:
        return build_mesh_policies(
            self.model.relations,
            target_app_name=self.app.name,
            target_namespace=self.model.name,
            policies=[_SCRAPERS_MAY],
            cmr_application_data=get_data_from_cmr_relation(self.model.relations["provide-cmr-mesh"]),
        )

    def _view(self, client: "Client") -> "View":
        from mesh_view import view

        return view(
            self,
            client,
            owner=self._owner,
            mesh=self._mesh,
            own=self._own_policies(),
            own_doors=[_SCRAPERS_MAY],
        )

    def _show_statuses(self, event: ops.CollectStatusEvent) -> None:
        for status in self._statuses:
            event.add_status(status)


if __name__ == "__main__":
    ops.main(IstioBeaconCharm)
