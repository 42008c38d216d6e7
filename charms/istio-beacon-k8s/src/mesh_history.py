"""Tells in the log who was let in where, and who was shut out."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from mesh_resources import Json, manifest

if TYPE_CHECKING:
    from mesh_resources import Resource

logger = logging.getLogger(__name__)

_MOST_LINES = 20
_MOST_NAMES = 10


class Door(NamedTuple):
    """Where somebody may go in."""

    target: str
    source: str


def record(
    before: "Iterable[Resource]",
    after: "Iterable[Resource]",
) -> None:
    """Log what changed from some AuthorizationPolicies to others, in words and in a few lines."""
    old, new = _doors(before), _doors(after)
    _log("%s lets in %s", new.keys() - old.keys())
    _log("%s no longer lets in %s", old.keys() - new.keys())
    changed = {door for door in old.keys() & new.keys() if old[door] != new[door]}
    _log("%s lets in, for other requests than before, %s", changed)


def _log(sentence: str, doors: Iterable[Door]) -> None:
    sources: defaultdict[str, list[str]] = defaultdict(list)
    for target, source in sorted(doors):
        sources[target].append(source)
    for target in list(sources)[:_MOST_LINES]:
        names = sources[target]
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        logger.info(sentence, target, ", ".join(names[:_MOST_NAMES]) + more)
    if len(sources) > _MOST_LINES:
        logger.info("… and so on for %d more", len(sources) - _MOST_LINES)


def _doors(
    policies: "Iterable[Resource]",
) -> dict[Door, list[Json]]:
    """Each door with what may be done behind it."""
    doors: defaultdict[Door, list[Json]] = defaultdict(list)
    for policy in policies:
        plain = manifest(policy)
        target = _target(plain)
        for rule in plain.get("spec", {}).get("rules") or ():
            for source in _sources(rule):
                doors[Door(target, source)].append({**rule, "from": None})
    return {door: sorted(rules, key=str) for door, rules in doors.items()}


def _target(policy: Json) -> str:
    namespace = policy["metadata"]["namespace"]
    spec: Json = policy.get("spec", {})
    for reference in spec.get("targetRefs") or ():
        return f"Service {namespace}/{reference['name']}"
    selector: Json = spec.get("selector") or {}
    labels: dict[str, str] = selector.get("matchLabels") or {}
    return f"each pod {namespace}/{','.join(f'{key}={value}' for key, value in sorted(labels.items()))}"


def _sources(rule: Json) -> Iterator[str]:
    origins: list[Json] = rule.get("from") or [{}]
    for origin in origins:
        principals: list[str] = origin.get("source", {}).get("principals") or ["everybody"]
        for principal in principals:
            yield principal.removeprefix("cluster.local/ns/").replace("/sa/", "/")
