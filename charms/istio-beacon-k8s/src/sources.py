"""Input that the beacon reads from Juju: its configuration and its relations."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import ops

import metrics_proxy
import observability
from beacon_config import BeaconConfig, PolicyMode
from charmlibs.interfaces.service_mesh import (
    CrossModelIdentities,
    Identities,
    MeshPolicy,
    ServiceMeshProvider,
    UnitPolicy,
    build_mesh_policies,
)
from desired_state import DesiredState
from k8s_charm import Startup, planned_units
from problems import Problem, ProblemKind, blocked, waiting
from relation_data import Message

CONSUMERS = "service-mesh"
CROSS_MODEL = "provide-cmr-mesh"
SCRAPERS_MAY = UnitPolicy(relation=observability.METRICS, ports=[metrics_proxy.PORT])

_ENDPOINTS = (
    CONSUMERS,
    CROSS_MODEL,
    observability.METRICS,
    observability.DASHBOARDS,
    observability.TRACES,
)


@dataclass(frozen=True)
class Sources:
    """Input that the beacon reads from Juju."""

    charm: ops.CharmBase
    config: BeaconConfig
    mesh: ServiceMeshProvider
    cross_model: CrossModelIdentities
    startup: Startup

    def desired_state(self, mode: PolicyMode) -> DesiredState:
        """Return the desired state in Kubernetes, with policies in a mode."""
        return DesiredState(
            self.config,
            mode,
            self.planned_units,
            self.mesh.requests(),
            self._own_policies(),
            [f"{each.name}:{each.id}" for each in (*self._consumers, *self._scrapers) if not each.app],
        )

    @cached_property
    def planned_units(self) -> int:
        """The planned number of units."""
        return planned_units(self.charm)

    def _own_policies(self) -> list[MeshPolicy]:
        """Return the policies of the beacon itself."""
        return build_mesh_policies(
            self.charm.model.relations,
            target_app_name=self.charm.app.name,
            target_namespace=self.charm.model.name,
            policies=[SCRAPERS_MAY],
            cmr_application_data=self._identities.known,
            consumed=self._identities.unknown,
        )

    def problems(self) -> Iterator[Problem]:
        """Yield the problems of applications of other models whose identity is unknown or invalid."""
        for app, error in self._identities.invalid.items():
            message = Message(f"{app} sent an invalid identity over {CROSS_MODEL}", error)
            yield blocked(message, ProblemKind.pending_policies)
        for app in sorted(self._identities.without_identity - self._identities.known.keys()):
            message = f"waiting for the identity of {app} over {CROSS_MODEL}"
            yield waiting(message, ProblemKind.pending_policies)
        for line in self._identities.contradictions:
            yield blocked(line, ProblemKind.pending_policies)
        claimants = {
            relation.app.name for relation in self.charm.model.relations[CROSS_MODEL] if relation.app
        }
        # Before the start, Juju may not show the relation with the identity yet.
        without_relation = waiting if self.startup.is_under_way else blocked
        for relation in self._scrapers:
            if relation.app and relation.app.name in self._identities.unknown - claimants:
                yield without_relation(
                    f"waiting for the identity of {relation.app.name}: "
                    f"integrate it with {self.charm.app.name}:{CROSS_MODEL}",
                    ProblemKind.pending_policies,
                )

    @cached_property
    def _identities(self) -> Identities:
        return self.cross_model.identify(self._scrapers)

    @property
    def _consumers(self) -> Sequence[ops.Relation]:
        return self.charm.model.relations[CONSUMERS]

    @property
    def _scrapers(self) -> Sequence[ops.Relation]:
        return self.charm.model.relations[observability.METRICS]


def events(charm: ops.CharmBase) -> Iterator[ops.BoundEvent]:
    """Yield all events after which the desired state may differ."""
    on = charm.on
    yield from (on.install, on.start, on.config_changed, on.upgrade_charm, on.update_status)
    yield from (on.leader_elected, on.stop, on.remove)
    yield on[metrics_proxy.CONTAINER].pebble_ready
    for endpoint in _ENDPOINTS:
        yield from (on[endpoint].relation_created, on[endpoint].relation_changed)
        yield on[endpoint].relation_broken
    yield from (on["peers"].relation_changed, on["peers"].relation_departed)
