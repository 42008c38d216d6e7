"""Policies that a charm writes itself, with or without a beacon."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pydantic

from charmlibs.interfaces.service_mesh import MeshPolicy, MeshType
from k8s_charm import Deadline, Failure, ObjectRef, Owner, ReconcileResult, apply

from ._policies import PolicyRequestFrom, list_policies, plan_policies
from ._rules import TRUST_DOMAIN

if TYPE_CHECKING:
    import ops
    from lightkube import Client


class PolicyResourceManager:
    """Keeps the policies of one charm in Kubernetes, for any mesh.

    For policies that cannot be requested over a relation to a beacon: between applications that are not
    related to it, or in a mesh whose beacon does not manage policies.

    Args:
        charm: the charm that owns the policies.
        lightkube_client: with a `field_manager`, for server-side apply.
        labels: set on each object, to find it again; no other manager may use them.
        logger: the logger for what failed; this library's own if None.
        deadline: the end of the hook's time; 18 seconds from now on if None.
        trust_domain: the trust domain of the mesh.
    """

    def __init__(
        self,
        charm: "ops.CharmBase",
        lightkube_client: "Client",
        labels: Mapping[str, str],
        logger: logging.Logger | None = None,
        deadline: Deadline | None = None,
        trust_domain: str = TRUST_DOMAIN,
    ):
        self._owner = Owner(charm.app.name, charm.model.name)
        self._client = lightkube_client
        self._labels = labels
        self._logger = logger or logging.getLogger(__name__)
        self._deadline = deadline
        self._trust_domain = trust_domain

    def reconcile(
        self,
        policies: Iterable[MeshPolicy],
        mesh_type: MeshType,
        force: bool = True,
        ignore_missing: bool = True,
    ) -> ReconcileResult:
        """Make these the policies in Kubernetes; write only what differs.

        Nothing is raised for a request that fails, or for a policy that no mesh can enforce: each is in the
        result, with a warning in the log, and the rest is done.

        Args:
            policies: all policies; also of an equal class of another library.
            mesh_type: the mesh that enforces them.
            force: set fields of this manager's objects also where another field manager has set them since.
            ignore_missing: count an object that is gone already, or whose kind is not installed, as deleted.

        Raises:
            ValueError: if this library does not support the mesh.
        """
        if getattr(mesh_type, "value", mesh_type) != MeshType.istio.value:
            raise ValueError(
                f"no policies can be written for a mesh of the type {mesh_type!r}, only for istio"
            )
        requests: list[PolicyRequestFrom] = []
        unenforceable: list[Failure] = []
        for policy in policies:
            try:
                requests.append(PolicyRequestFrom(_own_model(policy), trust_domain=self._trust_domain))
            except pydantic.ValidationError as error:
                unenforceable.append(_unenforceable(policy, error))
        result = self._reconcile(requests, force=force, ignore_missing=ignore_missing)
        return self._logged(replace(result, failed=(*unenforceable, *result.failed)))

    def delete(self, ignore_missing: bool = True) -> ReconcileResult:
        """Delete all policies of this manager; a failure is in the result, and in the log."""
        return self._logged(self._reconcile([], force=True, ignore_missing=ignore_missing))

    def _reconcile(
        self, requests: Iterable[PolicyRequestFrom], *, force: bool, ignore_missing: bool
    ) -> ReconcileResult:
        deadline = self._deadline or Deadline()
        live = list_policies(self._client, self._labels, self._owner, deadline)
        changes = plan_policies(live, requests, ignore_missing=ignore_missing)
        return apply(self._client, changes, deadline, force=force)

    def _logged(self, result: ReconcileResult) -> ReconcileResult:
        for failure in result.failed:
            self._logger.warning("mesh policies: %s", failure)
        return result


def _own_model(policy: pydantic.BaseModel) -> MeshPolicy:
    if isinstance(policy, MeshPolicy):
        return policy
    return MeshPolicy.model_validate(policy.model_dump(mode="json"))


def _unenforceable(policy: pydantic.BaseModel, error: pydantic.ValidationError) -> Failure:
    said = policy.model_dump()
    ref = ObjectRef("MeshPolicy", str(said.get("target_namespace")), f"from {said.get('source_app_name')}")
    return Failure(ref, "read", None, error.errors(include_url=False)[0]["msg"])
