"""Data of the `service_mesh` and `cross_model_mesh` relations, as pydantic models."""

import enum
import re
import warnings
from typing import Annotated, Any

import pydantic

from relation_data import check_text, shown_name

_LABEL_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_DNS_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_LABEL_PREFIX = re.compile(rf"(?=.{{1,253}}$){_DNS_LABEL}(?:\.{_DNS_LABEL})*")


def _refuse_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a port is a number, not a boolean")
    return value


def _check_identity(name: str) -> str:
    """Reject a name that would match more than one identity in an Istio principal."""
    if "*" in name or "/" in name:
        raise ValueError("a name that contains '*' or '/' does not stand for one application")
    return name


def check_label(key: str, value: str) -> None:
    """Check a label against the rules of Kubernetes.

    https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set

    Raises:
        ValueError: if the label is invalid.
    """
    prefix, slash, name = key.rpartition("/")
    if not _LABEL_NAME.fullmatch(name) or (slash and not _LABEL_PREFIX.fullmatch(prefix)):
        raise ValueError(f"invalid Kubernetes label key {shown_name(key)!r}")
    if value and not _LABEL_NAME.fullmatch(value):
        raise ValueError(f"invalid value of Kubernetes label {key!r}")


def _check_labels(labels: dict[str, str] | None) -> dict[str, str] | None:
    for key, value in (labels or {}).items():
        check_label(key, value)
    return labels


MESH_LABELS = frozenset(
    {
        "istio.io/dataplane-mode",
        "istio.io/ingress-use-waypoint",
        "istio.io/use-waypoint",
        "istio.io/use-waypoint-namespace",
    }
)
"""The labels that pods and Services take from a mesh; other labels may be what a policy selects pods by."""

