"""The kinds that the API serves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from . import _builtin, _gateway_schemas, _istio_schemas
from ._schema import Schema

NameRule = Literal["subdomain", "label", "label_1035", "path_segment"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind:
    """A kind of object and how its resource is served."""

    name: str
    plural: str
    schema: Schema
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    name_rule: NameRule = "subdomain"
    custom: bool = False
    """Whether it is served only while its CustomResourceDefinition is there."""
    status: bool = False
    """Whether status is written through a subresource of its own."""
    generation: bool = False
    """Whether the server counts the changes of what is asked for."""

    @property
    def api_version(self) -> str:
        """Group and version as objects carry them."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """The resource as errors name it."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified(self) -> str:
        """The kind as errors name it."""
        return f"{self.name}.{self.group}" if self.group else self.name


_APPS = "apps"
_RBAC = "rbac.authorization.k8s.io"
_ISTIO = "security.istio.io"
_GATEWAY = "gateway.networking.k8s.io"

CRD = Kind(
    name="CustomResourceDefinition",
    plural="customresourcedefinitions",
    group="apiextensions.k8s.io",
    namespaced=False,
    status=True,
    generation=True,
    schema=_builtin.CUSTOM_RESOURCE_DEFINITION,
)
NAMESPACE = Kind(
    name="Namespace",
    plural="namespaces",
    namespaced=False,
    name_rule="label",
    status=True,
    schema=_builtin.NAMESPACE,
)
POD = Kind(name="Pod", plural="pods", status=True, generation=True, schema=_builtin.POD)
SERVICE = Kind(
    name="Service", plural="services", name_rule="label_1035", status=True, schema=_builtin.SERVICE
)
SERVICE_ACCOUNT = Kind(name="ServiceAccount", plural="serviceaccounts", schema=_builtin.SERVICE_ACCOUNT)
STATEFUL_SET = Kind(
    name="StatefulSet",
    plural="statefulsets",
    group=_APPS,
    name_rule="label",
    status=True,
    generation=True,
    schema=_builtin.STATEFUL_SET,
)
CONTROLLER_REVISION = Kind(
    name="ControllerRevision",
    plural="controllerrevisions",
    group=_APPS,
    schema=_builtin.CONTROLLER_REVISION,
)
DEPLOYMENT = Kind(
    name="Deployment",
    plural="deployments",
    group=_APPS,
    status=True,
    generation=True,
    schema=_builtin.DEPLOYMENT,
)
AUTOSCALER = Kind(
    name="HorizontalPodAutoscaler",
    plural="horizontalpodautoscalers",
    group="autoscaling",
    version="v2",
    status=True,
    schema=_builtin.HORIZONTAL_POD_AUTOSCALER,
)
AUTHORIZATION_POLICY = Kind(
    name="AuthorizationPolicy",
    plural="authorizationpolicies",
    group=_ISTIO,
    custom=True,
    status=True,
    generation=True,
    schema=_istio_schemas.AUTHORIZATION_POLICY,
)
GATEWAY_CLASS = Kind(
    name="GatewayClass",
    plural="gatewayclasses",
    group=_GATEWAY,
    namespaced=False,
    custom=True,
    status=True,
    generation=True,
    schema=_gateway_schemas.GATEWAY_CLASS,
)
GATEWAY = Kind(
    name="Gateway",
    plural="gateways",
    group=_GATEWAY,
    custom=True,
    status=True,
    generation=True,
    schema=_gateway_schemas.GATEWAY,
)

KINDS = (
    CRD,
    NAMESPACE,
    POD,
    SERVICE,
    SERVICE_ACCOUNT,
    Kind(name="ConfigMap", plural="configmaps", schema=_builtin.CONFIG_MAP),
    Kind(name="Secret", plural="secrets", schema=_builtin.SECRET),
    Kind(name="Event", plural="events", schema=_builtin.EVENT),
    Kind(
        name="EndpointSlice",
        plural="endpointslices",
        group="discovery.k8s.io",
        generation=True,
        schema=_builtin.ENDPOINT_SLICE,
    ),
    STATEFUL_SET,
    CONTROLLER_REVISION,
    DEPLOYMENT,
    AUTOSCALER,
    Kind(name="Role", plural="roles", group=_RBAC, name_rule="path_segment", schema=_builtin.ROLE),
    Kind(
        name="RoleBinding",
        plural="rolebindings",
        group=_RBAC,
        name_rule="path_segment",
        schema=_builtin.ROLE_BINDING,
    ),
    Kind(
        name="ClusterRole",
        plural="clusterroles",
        group=_RBAC,
        namespaced=False,
        name_rule="path_segment",
        schema=_builtin.ROLE,
    ),
    Kind(
        name="ClusterRoleBinding",
        plural="clusterrolebindings",
        group=_RBAC,
        namespaced=False,
        name_rule="path_segment",
        schema=_builtin.ROLE_BINDING,
    ),
    Kind(
        name="ValidatingWebhookConfiguration",
        plural="validatingwebhookconfigurations",
        group="admissionregistration.k8s.io",
        namespaced=False,
        generation=True,
        schema=_builtin.WEBHOOK_CONFIGURATION,
    ),
    AUTHORIZATION_POLICY,
    Kind(
        name="PeerAuthentication",
        plural="peerauthentications",
        group=_ISTIO,
        custom=True,
        status=True,
        generation=True,
        schema=_istio_schemas.PEER_AUTHENTICATION,
    ),
    GATEWAY,
    GATEWAY_CLASS,
    Kind(
        name="HTTPRoute",
        plural="httproutes",
        group=_GATEWAY,
        custom=True,
        status=True,
        generation=True,
        schema=_gateway_schemas.HTTP_ROUTE,
    ),
)
