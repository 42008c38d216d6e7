"""AuthorizationPolicies as files have them."""

from typing import TYPE_CHECKING

from mesh_resources import OWNER, AuthorizationPolicy, Json, manifest

from ._view import View

if TYPE_CHECKING:
    from mesh_resources import Resource

_KEPT = ("name", "namespace", "labels", "annotations")


def export_policy(policy: "Resource", view: View) -> str:
    """A policy of a charm as a YAML document, whether it is in Kubernetes or only wanted.

    What Kubernetes adds to it is left out.
    """
    from lightkube import codecs

    found = manifest(policy)
    own: Json = found["metadata"]
    marked: Json = {
        **own,
        "labels": {**view.labels, **(own.get("labels") or {})},
        "annotations": {OWNER: view.owner.mark, **(own.get("annotations") or {})},
    }
    plain = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {key: marked[key] for key in _KEPT},
        "spec": found.get("spec") or {},
    }
    return codecs.dump_all_yaml([AuthorizationPolicy.from_dict(plain)]) or ""
