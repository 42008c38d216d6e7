"""Conversion of a unit's state between the model's form and ops-scenario's."""

import ast
import shutil
from pathlib import Path
from typing import Any, Literal, cast

import ops
from ops import pebble, testing

from .messages import CheckState, ContainerState, HookEvent, RelationState, SecretState, UnitState

_Protocol = Literal["tcp", "udp"]


def to_scenario(state: UnitState, address: str, endpoints: list[str]) -> testing.State:
    """Return the state of ops-scenario for an event."""
    return testing.State(
        leader=state["leader"],
        planned_units=state["planned_units"],
        config=state["config"],
        model=testing.Model(state["model_name"], uuid=state["model_uuid"]),
        networks=[_network(endpoint, address) for endpoint in endpoints],
        relations=[_relation(relation) for relation in state["relations"]],
        containers=[_container(container) for container in state["containers"]],
        secrets=[_secret(secret) for secret in state["secrets"]],
        storages=[testing.Storage(name, index=0) for name in state["storages"]],
        opened_ports=[_port(protocol, port) for protocol, port in state["opened_ports"]],
        app_status=_status(*state["app_status"]),
        unit_status=_status(*state["unit_status"]),
        workload_version=state["workload_version"],
        **_recall(state["memory"]),
    )


def from_scenario(before: UnitState, out: testing.State) -> UnitState:
    """Return the charm's changes of the state `before`."""
    relations = {relation.id: relation for relation in out.relations}
    return {
        **before,
        "relations": [
            {
                **relation,
                "local_app_data": dict(relations[relation["id"]].local_app_data),
                "local_unit_data": dict(relations[relation["id"]].local_unit_data),
            }
            for relation in before["relations"]
        ],
        "containers": [
            _container_state(container, out.get_container(container["name"]))
            for container in before["containers"]
        ],
        "secrets": [_secret_state(secret) for secret in out.secrets],
        "opened_ports": [(port.protocol, port.port) for port in out.opened_ports if port.port],
        "app_status": (out.app_status.name, out.app_status.message),
        "unit_status": (out.unit_status.name, out.unit_status.message),
        "workload_version": out.workload_version,
        "memory": _memorise(out),
    }


def to_scenario_event(context: testing.Context[Any], event: HookEvent, state: testing.State) -> Any:
    """The event, about the objects that are in `state`."""
    subjects: list[Any] = []
    if "relation" in event:
        subjects.append(state.get_relation(event["relation"]))
    if "container" in event:
        container = state.get_container(event["container"])
        subjects.append(container)
        if "check" in event:
            subjects.append(container.get_check_info(event["check"]))
        if "notice" in event:
            subjects.append(next(notice for notice in container.notices if notice.id == event["notice"]))
    if "secret" in event:
        subjects.append(state.get_secret(id=event["secret"]))
    if "storage" in event:
        subjects.append(state.get_storage(event["storage"]))
    if "action" in event:
        subjects.append(event["action"])
    named = {name: value for name, value in event.items() if name in ("remote_unit", "revision", "params")}
    return getattr(context.on, event["kind"])(*subjects, **named)


def keep_files(context: testing.Context[Any], containers: list[ContainerState]) -> None:
    """Keep the charm's files in a new top-level directory."""
    for container in containers:
        root = testing.Container(container["name"]).get_filesystem(context)
        if root.exists():
            for entry in root.iterdir():
                if not entry.is_symlink():
                    shutil.move(entry, container["root"])


def attach_storages(context: testing.Context[Any], storages: dict[str, str]) -> None:
    """Keep the charm's storages in directories that outlive its process."""
    for name, directory in storages.items():
        location = testing.Storage(name, index=0).get_filesystem(context)
        location.rmdir()
        location.symlink_to(directory)


def _relation(relation: RelationState) -> testing.RelationBase:
    remote_units = {int(number): data for number, data in relation["remote_units_data"].items()}
    if relation["is_peer"]:
        return testing.PeerRelation(
            relation["endpoint"],
            relation["interface"],
            id=relation["id"],
            local_app_data=relation["local_app_data"],
            local_unit_data=relation["local_unit_data"],
            peers_data=remote_units,
        )
    return testing.Relation(
        relation["endpoint"],
        relation["interface"],
        id=relation["id"],
        local_app_data=relation["local_app_data"],
        local_unit_data=relation["local_unit_data"],
        remote_app_name=relation["remote_app"],
        remote_app_data=relation["remote_app_data"],
        remote_units_data=remote_units,
        remote_model_uuid=relation["remote_model_uuid"],
    )


