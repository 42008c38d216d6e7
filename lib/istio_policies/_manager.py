"""Policies that a charm writes itself, with or without a beacon."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pydantic

from charmlibs.interfaces.service_mesh import MeshPolicy, MeshType
from k8s_charm import Failure, ObjectRef, Owner, ReconcileResult

from ._policies import Asked, reconcile_policies

if TYPE_CHECKING:
    import ops
    from lightkube import Client


class PolicyResourceManager:
    """Keeps the policies of one charm in Kubernetes, whatever the mesh is.

    For policies that no relation to a beacon can ask for: between applications that are not related to it,
    or in a mesh whose beacon does not manage policies.

    Args:
        charm: the charm whose policies these are.
        lightkube_client: with a `field_manager`, for server-side apply.
        labels: put on each object, and the way to find them again; they must be this manager's alone.
        logger: where to log what failed; this library's own if None.
    """

    def __init__(
        self,
        charm: "ops.CharmBase",
        lightkube_client: "Client",
        labels: Mapping[str, str],
        logger: logging.Logger | None = None,
    ):
        self._owner = Owner(charm.app.name, charm.model.name)
        self._client = lightkube_client
        self._labels = labels
        self._logger = logger or logging.getLogger(__name__)

    def reconcile(
        self,
        policies: Iterable[MeshPolicy],
        mesh_type: MeshType,
        force: bool = True,
        ignore_missing: bool = True,
    ) -> ReconcileResult:
        """Make the policies in Kubernetes these, and write only what differs.

        Nothing is raised for what Kubernetes refuses, or for a policy that no mesh can enforce: that is in
        the result, with a warning each in the log, and the rest is done.

        Args:
            policies: all policies that are wanted; also of an equal class of another library.
            mesh_type: the mesh that is to enforce them.
            force: set fields of this manager's objects also where another field manager has set them since.
            ignore_missing: an object that is gone already, or whose kind is not installed, counts as deleted.

        Raises:
            ValueError: if the mesh is none that this library knows.
        """
        if getattr(mesh_type, "value", mesh_type) != MeshType.istio.value:
            raise ValueError(
                f"no policies can be written for a mesh of the type {mesh_type!r}, only for istio"
            )
        asked: list[Asked] = []
        unenforceable: list[Failure] = []
        for policy in policies:
            try:
                asked.append(Asked(_own_model(policy)))
            except pydantic.ValidationError as error:
                unenforceable.append(_unenforceable(policy, error))
        result = self._reconcile(asked, force=force, ignore_missing=ignore_missing)
        return self._logged(replace(result, failed=(*unenforceable, *result.failed)))

    def delete(self, ignore_missing: bool = True) -> ReconcileResult:
        """Delete all policies of this manager; what can't be deleted is in the result, and in the log."""
        return self._logged(self._reconcile([], force=True, ignore_missing=ignore_missing))

    def _reconcile(self, asked: Iterable[Asked], *, force: bool, ignore_missing: bool) -> ReconcileResult:
        return reconcile_policies(
            self._client,
            asked,
            labels=self._labels,
            owner=self._owner,
            force=force,
            ignore_missing=ignore_missing,
        )

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
