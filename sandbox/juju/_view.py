"""A unit's view of a model, and the effects of its charm on the model."""

from sandbox.host.messages import ContainerState, Delivery, HookOutcome, RelationState, SecretState, UnitState

from ._container import Container
from ._hook import Hook
from ._objects import UNKNOWN, Side, Unit
from ._secrets import Secret, SecretConsumer


def delivery(unit: Unit, hook: Hook, secrets: list[Secret]) -> Delivery:
    """An event for a unit, with everything that its charm may read while it handles it."""
    return {
        "unit": unit.number,
        "fqdn": unit.fqdn,
        "address": unit.address,
        "event": hook.event(),
        "state": _state(unit, secrets),
    }


def commit(unit: Unit, outcome: HookOutcome, secrets: list[Secret]) -> list[Secret]:
    """Apply the charm's changes to the model, and return the current secrets."""
    state = outcome["state"]
    application = unit.application
    for relation in state["relations"]:
        _commit_relation(unit, relation)
    for container in state["containers"]:
        _commit_container(unit.containers[container["name"]], container)
    unit.opened_ports = [(protocol, port) for protocol, port in state["opened_ports"]]
    unit.workload_version = state["workload_version"]
    unit.memory = state["memory"]
    name, message = state["unit_status"]
    unit.status = (name, message)
    if unit.is_leader:
        name, message = state["app_status"]
        application.own_status = (name, message)
    return _commit_secrets(unit, outcome, secrets)


def _state(unit: Unit, secrets: list[Secret]) -> UnitState:
    application = unit.application
    # A charm cannot have set Juju's "waiting: installing agent".
    status = unit.status if unit.installed else UNKNOWN
    return {
        "leader": unit.is_leader,
        "planned_units": len(application.living_units),
        "config": dict(application.config),
        "model_name": application.model.name,
        "model_uuid": application.model.uuid,
        "relations": [_relation(unit, side) for side in application.sides if side.id in unit.seen],
        "containers": [_container(container) for container in unit.containers.values()],
        "secrets": [_secret(unit, secret) for secret in secrets if secret.is_readable_by(unit)],
        "storages": {name: str(directory) for name, directory in unit.storages.items()},
        "opened_ports": unit.opened_ports,
        "app_status": application.own_status,
        "unit_status": status,
        "workload_version": unit.workload_version,
        "memory": unit.memory,
    }


def _relation(unit: Unit, side: Side) -> RelationState:
    other = side.other
    members = unit.seen[side.id].members
    may_read_own = unit.is_leader or side.is_peer
    return {
        "id": side.id,
        "endpoint": side.endpoint.name,
        "interface": side.endpoint.interface,
        "is_peer": side.is_peer,
        "remote_app": side.remote_name,
        "remote_model_uuid": other.application.model.uuid,
        "local_app_data": dict(side.data.data) if may_read_own else {},
        "local_unit_data": dict(side.unit_data[unit.number].data),
        "remote_app_data": dict(other.data.data),
        "remote_units_data": {str(number): dict(other.unit_data[number].data) for number in sorted(members)},
    }


def _commit_relation(unit: Unit, relation: RelationState) -> None:
    side = next(side for side in unit.application.sides if side.id == relation["id"])
    side.unit_data[unit.number].replace(relation["local_unit_data"])
    if unit.is_leader:
        side.data.replace(relation["local_app_data"])
        if side.is_peer:
            unit.seen[side.id].app_version = side.data.version


def _container(container: Container) -> ContainerState:
    return {
        "name": container.name,
        "root": str(container.root),
        "can_connect": container.can_connect,
        "layers": container.layers,
        "services": container.services,
        "checks": container.checks,
        "notices": container.notices,
    }


def _commit_container(container: Container, state: ContainerState) -> None:
    container.layers = state["layers"]
    container.services = state["services"]
    container.checks = [check for check in state["checks"] if check["name"] in container.plan.checks]


def _secret(unit: Unit, secret: Secret) -> SecretState:
    consumer = secret.consumers.get(unit)
    tracked = consumer.revision if consumer and consumer.revision in secret.revisions else secret.latest
    owner = "unit" if secret.owner is unit else "app" if secret.owner is unit.application else None
    return {
        "id": secret.id,
        "owner": owner,
        "label": secret.label if owner else consumer and consumer.label,
        "description": secret.description,
        "rotate": secret.rotate,
        "tracked": secret.revisions[tracked],
        "latest": secret.revisions[secret.latest],
        "tracked_revision": tracked,
        "latest_revision": secret.latest,
        "grants": {str(side.id): sorted(names) for side, names in secret.grants.items()} if owner else {},
    }


def _commit_secrets(unit: Unit, outcome: HookOutcome, secrets: list[Secret]) -> list[Secret]:
    states = {state["id"]: state for state in outcome["state"]["secrets"]}
    known = {secret.id: secret for secret in secrets}
    for id_, state in states.items():
        secret = known.setdefault(id_, _new_secret(unit, state))
        if secret.manager is unit:
            _commit_managed(unit, secret, state)
    for id_ in outcome["consumed"]:
        if secret := known.get(id_):
            consumer = secret.consumers.setdefault(unit, SecretConsumer(secret.latest))
            consumer.label = states[id_]["label"] if id_ in states else consumer.label
    for id_ in outcome["refreshed"]:
        if secret := known.get(id_):
            secret.consumers[unit].revision = secret.latest
    for id_, revision in outcome["removed_revisions"]:
        if secret := known.get(id_):
            secret.revisions.pop(revision, None)
    return [secret for secret in known.values() if secret.id in states or secret.manager is not unit]


def _new_secret(unit: Unit, state: SecretState) -> Secret:
    return Secret(
        id=state["id"],
        owner=unit if state["owner"] == "unit" else unit.application,
        revisions={1: state["latest"]},
        label=state["label"],
        description=state["description"],
        rotate=state["rotate"],
    )


def _commit_managed(unit: Unit, secret: Secret, state: SecretState) -> None:
    secret.label, secret.description, secret.rotate = state["label"], state["description"], state["rotate"]
    if state["latest"] != secret.revisions[secret.latest]:
        secret.latest += 1
        secret.revisions[secret.latest] = state["latest"]
    sides = {str(side.id): side for side in unit.application.sides}
    secret.grants = {sides[id_]: set(names) for id_, names in state["grants"].items() if id_ in sides}
