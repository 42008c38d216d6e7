"""The kinds of patch besides server-side apply. Each returns a new value and does not change the old one."""

from collections.abc import Sequence
from copy import deepcopy

from ._json import Object, Value, is_list, is_object, mapping, sequence
from ._schema import Schema
from ._status import ApiError, internal_error


def merge_patch(old: Value, patch: Value) -> Value:
    """JSON merge patch (RFC 7386): null removes, lists are replaced."""
    if not is_object(patch):
        return deepcopy(patch)
    merged = dict(mapping(old))
    for name, change in patch.items():
        if change is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), change)
    return merged


def strategic_patch(old: Value, patch: Value, schema: Schema) -> Value:
    """Strategic merge patch: as a merge patch, but lists that have a merge key are merged item by item."""
    if is_object(patch):
        return _strategic_object(mapping(old), patch, schema)
    if is_list(patch):
        return _strategic_list(sequence(old), patch, schema)
    return patch


def _strategic_object(old: Object, patch: Object, schema: Schema) -> Value:
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    if directive == "replace":
        return deepcopy({name: value for name, value in patch.items() if name != "$patch"})
    merged = dict(old)
    if (kept := patch.get("$retainKeys")) is not None:
        merged = {name: value for name, value in merged.items() if name in kept}
    for name, change in patch.items():
        if name.startswith("$deleteFromPrimitiveList/"):
            target = name.partition("/")[2]
            merged[target] = [item for item in sequence(merged.get(target)) if item not in change]
        elif name.startswith("$"):
            continue
        elif change is None:
            merged.pop(name, None)
        else:
            merged[name] = strategic_patch(merged.get(name), change, schema.of(name))
    return merged


def _strategic_list(old: list[Value], patch: list[Value], schema: Schema) -> list[Value]:
    if schema.unique:
        return old + [item for item in patch if item not in old]
    key = schema.merge_key
    if not key or any(is_object(item) and item.get("$patch") == "replace" for item in patch):
        return [deepcopy(item) for item in patch if item != {"$patch": "replace"}]
    for change in patch:
        if key not in change:
            shown = " ".join(f"{name}:{value}" for name, value in change.items())
            raise internal_error(f"map: map[{shown}] does not contain declared merge key: {key}")
    deleted = [change[key] for change in patch if change.get("$patch") == "delete"]
    kept = [item for item in old if item.get(key) not in deleted]
    merged, changed = list(kept), list[Value]()
    for change in patch:
        if change.get("$patch") == "delete":
            continue
        at = next((index for index, item in enumerate(merged) if item.get(key) == change[key]), len(merged))
        merged[at : at + 1] = [strategic_patch(merged[at] if at < len(merged) else {}, change, schema.item)]
        if change[key] not in changed:
            changed.append(change[key])
    named = [item for item in merged if item.get(key) in changed]
    named.sort(key=lambda item: changed.index(item[key]))
    others = [item for item in merged if item.get(key) not in changed]
    return _interleaved(named, others, [item.get(key) for item in kept], key)


def _interleaved(named: list[Value], others: list[Value], before: list[Value], key: str) -> list[Value]:
    """Merge the patch's keys, in its order, with the others, as near as possible to their previous places."""
    ordered: list[Value] = []
    rest = list(others)
    for item in named:
        if item[key] in before:
            while rest and before.index(rest[0].get(key)) < before.index(item[key]):
                ordered.append(rest.pop(0))
        ordered.append(item)
    return ordered + rest


def json_patch(old: Object, operations: Sequence[Object]) -> Object:
    """JSON patch (RFC 6902).

    Raises:
        ApiError: an operation cannot be carried out (422).
    """
    document: Object = deepcopy(old)
    for operation in operations:
        try:
            document = _operate(document, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            message = "the server rejected our request due to an error in our request"
            raise ApiError(422, "Invalid", message) from error
    return document


def _operate(document: Value, operation: Object) -> Value:
    name, path = operation["op"], _pointer(operation["path"])
    if name in ("add", "replace"):
        return _put(document, path, operation["value"], replace=name == "replace")
    if name == "remove":
        return _without(document, path)
    if name in ("move", "copy"):
        origin = _pointer(operation["from"])
        value = deepcopy(_look_up(document, origin))
        return _put(_without(document, origin) if name == "move" else document, path, value, replace=False)
    if name == "test":
        if _look_up(document, path) != operation["value"]:
            raise ValueError(path)
        return document
    raise ValueError(name)


def _pointer(text: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _step(value: Value, part: str) -> Value:
    return value[int(part)] if is_list(value) else value[part]


def _look_up(document: Value, path: Sequence[str]) -> Value:
    for part in path:
        document = _step(document, part)
    return document


def _put(document: Value, path: Sequence[str], value: Value, *, replace: bool) -> Value:
    if not path:
        return value
    parent, last = _look_up(document, path[:-1]), path[-1]
    if is_list(parent):
        if replace:
            parent[int(last)] = value
        else:
            parent.insert(len(parent) if last == "-" else int(last), value)
    else:
        parent[last] = value  # replacing a missing value adds it, as in the real server
    return document


def _without(document: Value, path: Sequence[str]) -> Value:
    parent, last = _look_up(document, path[:-1]), path[-1]
    del parent[int(last) if is_list(parent) else last]
    return document
