"""Permissions on the real API server, by its own RBAC."""

import json
import time
from collections.abc import Collection, Iterator
from typing import Any

from sandbox.kubernetes import KINDS, Denial
from tests.support.real_server.upstream import Upstream

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_GROUP = "rbac.authorization.k8s.io"
_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
RESTRICTED = "restricted"
"""The group, and its role, of those to whom something is denied."""
_TRUSTED = "trusted"
_MARK = "marks.of.tests"


class RealAccess:
    """All users are administrators, as with `juju trust`, until something is denied."""

    def __init__(self, upstream: Upstream):
        self._upstream = upstream
        self._denials: list[Denial] = []
        self._changes = 0
        self._bind(_TRUSTED, "cluster-admin")
        self._send("POST", f"{_RBAC}/clusterroles", self._role())
        self._bind(RESTRICTED, RESTRICTED)

    def group_of(self, user: str) -> str:
        """The group that has the rights of this user."""
        denied = any(not denial.users or user in denial.users for denial in self._denials)
        return RESTRICTED if denied else _TRUSTED

    def deny(
        self,
        *,
        users: Collection[str] = (),
        verbs: Collection[str] = (),
        resources: Collection[str] = (),
    ) -> Denial:
        """Deny requests from now on; RBAC cannot exclude single namespaces."""
        denial = Denial(frozenset(users), frozenset(verbs), frozenset(resources), frozenset())
        self._denials.append(denial)
        self._restrict()
        return denial

    def restore(self, denial: Denial | None = None) -> None:
        """Lift one denial, or all."""
        self._denials = [] if denial is None else [one for one in self._denials if one is not denial]
        if self._denials:
            self._restrict()

    def _restrict(self) -> None:
        self._changes += 1
        self._send("PUT", f"{_RBAC}/clusterroles/{RESTRICTED}", self._role())
        self._wait()

    def _bind(self, group: str, role: str) -> None:
        binding = {
            "metadata": {"name": group},
            "roleRef": {"apiGroup": _GROUP, "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": _GROUP, "kind": "Group", "name": group}],
        }
        self._send("POST", f"{_RBAC}/clusterrolebindings", binding)

    def _role(self) -> dict[str, Any]:
        rules = [*self._rules(), {"apiGroups": [_MARK], "resources": [self._mark], "verbs": ["get"]}]
        return {"metadata": {"name": RESTRICTED}, "rules": rules}

    @property
    def _mark(self) -> str:
        """Return a permission that exists as soon as the latest role is in force."""
        return f"change-{self._changes}"

    def _rules(self) -> Iterator[dict[str, Any]]:
        for kind in KINDS:
            verbs = [verb for verb in _VERBS if not self._is_denied(verb, kind.plural)]
            if verbs:
                resources = [kind.plural, f"{kind.plural}/status"]
                yield {"apiGroups": [kind.group], "resources": resources, "verbs": verbs}

    def _is_denied(self, verb: str, resource: str) -> bool:
        return any(
            (not denial.verbs or verb in denial.verbs)
            and (not denial.resources or resource in denial.resources)
            for denial in self._denials
        )

    def _wait(self) -> None:
        requested = {"group": _MARK, "resource": self._mark, "verb": "get"}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"groups": [RESTRICTED], "resourceAttributes": requested},
        }
        end = time.monotonic() + 10
        while not self._send("POST", _REVIEWS, review)["status"]["allowed"]:
            assert time.monotonic() < end, "the new rights are not in force"
            time.sleep(0.005)

    def _send(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._upstream.send(method, path, json.dumps(body).encode())
        assert answer.code < 300, answer.text
        return answer.json