Port = Annotated[int, pydantic.Field(ge=1, le=65535), pydantic.BeforeValidator(_refuse_bool)]
Text = Annotated[str, pydantic.AfterValidator(check_text)]
Name = Annotated[Text, pydantic.Field(min_length=1)]
Identity = Annotated[Name, pydantic.AfterValidator(_check_identity)]
# It is passed to Kubernetes, where no object has a longer name.
CrossModelName = Annotated[Identity, pydantic.Field(max_length=253)]
Namespace = Annotated[str, pydantic.Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Labels = Annotated[dict[str, str], pydantic.AfterValidator(_check_labels)]


class MeshType(str, enum.Enum):
    """The service meshes that charms can be in."""

    istio = "istio"


class Method(str, enum.Enum):
    """An HTTP method."""

    connect = "CONNECT"
    delete = "DELETE"
    get = "GET"
    head = "HEAD"
    options = "OPTIONS"
    patch = "PATCH"
    post = "POST"
    put = "PUT"
    trace = "TRACE"


class PolicyTargetType(str, enum.Enum):
    """Kind of object that a policy is enforced at."""

    app = "app"
    """At the application's Service, on HTTP."""
    unit = "unit"
    """At each pod, on TCP."""


class _Restricting(pydantic.BaseModel, extra="forbid"):
    """A model that rejects unknown fields: one could be a restriction, and would allow more if ignored."""


class Endpoint(_Restricting):
    """One kind of request that a policy allows; what is None or empty is not restricted.

    Raises:
        pydantic.ValidationError: if a field is unknown or invalid; the message names it.
    """

    hosts: list[Text] | None = None
    ports: list[Port] | None = None
    methods: list[Method] | None = None
    paths: list[Text] | None = None
    """Exact, with `*` at one end, or with `{*}` (one segment) and `{**}` (any number of them)."""


class CallerKind(str, enum.Enum):
    """A kind of callers without a relation."""

    namespaces = "namespaces"
    """Workloads of the mesh in some namespaces."""
    mesh = "mesh"
    """Workloads of the mesh in any namespace."""
    anyone = "anyone"
    """All callers, with or without an identity of the mesh."""


class Callers(_Restricting):
    """Callers without a relation, such as webhooks of the API server or users' namespaces.

    The operator of the mesh has to allow them.
    """

    kind: CallerKind
    namespaces: list[Namespace] | None = None
    """The namespaces, for the kind `namespaces` only."""

    @pydantic.model_validator(mode="after")
    def _check_namespaces(self) -> "Callers":
        if bool(self.namespaces) is not (self.kind is CallerKind.namespaces):
            raise ValueError("callers take namespaces if and only if their kind is namespaces")
        return self


# No namespace has a dot in its name: to a mesh that ignores `callers`, no application has this identity.
NO_NAMESPACE = "no.namespace"
NO_APPLICATION = "callers"


class _CallersOrNone(_Restricting):
    """A model that omits `callers` if there are none, as older libraries do."""

    callers: Callers | None = None

    @pydantic.model_serializer(mode="wrap")
    def _without_unset_callers(self, write: pydantic.SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        return {key: value for key, value in written.items() if key != "callers" or value is not None}


class _CharmPolicy(_CallersOrNone):
    """A policy of a charm: for the relations of one endpoint, or for callers without a relation."""

    relation: str = ""
    """A relation's name in this charm's charmcraft.yaml; empty if there are `callers`."""

    @pydantic.model_validator(mode="after")
    def _check_callers(self) -> "_CharmPolicy":
        if bool(self.relation) is (self.callers is not None):
            raise ValueError("a policy has either a relation or callers")
        return self


class AppPolicy(_CharmPolicy):
    """A policy that allows `callers`, or applications related over `relation`, to reach the Service."""

    endpoints: list[Endpoint]
    """The allowed requests; an empty list allows all."""
    service: Text | None = None
    """The target Service in Kubernetes, if it is not named after the application; None or empty otherwise."""


class Policy(AppPolicy):
    """Deprecated: use `AppPolicy`, which is the same, or `UnitPolicy`."""

    def __init__(self, **data: Any):
        warnings.warn(
            "Policy is deprecated: use AppPolicy, or UnitPolicy for access to single units",
            DeprecationWarning,
            stacklevel=2,
        )
        super().__init__(**data)


class UnitPolicy(_CharmPolicy):
    """A policy that allows `callers`, or applications related over `relation`, to reach each unit."""

    ports: list[Port] | None = None
    """The allowed ports; an empty list or None allows all."""


class MeshPolicy(_CallersOrNone):
    """A policy that allows one source to reach one target, independent of the type of the mesh.

    Raises:
        pydantic.ValidationError: if no mesh could enforce it; the message names the field.
    """

    source_namespace: Identity
    source_app_name: Identity
    """The source; with `callers`, one that does not exist."""
    target_namespace: Name
    target_app_name: Name | None = None
    target_selector_labels: Labels | None = None
    """The labels of the target pods, in place of `target_app_name`."""
    target_service: Name | None = None
    """The target Service, if it is not named after the target application."""
    target_type: PolicyTargetType = PolicyTargetType.app
    endpoints: list[Endpoint] = pydantic.Field(default_factory=list[Endpoint])
    """The allowed requests; an empty list allows all."""

    @pydantic.model_validator(mode="after")
    def _check_source(self) -> "MeshPolicy":
        if self.callers and (self.source_namespace, self.source_app_name) != (NO_NAMESPACE, NO_APPLICATION):
            raise ValueError(f"with callers, the source is {NO_APPLICATION!r} of {NO_NAMESPACE!r}")
        return self

    @pydantic.model_validator(mode="after")
    def _check_target(self) -> "MeshPolicy":
        if self.target_type is PolicyTargetType.app:
            self._check_app_target()
        else:
            self._check_unit_target()
        return self

    def _check_app_target(self) -> None:
        if not (self.target_app_name or self.target_service):
            raise ValueError("an app target needs target_app_name or target_service")
        if self.target_selector_labels:
            raise ValueError("an app target takes no target_selector_labels: use target_type 'unit'")

    def _check_unit_target(self) -> None:
        if self.target_service:
            raise ValueError("a unit target takes no target_service: use target_type 'app'")
        if self.target_app_name and self.target_selector_labels:
            raise ValueError("a unit target takes target_app_name or target_selector_labels, not both")
        if not (self.target_app_name or self.target_selector_labels):
            raise ValueError("a unit target needs target_app_name or target_selector_labels")
        if "*" in (self.target_app_name or ""):
            raise ValueError("a unit target is one application: target_app_name takes no '*'")
        for number, endpoint in enumerate(self.endpoints):
            for field in ("hosts", "methods", "paths"):
                if getattr(endpoint, field):
                    raise ValueError(
                        f"a unit target is enforced on TCP, where endpoints[{number}].{field} means nothing"
                    )


class CMRData(pydantic.BaseModel):
    """The identity of an application in its own model, sent to applications of other models."""

    app_name: CrossModelName
    juju_model_name: CrossModelName


class ServiceMeshProviderAppData(pydantic.BaseModel):
    """The data that the provider of `service_mesh` publishes to each consumer."""

    labels: Labels
    mesh_type: MeshType
