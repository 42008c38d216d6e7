"""lightkube's objects as plain data, the same for generic and typed ones and in all versions of lightkube."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, Union, cast

from relation_data import quoted

if TYPE_CHECKING:
    from lightkube.core.resource import GlobalResource, NamespacedResource

# These names avoid an import of lightkube for annotations.
Resource: TypeAlias = Union["GlobalResource", "NamespacedResource"]
Json: TypeAlias = dict[str, Any]

_PART = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_NAMESPACE = re.compile(rf"(?=.{{1,63}}$){_PART}")
_NAME = re.compile(rf"(?=.{{1,253}}$){_PART}(?:\.{_PART})*")


@dataclass(frozen=True, order=True, slots=True)
class ObjectRef:
    """The name of one object in Kubernetes, or of all of a kind if the name is empty."""

    kind: str
    namespace: str | None
    name: str

    def __str__(self) -> str:
        # They may come from a relation.
        place = f"{quoted(self.namespace)}/" if self.namespace else ""
        return f"{self.kind} {place}{quoted(self.name) if self.name else ''}".rstrip(" /")


def manifest(resource: Resource) -> Json:
    """Return the object as Kubernetes' JSON; the object itself, not a copy, if it is that already."""
    if isinstance(resource, dict):
        plain = cast("Json", resource)
        if isinstance(plain.get("metadata"), dict):
            return plain
    return cast("Any", resource).to_dict()


def from_manifest(kind: type[Resource], plain: Json) -> Resource:
    """Return an object of a kind with the content of Kubernetes' JSON."""
    return cast("Any", kind).from_dict(plain)


def metadata(resource: Resource) -> Json:
    """Return the object's metadata as Kubernetes' JSON."""
    return manifest(resource).get("metadata") or {}


def subtree(plain: Json | None, *path: str) -> Json:
    """Return a mapping in Kubernetes' JSON by the keys that lead to it; an empty one if a key is missing."""
    for step in path:
        plain = (plain or {}).get(step)
    return plain or {}


def sublist(plain: Json | None, *path: str) -> list[Json]:
    """Return a list in Kubernetes' JSON by the keys that lead to it; an empty one if a key is missing."""
    *outer, last = path
    return subtree(plain, *outer).get(last) or []


def annotations(resource: Resource) -> Mapping[str, str]:
    """Return the object's annotations."""
    return metadata(resource).get("annotations") or {}


def labels_of(resource: Resource) -> Mapping[str, str]:
    """Return the object's labels."""
    return metadata(resource).get("labels") or {}


def reference(resource: Resource) -> ObjectRef:
    """Return the object's kind, namespace and name."""
    own = metadata(resource)
    return ObjectRef(kind_name(type(resource)), own.get("namespace"), own.get("name", ""))


def can_exist(ref: ObjectRef) -> bool:
    """Return whether the names are valid in Kubernetes; an invalid one must not become part of a URL."""
    in_place = ref.namespace is None or is_namespace_name(ref.namespace)
    return in_place and _NAME.fullmatch(ref.name) is not None


def is_namespace_name(text: str) -> bool:
    """Return whether a text can be the name of a namespace."""
    return _NAMESPACE.fullmatch(text) is not None


def kind_name(kind: type[Resource]) -> str:
    """Return the kind's name as Kubernetes spells it."""
    from lightkube.core.resource import api_info

    return api_info(kind).resource.kind


def is_namespaced(kind: type[Resource]) -> bool:
    """Return whether objects of the kind live in namespaces."""
    from lightkube.core.resource import NamespacedResource

    return issubclass(kind, NamespacedResource)
