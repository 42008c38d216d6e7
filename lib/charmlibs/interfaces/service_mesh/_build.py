"""Mesh policies built from a charm's declared policies, one for each related application."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import ops

from ._cross_model import unresolved_name
from ._models import (
    NO_APPLICATION,
    NO_NAMESPACE,
    AppPolicy,
    CMRData,
    Endpoint,
    MeshPolicy,
    PolicyTargetType,
    UnitPolicy,
)

UNRELATED = CMRData(app_name=NO_APPLICATION, juju_model_name=NO_NAMESPACE)
"""The source of policies for callers without a relation."""


def build_mesh_policies(
    relation_mapping: Mapping[str, Sequence[ops.Relation]],
    target_app_name: str,
    target_namespace: str,
    policies: Sequence[AppPolicy | UnitPolicy],
    cmr_application_data: Mapping[str, CMRData] | None = None,
    consumed: Collection[str] = (),
) -> list[MeshPolicy]:
    """Return one `MeshPolicy` for each policy and each application related over its relation.

    Args:
        relation_mapping: a charm's relations by name, as in `self.model.relations`.
        target_app_name: the target application, as in `self.app.name`.
        target_namespace: the target's model, as in `self.model.name`.
        policies: the declared policies.
        cmr_application_data: the identities of applications of other models, by the names that
            this model shows (see `get_data_from_cmr_relation`). Any other application counts as
            one of this model.
        consumed: the names of applications of other models whose offers this model has consumed. Policies for
            those without a known identity allow no source.
    """
    found: list[MeshPolicy] = []
    for policy in policies:
        if policy.callers:
            found.append(mesh_policy(policy, UNRELATED, target_app_name, target_namespace))
            continue
        relations = relation_mapping[policy.relation]
        sources = _sources(relations, target_namespace, cmr_application_data or {}, consumed)
        found += [mesh_policy(policy, source, target_app_name, target_namespace) for source in sources]
    return found


def policies_of_unnamed(
    relation_mapping: Mapping[str, Sequence[ops.Relation]],
    target_app_name: str,
    target_namespace: str,
    policies: Sequence[AppPolicy | UnitPolicy],
    published: Iterable[MeshPolicy],
) -> Iterator[MeshPolicy]:
    """Yield the published policies that may be for applications whose relations Juju does not name.

    Args:
        relation_mapping: a charm's relations by name.
        target_app_name: the target application.
        target_namespace: the target's model.
        policies: the declared policies.
        published: the policies that were published last.
    """
    relations = {policy.relation: relation_mapping[policy.relation] for policy in policies if policy.relation}
    unnamed = [
        policy for policy in policies if not all(each.app for each in relations.get(policy.relation, ()))
    ]
    for last in published if unnamed else ():
        source = CMRData(app_name=last.source_app_name, juju_model_name=last.source_namespace)
        if any(mesh_policy(policy, source, target_app_name, target_namespace) == last for policy in unnamed):
            yield last


def _sources(
    relations: Sequence[ops.Relation],
    model: str,
    cross_model: Mapping[str, CMRData],
    consumed: Collection[str],
) -> Iterator[CMRData]:
    names = dict.fromkeys(relation.app.name for relation in relations if relation.app)
    for name in names:
        shown = unresolved_name(name) if name in consumed else name
        yield cross_model.get(name) or CMRData(app_name=shown, juju_model_name=model)


def mesh_policy(
    policy: AppPolicy | UnitPolicy, source: CMRData, target_app_name: str, target_namespace: str
) -> MeshPolicy:
    """Return a charm's policy for one related application.

    Args:
        policy: the charm's policy.
        source: the related application, by its own names; `UNRELATED` for a policy with callers.
        target_app_name: the application whose charm has the policy.
        target_namespace: the model of that application.
    """
    if isinstance(policy, UnitPolicy):
        target_type, service = PolicyTargetType.unit, None
        endpoints = [Endpoint(ports=policy.ports)] if policy.ports else []
    else:
        target_type, service = PolicyTargetType.app, policy.service or None
        endpoints = policy.endpoints
    return MeshPolicy(
        source_namespace=source.juju_model_name,
        source_app_name=source.app_name,
        target_namespace=target_namespace,
        target_app_name=target_app_name,
        target_service=service,
        target_type=target_type,
        endpoints=endpoints,
        callers=policy.callers,
    )
