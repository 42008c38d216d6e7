"""Policies that a charm applies itself, with or without a beacon."""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import ops
import pydantic

from charmlibs.interfaces.service_mesh import MeshPolicy, MeshType
from k8s_charm import (
    Client,
    Deadline,
    Failure,
    Json,
    ObjectRef,
    Owner,
    ReconcileResult,
    Resource,
    apply,
    kubernetes_errors,
    manifest,
    metadata,
    subtree,
)
from relation_data import reason

from ._compatibility import takes_flags, takes_mesh_type
from ._object import policy_object
from ._policies import ROOT_NAMESPACE, DesiredPolicies, PolicyRequestFrom, list_policies, plan_policies
from ._rules import TRUST_DOMAIN

_AUTHORIZATION_POLICY = "security.istio.io/AuthorizationPolicy"


class PolicyResourceManager:
    """The policies that one charm applies in Kubernetes itself.

    Use it for policies that cannot be requested from a beacon: between applications that are not related to
    it, or in a mesh whose beacon does not manage policies.

    Args:
        charm: the charm that owns the policies.
        lightkube_client: the client, with a `field_manager` for server-side apply.
        labels: the labels that select this manager's objects; no other manager may use them. The default is
            for a charm with one manager.
        logger: the logger for failures; this library's own if None.
        deadline: the end of the hook's time; 18 seconds from now on if None.
        trust_domain: the trust domain of the mesh.
        root_namespaces: the namespaces in which a policy on pods holds in all namespaces. Of `policies`, none
            is written there; those in `raw_policies` are, since a charm for the whole mesh needs them.
    """

    @takes_mesh_type
    def __init__(  # noqa: PLR0913 - published
        self,
        charm: ops.CharmBase,
        lightkube_client: Client,
        labels: Mapping[str, str] | None = None,
        logger: logging.Logger | None = None,
        deadline: Deadline | None = None,
        trust_domain: str = TRUST_DOMAIN,
        root_namespaces: Collection[str] = (ROOT_NAMESPACE,),
    ):
        self._owner = Owner(charm.app.name, charm.model.name)
        self._client = lightkube_client
        self._labels = labels or self._owner.labels("policy-resource-manager")
        self.log = logger or logging.getLogger(__name__)
        self._deadline = deadline
        self._trust_domain = trust_domain
        self._root_namespaces = root_namespaces
        self.failed: tuple[Failure, ...] = ()
        """The failures of the last `reconcile` or `delete`, also if it raised an error."""
        self.live: tuple[Resource, ...] | None = None
        """The manager's policies after that; None if they could not be listed."""

    @takes_flags
    def reconcile(
        self,
        policies: Iterable[MeshPolicy],
        mesh_type: MeshType,
        raw_policies: Sequence[Resource] | None = None,
        force: bool = True,
        ignore_missing: bool = True,
        *,
        audit: bool = False,
    ) -> ReconcileResult:
        """Write AuthorizationPolicies so that these policies apply, and no others of this manager.

        A failed request does not stop the others; its error is raised afterwards. A policy that no mesh can
        enforce, or whose name another owner's object has, is in the result, with a warning in the log.

        Args:
            policies: all policies; an equal class of another library is accepted.
            mesh_type: the mesh that enforces them; ignored if there are no policies.
            raw_policies: ready-made AuthorizationPolicies, owned and written like the others.
            force: set fields of this manager's objects also where another field manager has set them since.
            ignore_missing: count an object that is gone already, or whose kind is not installed, as deleted.
            audit: have waypoints record what `policies` would deny, and allow everything on their targets.

        Raises:
            TypeError: if a raw policy is not an AuthorizationPolicy.
            ValueError: if this library does not support the mesh.
            lightkube.ApiError: if Kubernetes rejected a request; it is the first of these errors.
        """
        policies, raw_policies = list(policies), raw_policies or []
        self._validate_raw_policies(raw_policies)
        if policies and getattr(mesh_type, "value", mesh_type) != MeshType.istio.value:
            raise ValueError(f"unsupported mesh type {mesh_type!r}: policies can be applied for istio only")
        requests: list[PolicyRequestFrom] = []
        unenforceable: list[Failure] = []
        for policy in policies:
            try:
                requests.append(PolicyRequestFrom(_own_model(policy), trust_domain=self._trust_domain))
            except pydantic.ValidationError as error:
                unenforceable.append(_unenforceable(policy, error))
        # tests of charms replace the client by a mock, whose namespace is not a text
        also = [_own_kind(policy, str(self._client.namespace)) for policy in raw_policies]
        deadline = self._deadline or Deadline()
        live = list_policies(self._client, self._labels, self._owner, deadline)
        changes = plan_policies(
            live,
            DesiredPolicies(requests, dry_run=audit),
            also=also,
            ignore_missing=ignore_missing,
            root_namespaces=self._root_namespaces,
        )
        result = apply(self._client, changes, deadline, force=force)
        return self._checked(replace(result, failed=(*unenforceable, *result.failed)))

    def delete(self, ignore_missing: bool = True) -> ReconcileResult:
        """Delete all policies of this manager.

        Raises:
            lightkube.ApiError: if Kubernetes rejected a request; the others were sent nevertheless.
        """
        deadline = self._deadline or Deadline()
        live = list_policies(self._client, self._labels, self._owner, deadline)
        changes = plan_policies(live, DesiredPolicies(), ignore_missing=ignore_missing)
        return self._checked(apply(self._client, changes, deadline))

    def _validate_raw_policies(self, raw_policies: Sequence[Resource]) -> None:
        """Raise a TypeError for anything but an AuthorizationPolicy; tests of charms call this."""
        for policy in raw_policies:
            if (kind := _kind_of(policy)) != _AUTHORIZATION_POLICY:
                raise TypeError(f"a raw policy must be an AuthorizationPolicy of Istio, not {kind}")

    def _checked(self, result: ReconcileResult) -> ReconcileResult:
        self.failed = result.failed
        is_listed = all(failure.verb != "list" for failure in result.failed)
        self.live = result.live if is_listed else None
        for failure in result.failed:
            self.log.warning("mesh policies: %s", failure)
        for failure in result.failed:
            if isinstance(failure.error, kubernetes_errors()):
                raise failure.error
        return result


def _kind_of(policy: Resource) -> str:
    from lightkube.core.resource import api_info

    try:
        info = api_info(type(policy)).resource
    except (AttributeError, TypeError):
        return type(policy).__name__
    return f"{info.group}/{info.kind}"


def _own_kind(policy: Resource, namespace: str) -> Resource:
    own = metadata(policy)
    marks: Json = {key: own[key] for key in ("name", "namespace", "labels", "annotations") if own.get(key)}
    return policy_object({"namespace": namespace, **marks}, subtree(manifest(policy), "spec"))


def _own_model(policy: pydantic.BaseModel) -> MeshPolicy:
    if isinstance(policy, MeshPolicy):
        return policy
    return MeshPolicy.model_validate(policy.model_dump(mode="json"))


def _unenforceable(policy: pydantic.BaseModel, error: pydantic.ValidationError) -> Failure:
    fields = policy.model_dump()
    ref = ObjectRef(
        "MeshPolicy", str(fields.get("target_namespace")), f"from {fields.get('source_app_name')}"
    )
    return Failure(ref, "read", None, reason(error))
