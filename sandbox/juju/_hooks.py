"""The next event of a unit, from a comparison of the current state with the state that the unit has seen.

Juju's own agent decides in this way, so the order of events needs no other record.
"""

from collections.abc import Callable, Iterator

from ._container import Container
from ._databag import Bag, Seen
from ._hook import Hook
from ._objects import Side, Unit
from ._secrets import Secret


def next_hook(unit: Unit, secrets: list[Secret]) -> Hook | None:
    """Return the next event of `unit`; None if there is none."""
    if unit.error or unit.removed or unit.lost:
        return None
    return next(_hooks(unit, secrets), None)


def begin(unit: Unit, hook: Hook) -> None:
    """Record what an event changes as it begins."""
    if hook.relation:
        _enter(unit.application.side(hook.relation.id), unit)
        seen = unit.seen.setdefault(hook.relation.id, Seen())
        if hook.kind == "relation_joined" and hook.remote_unit is not None:
            seen.members.setdefault(hook.remote_unit, -1)
        if hook.kind == "relation_departed" and hook.remote_unit is not None:
            seen.members.pop(hook.remote_unit, None)
            seen.just_joined = None
    if hook.kind == "pebble_ready" and hook.container:
        unit.containers[hook.container].can_connect = True


def finish(unit: Unit, hook: Hook, secrets: list[Secret]) -> None:
    """Record that a unit has had an event."""
    if hook.kind in _FINISH:
        _FINISH[hook.kind](unit)
    if hook.relation:
        _finish_relation(unit, hook, unit.application.side(hook.relation.id))
    if hook.container:
        _finish_container(hook, unit.containers[hook.container])
    for secret in secrets:
        if secret.id == hook.secret:
            _finish_secret(unit, hook, secret)
    if hook.storage:
        unit.storages_attached ^= {hook.storage}


def _enter(side: Side, unit: Unit) -> None:
    """Add a unit to a relation, and publish its address to the others."""
    if unit.number in side.present:
        return
    bag = side.unit_data.setdefault(unit.number, Bag())
    address = side.application.cluster_ip or unit.address
    addresses = {"ingress-address": address, "private-address": unit.address}
    bag.replace({"egress-subnets": f"{address}/32", **addresses})
    bag.version += 1
    side.present.add(unit.number)


def _hooks(unit: Unit, secrets: list[Secret]) -> Iterator[Hook]:
    if not unit.installed:
        if unit.dying:
            yield Hook("remove")
        yield from (Hook("storage_attached", storage=name) for name in _missing_storages(unit))
        yield Hook("install")
    elif unit.dying:
        yield from _hooks_at_the_end(unit)
    elif unit.restarting:
        yield Hook("stop")
    else:
        yield from _hooks_of_setup(unit)
        yield from _hooks_of_workload(unit)
        yield from _hooks_of_secrets(unit, secrets)
        for side in unit.application.sides:
            yield from _hooks_of_relation(unit, side)
        if unit.update_status_due:
            yield Hook("update_status")


def _hooks_of_setup(unit: Unit) -> Iterator[Hook]:
    for side in unit.application.sides:
        if side.id not in unit.seen and not side.relation.dying:
            yield Hook("relation_created", relation=side.relation_name)
    if unit.is_leader and not unit.leadership_seen:
        yield Hook("leader_elected")
    if unit.upgrade_due:
        yield Hook("upgrade_charm")
    if unit.config_seen != unit.application.config:
        yield Hook("config_changed")
    if not unit.started:
        yield Hook("start")


def _hooks_at_the_end(unit: Unit) -> Iterator[Hook]:
    for side in unit.application.sides:
        yield from _hooks_of_leaving(unit, side)
    if not unit.stopped:
        yield from (Hook("storage_detaching", storage=name) for name in sorted(unit.storages_attached))
        yield Hook("stop")
    yield Hook("remove")


def _hooks_of_leaving(unit: Unit, side: Side) -> Iterator[Hook]:
    seen = unit.seen.get(side.id)
    if seen is None:
        return
    for number in sorted(seen.members):
        departing = unit.name if unit.dying else side.remote_unit(number)
        yield Hook("relation_departed", relation=side.relation_name, remote_unit=number, departing=departing)
    yield Hook("relation_broken", relation=side.relation_name)


