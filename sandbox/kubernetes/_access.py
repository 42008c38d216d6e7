"""Access: everything is allowed until it is denied; anonymous requests are denied."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ._kinds import NAMESPACE, Kind
from ._status import ApiError, ErrorSubject

ANONYMOUS = "system:anonymous"
"""Who sends a request without a token."""

VERBS: Mapping[tuple[str, bool], str] = {
    ("GET", True): "get",
    ("GET", False): "list",
    ("POST", False): "create",
    ("PUT", True): "update",
    ("PATCH", True): "patch",
    ("DELETE", True): "delete",
    ("DELETE", False): "deletecollection",
}
"""The verb of a request, by its method and whether its path names an object."""


@dataclass(frozen=True)
class Denial:
    """Requests that are denied. An empty set of users, verbs, resources or namespaces means all of them."""

    users: frozenset[str]
    verbs: frozenset[str]
    resources: frozenset[str]
    namespaces: frozenset[str]

    def covers(self, user: str, verb: str, resource: str, namespace: str) -> bool:
        """Return whether it denies this request."""
        conditions = (
            (self.users, user),
            (self.verbs, verb),
            (self.resources, resource),
            (self.namespaces, namespace),
        )
        return all(not named or value in named for named, value in conditions)


class Access:
    """The requests that are denied at the moment."""

    def __init__(self) -> None:
        self._denials: list[Denial] = []

    def deny(
        self,
        *,
        users: Collection[str] = (),
        verbs: Collection[str] = (),
        resources: Collection[str] = (),
        namespaces: Collection[str] = (),
    ) -> Denial:
        """Deny requests from now on.

        Args:
            users: bearer tokens of the users concerned.
            verbs: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
            resources: plural names such as `services`, without their group.
            namespaces: their names; a request across namespaces is in none of them.
        """
        denial = Denial(frozenset(users), frozenset(verbs), frozenset(resources), frozenset(namespaces))
        self._denials.append(denial)
        return denial

    def restore(self, denial: Denial | None = None) -> None:
        """Lift one denial, or all."""
        self._denials = [] if denial is None else [one for one in self._denials if one is not denial]

    def check(self, user: str, verb: str, kind: Kind, namespace: str, name: str, subresource: str) -> None:
        """Check that a request is not denied.

        Raises:
            ApiError: in the words of Kubernetes' RBAC (403).
        """
        if kind is NAMESPACE:
            namespace = name  # a namespace counts as inside itself
        denied = any(denial.covers(user, verb, kind.plural, namespace) for denial in self._denials)
        if not denied and user != ANONYMOUS:
            return
        where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
        resource = f"{kind.plural}/{subresource}" if subresource else kind.plural
        what = f'{kind.resource} "{name}"' if name else kind.resource
        why = f'User "{user}" cannot {verb} resource "{resource}" in API group "{kind.group}" {where}'
        raise ApiError(
            403,
            "Forbidden",
            f"{what} is forbidden: {why}",
            ErrorSubject(kind.plural, kind.group, name),
        )
