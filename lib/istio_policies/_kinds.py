"""The custom resources of Istio and of the Gateway API that a mesh consists of.

Importing this module imports lightkube.
"""

from collections.abc import Callable
from typing import Any, cast

from lightkube import generic_resource

# lightkube does not annotate the type of one of their parameters.
_kind = cast(
    "Callable[[str, str, str, str], type[generic_resource.GenericNamespacedResource]]",
    cast("Any", generic_resource).create_namespaced_resource,
)
_global_kind = cast(
    "Callable[[str, str, str, str], type[generic_resource.GenericGlobalResource]]",
    cast("Any", generic_resource).create_global_resource,
)

AuthorizationPolicy = _kind("security.istio.io", "v1", "AuthorizationPolicy", "authorizationpolicies")
Gateway = _kind("gateway.networking.k8s.io", "v1", "Gateway", "gateways")
GatewayClass = _global_kind("gateway.networking.k8s.io", "v1", "GatewayClass", "gatewayclasses")
