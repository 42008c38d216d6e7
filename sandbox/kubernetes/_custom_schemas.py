"""Building blocks of the schemas of custom resources."""

from collections.abc import Sequence

from ._builtin import METADATA
from ._schema import ANY, STRING, Schema, struct


def closed(**fields: Schema) -> Schema:
    return struct(fields, closed=True)


def list_of(items: Schema = STRING, *, least: int = 0, most: int | None = None) -> Schema:
    return Schema(type="array", items=items, min_items=least, max_items=most)


def word(*words: str, default: str | None = None) -> Schema:
    return Schema(type="string", enum=words, default=default)


def text(pattern: str = "", *, least: int = 1, most: int = 253, default: str | None = None) -> Schema:
    return Schema(type="string", pattern=pattern, min_length=least, max_length=most, default=default)


def custom_resource(spec: Schema, *, required: Sequence[str] = (), status: Schema = ANY) -> Schema:
    fields = {"apiVersion": STRING, "kind": STRING, "metadata": METADATA, "spec": spec, "status": status}
    return struct(fields, closed=True, required=required)


DNS_NAME = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