def _status(name: str, message: str) -> ops.StatusBase:
    known = (testing.ActiveStatus, testing.BlockedStatus, testing.MaintenanceStatus, testing.WaitingStatus)
    return next((status(message) for status in known if status.name == name), testing.UnknownStatus())


def _network(endpoint: str, address: str) -> testing.Network:
    return testing.Network(
        endpoint,
        [testing.BindAddress([testing.Address(address)])],
        ingress_addresses=[address],
        egress_subnets=[f"{address}/32"],
    )


def _container(container: ContainerState) -> testing.Container:
    return testing.Container(
        container["name"],
        can_connect=container["can_connect"],
        layers={label: pebble.Layer(cast("pebble.LayerDict", layer)) for label, layer in container["layers"]},
        service_statuses={
            name: pebble.ServiceStatus(status) for name, status in container["services"].items()
        },
        mounts={
            entry.name: testing.Mount(location=f"/{entry.name}", source=entry)
            for entry in Path(container["root"]).iterdir()
        },
        notices=[
            testing.Notice(notice["key"], id=notice["id"], last_data=notice["data"])
            for notice in container["notices"]
        ],
        check_infos=[
            testing.CheckInfo(
                check["name"],
                level=pebble.CheckLevel(check["level"]),
                startup=pebble.CheckStartup(check["startup"]),
                status=pebble.CheckStatus(check["status"]),
                failures=check["failures"],
                threshold=check["threshold"],
            )
            for check in container["checks"]
        ],
    )


def _container_state(before: ContainerState, after: testing.Container) -> ContainerState:
    return {
        **before,
        "layers": [(label, cast("dict[str, Any]", layer.to_dict())) for label, layer in after.layers.items()],
        "services": {name: status.value for name, status in after.service_statuses.items()},
        "checks": [_check_state(check) for check in after.check_infos],
    }


def _check_state(check: testing.CheckInfo) -> CheckState:
    return {
        "name": check.name,
        "level": (check.level or pebble.CheckLevel.UNSET).value,
        "startup": check.startup.value,
        "status": check.status.value,
        "failures": check.failures,
        "threshold": check.threshold,
    }


def _secret(secret: SecretState) -> testing.Secret:
    made = testing.Secret(
        secret["tracked"],
        latest_content=secret["latest"],
        id=secret["id"],
        owner=cast('Literal["app", "unit"] | None', secret["owner"]),
        label=secret["label"],
        description=secret["description"],
        rotate=ops.SecretRotate(secret["rotate"]) if secret["rotate"] else None,
        remote_grants={int(relation): names for relation, names in secret["grants"].items()},
    )
    # ops-scenario has no other way to set the history of a secret.
    object.__setattr__(made, "_tracked_revision", secret["tracked_revision"])
    object.__setattr__(made, "_latest_revision", secret["latest_revision"])
    return made


def _secret_state(secret: testing.Secret) -> SecretState:
    return {
        "id": secret.id,
        "owner": secret.owner,
        "label": secret.label,
        "description": secret.description,
        "rotate": secret.rotate.value if secret.rotate else None,
        "tracked": dict(secret.tracked_content),
        "latest": dict(secret.latest_content or {}),
        "tracked_revision": 0,  # the model counts them them
        "latest_revision": 0,
        "grants": {str(relation): sorted(names) for relation, names in secret.remote_grants.items()},
    }


def _port(protocol: str, port: int) -> testing.Port:
    return testing.UDPPort(port) if protocol == "udp" else testing.TCPPort(port)


def _memorise(state: testing.State) -> str:
    """Return ops' stored state, which consists of simple types, as text of Python literals."""
    deferred = [
        (event.handle_path, event.owner, event.observer, event.snapshot_data) for event in state.deferred
    ]
    stored = [(stored.name, stored.owner_path, dict(stored.content)) for stored in state.stored_states]
    return repr((deferred, stored))


def _recall(memory: str) -> dict[str, Any]:
    deferred, stored = ast.literal_eval(memory or "([], [])")
    return {
        "deferred": [testing.DeferredEvent(*event) for event in deferred],
        "stored_states": [
            testing.StoredState(name, owner_path=owner_path, content=content)
            for name, owner_path, content in stored
        ],
    }
