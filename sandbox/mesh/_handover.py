"""The state between two states of the mesh, in which everything serves that serves in either.

The proxies load a change one after another. Nothing may be removed while another proxy still uses it.
"""

from dataclasses import replace
from typing import TypeVar

from ._state import PodState, PolicyState, ServiceState, State

Named = TypeVar("Named", PodState, PolicyState, ServiceState)


def handover(before: State, after: State) -> State:
    """Return the state with the pods, Services behind waypoints, and policies of both states.

    A pod that joins or leaves the mesh is open meanwhile, with an identity or without, as it is outside.
    """
    old_pods, new_pods = _by_name(before.pods), _by_name(after.pods)
    pods = [_joined(old_pods.get(name), pod) for name, pod in new_pods.items()]
    gone = [pod for name, pod in old_pods.items() if name not in new_pods]
    new_services = _by_name(after.services)
    unbound: list[ServiceState] = []
    for name, service in _by_name(before.services).items():
        now = new_services.get(name)
        if service.waypoint and (now is None or now.waypoint != service.waypoint):
            unbound.append(replace(service, pods=now.pods if now else service.pods))
    new_policies = _by_name(after.policies)
    former = [policy for name, policy in _by_name(before.policies).items() if name not in new_policies]
    return replace(
        after,
        pods=(*pods, *gone),
        services=(*after.services, *unbound),
        policies=(*after.policies, *former),
    )


def _joined(old: PodState | None, new: PodState) -> PodState:
    if old is None or old.in_mesh is new.in_mesh:
        return new
    return replace(new, in_mesh=True, is_open=True)


def _by_name(items: tuple[Named, ...]) -> dict[tuple[str, str], Named]:
    return {(item.namespace, item.name): item for item in items}
