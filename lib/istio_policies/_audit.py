"""AuthorizationPolicies of audit mode that allow everything, beside those that are only logged."""

from collections.abc import Iterable, Iterator

from k8s_charm import Json, Owner, Resource, annotations, manifest, metadata, subtree

from ._description import target_refs
from ._names import audit_name
from ._object import policy_object
from ._rules import APPLICATION_LABEL, PolicyKey, target

PURPOSE = "charms.canonical.com/mesh.purpose"
"""The annotation of policies that no application requests; its value is what they are for."""
_AUDIT = "audit"


def allow_everything_on(owner: Owner, policies: Iterable[Resource]) -> list[Resource]:
    """Return the policies that allow everything on the targets of these policies.

    A target with policies in audit mode only is denied everything by a hardened mesh, or by other policies on
    it. A policy that allows everything there overrides them, except for DENY policies.
    """
    keys: set[PolicyKey] = set()
    for policy in policies:
        keys.update(_targets(metadata(policy)["namespace"], subtree(manifest(policy), "spec")))
    return _allow_everything(owner, keys)


def audit_policies(owner: Owner, apps: Iterable[tuple[str, str]]) -> list[Resource]:
    """Return the policies that allow everything on the Services and pods of applications.

    Pods behind a waypoint are closed to all other sources, so a policy on the Service alone allows nothing to
    sources that bypass it. An application is its namespace and its name.
    """
    keys: set[PolicyKey] = set()
    for namespace, app in apps:
        keys |= {_on_service(namespace, app), _on_pods(namespace, {APPLICATION_LABEL: app})}
    return _allow_everything(owner, keys)


def is_for_audit(policy: Resource) -> bool:
    """Return whether a policy allows everything as long as others are in audit mode."""
    return annotations(policy).get(PURPOSE) == _AUDIT


def _allow_everything(owner: Owner, keys: Iterable[PolicyKey]) -> list[Resource]:
    made: list[Resource] = []
    for key in sorted(keys):
        name, marks = audit_name(owner, key), {PURPOSE: _AUDIT}
        own = {"name": name, "namespace": key.namespace, "annotations": marks}
        made.append(policy_object(own, {"action": "ALLOW", "rules": [{}], **target(key)}))
    return made


def _targets(namespace: str, spec: Json) -> Iterator[PolicyKey]:
    refs = target_refs(spec)
    for ref in refs:
        if ref.get("kind") == "Service":
            yield _on_service(namespace, str(ref.get("name")))
    if not refs and (labels := subtree(spec, "selector", "matchLabels")):
        yield _on_pods(namespace, labels)


def _on_service(namespace: str, name: str) -> PolicyKey:
    return PolicyKey(namespace, name, (), "", "")


def _on_pods(namespace: str, labels: dict[str, str]) -> PolicyKey:
    return PolicyKey(namespace, "", tuple(sorted(labels.items())), "", "")