def _hooks_of_relation(unit: Unit, side: Side) -> Iterator[Hook]:
    if side.relation.dying:
        yield from _hooks_of_leaving(unit, side)
        return
    seen, other = unit.seen[side.id], side.other
    if seen.just_joined is not None:
        yield _hook_of_change(side, seen.just_joined)
    if seen.app_version != other.data.version and not (side.is_peer and unit.is_leader):
        yield Hook("relation_changed", relation=side.relation_name, version=other.data.version)
    present = other.present - ({unit.number} if side.is_peer else set())
    for number in sorted(seen.members.keys() - present):
        yield Hook(
            "relation_departed",
            relation=side.relation_name,
            remote_unit=number,
            departing=side.remote_unit(number),
        )
    for number in sorted(present - seen.members.keys()):
        yield Hook("relation_joined", relation=side.relation_name, remote_unit=number)
    for number in sorted(present):
        if seen.members[number] != other.unit_data[number].version:
            yield _hook_of_change(side, number)


def _hook_of_change(side: Side, number: int) -> Hook:
    return Hook(
        "relation_changed",
        relation=side.relation_name,
        remote_unit=number,
        version=side.other.unit_data[number].version,
    )


def _hooks_of_workload(unit: Unit) -> Iterator[Hook]:
    for container in unit.containers.values():
        if not container.ready_seen:
            yield Hook("pebble_ready", container=container.name)
        for check in container.checks:
            is_down = check["status"] == "down"
            if is_down != (check["name"] in container.down_seen):
                kind = "pebble_check_failed" if is_down else "pebble_check_recovered"
                yield Hook(kind, container=container.name, check=check["name"])
        for notice in container.notices:
            if notice["id"] not in container.notices_seen:
                yield Hook("pebble_custom_notice", container=container.name, notice=notice["id"])


def _hooks_of_secrets(unit: Unit, secrets: list[Secret]) -> Iterator[Hook]:
    for secret in secrets:
        consumer = secret.consumers.get(unit)
        if secret.manager is unit:
            if secret.rotation_due:
                yield Hook("secret_rotate", secret=secret.id)
            for revision in secret.obsolete():
                if revision not in secret.obsolete_seen:
                    yield Hook("secret_remove", secret=secret.id, revision=revision)
        elif (
            consumer and max(consumer.revision, consumer.seen) < secret.latest and secret.is_readable_by(unit)
        ):
            yield Hook("secret_changed", secret=secret.id, version=secret.latest)


def _missing_storages(unit: Unit) -> list[str]:
    return sorted(unit.storages.keys() - unit.storages_attached)


def _finish_relation(unit: Unit, hook: Hook, side: Side) -> None:
    if hook.kind == "relation_broken":
        side.present.discard(unit.number)
        del unit.seen[side.id]
        return
    seen, number = unit.seen[side.id], hook.remote_unit
    if hook.kind == "relation_joined":
        seen.just_joined = number
    if hook.kind == "relation_changed":
        if number is None:
            seen.app_version = hook.version
        else:
            seen.members[number] = hook.version
            seen.just_joined = None


def _finish_container(hook: Hook, container: Container) -> None:
    if hook.kind == "pebble_ready":
        container.ready_seen = True
    if hook.check:
        container.down_seen ^= {hook.check}
    if hook.notice:
        container.notices_seen.add(hook.notice)


def _finish_secret(unit: Unit, hook: Hook, secret: Secret) -> None:
    if hook.kind == "secret_changed":
        secret.consumers[unit].seen = hook.version
    if hook.kind == "secret_rotate":
        secret.rotation_due = False
    if hook.kind == "secret_remove" and hook.revision is not None:
        secret.obsolete_seen.add(hook.revision)


def _finish_install(unit: Unit) -> None:
    unit.installed = True
    if unit.status[0] == "waiting":
        unit.status = ("unknown", "")


def _finish_leadership(unit: Unit) -> None:
    unit.leadership_seen = True


def _finish_upgrade(unit: Unit) -> None:
    unit.upgrade_due = False
    unit.config_seen = None


def _finish_config(unit: Unit) -> None:
    unit.config_seen = unit.application.config


def _finish_start(unit: Unit) -> None:
    unit.started = True


def _finish_update_status(unit: Unit) -> None:
    unit.update_status_due = False


def _finish_stop(unit: Unit) -> None:
    unit.stopped = True


def _finish_remove(unit: Unit) -> None:
    unit.removed = True


_FINISH: dict[str, Callable[[Unit], None]] = {
    "install": _finish_install,
    "leader_elected": _finish_leadership,
    "upgrade_charm": _finish_upgrade,
    "config_changed": _finish_config,
    "start": _finish_start,
    "update_status": _finish_update_status,
    "stop": _finish_stop,
    "remove": _finish_remove,
}
