"""AuthorizationPolicies as files have them."""

from collections.abc import Container
from typing import TYPE_CHECKING

from istio_policies import AuthorizationPolicy
from k8s_charm import OWNER, Json, manifest

from ._view import View

if TYPE_CHECKING:
    from k8s_charm import Resource


def export_policy(policy: "Resource", view: View) -> str:
    """A policy of a charm as a YAML document, whether it is in Kubernetes or only wanted.

    What Kubernetes adds to it is left out, and so are the marks by which the charm knows it for its own: it
    would delete what somebody applies with them as soon as it has no wish for it.
    """
    from lightkube import codecs

    found = manifest(policy)
    own: Json = found["metadata"]
    unmarked = {
        "labels": _without(own.get("labels"), view.labels),
        "annotations": _without(own.get("annotations"), (OWNER,)),
    }
    plain = {
        "apiVersion": "security.istio.io/v1",
        "kind": "AuthorizationPolicy",
        "metadata": {
            "name": own["name"],
            "namespace": own["namespace"],
            **{key: rest for key, rest in unmarked.items() if rest},
        },
        "spec": found.get("spec") or {},
    }
    return codecs.dump_all_yaml([AuthorizationPolicy.from_dict(plain)]) or ""


def _without(given: Json | None, marks: Container[str]) -> Json:
    return {key: value for key, value in (given or {}).items() if key not in marks}
