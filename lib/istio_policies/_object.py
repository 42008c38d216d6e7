"""An AuthorizationPolicy as an object of Kubernetes."""

from k8s_charm import Json, Resource


def policy_object(metadata: Json, spec: Json) -> Resource:
    """Return an AuthorizationPolicy with its metadata and its specification."""
    from ._kinds import AuthorizationPolicy

    return AuthorizationPolicy.from_dict({"metadata": metadata, "spec": spec})
