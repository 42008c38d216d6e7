"""Random policies, requests that nearly match them, and which of these the policies allow.

Everything comes from one seed: $POLICY_SEED, if it is set.
"""

import os
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from charmlibs.interfaces.service_mesh import (
    CallerKind,
    Callers,
    Endpoint,
    MeshPolicy,
    Method,
    PolicyTargetType,
)

SEED = int(os.environ.get("POLICY_SEED", "1"))

MODEL = "shop"
APPS = ("catalogue", "catalogue-db")
"""The applications that are reached: one name starts with the other."""
SOURCES = (("shop", "cart"), ("shop", "cart-2"), ("shop", "ca"), ("shop-2", "cart"), ("office", "cart"))
PORTS = (8080, 8081, 15090)

_METHODS = [method for method in Method if method is not Method.connect]
_PATHS = (
    *("/", "/items", "/items/", "/items/*", "/items*", "/Items", "*", "*/items", "*.json", "/a.b/[c]"),
    *("/items/{*}", "/items/{**}", "/{*}/items", "/items/{*}/parts", "/items/{*}/parts/{**}", "/{**}/x.json"),
)
_HOSTS = (
    *("catalogue", "catalogue.shop", "Catalogue.shop.svc.cluster.local", "catalogue.shop:8080"),
    *("catalogue.*", "*.local", "*", "*.SHOP"),
)
_SEGMENTS = ("items", "7", "parts", "x.json", "a.b", "[c]", "Items", "x-y_z~")


@dataclass(frozen=True)
class Request:
    """A request of one application to another's Service, or a connection to one of its pods."""

    source: tuple[str, str]
    """Namespace and application."""
    port: int
    method: str = "GET"
    path: str = "/"
    host: str = "catalogue"


@dataclass(frozen=True)
class Example:
    """All policies of a model, one place in it, and requests that arrive there."""

    policies: Sequence[MeshPolicy]
    app: str
    at: PolicyTargetType
    closed: bool
    """Whether the mesh denies by default."""
    requests: Sequence[Request]

    def allows(self, request: Request) -> bool:
        """Return whether the policies allow the request."""
        here = [each for each in self.policies if each.target_type is self.at and self._is_target(each)]
        if not here and not self.closed:
            return True
        return any(
            _is_from(each, request.source)
            and (not each.endpoints or any(_covers(endpoint, request) for endpoint in each.endpoints))
            for each in here
        )

    def _is_target(self, policy: MeshPolicy) -> bool:
        if policy.target_selector_labels:
            return policy.target_selector_labels.items() <= pod_labels(self.app).items()
        return (policy.target_service or policy.target_app_name) == self.app


def pod_labels(app: str) -> dict[str, str]:
    """The labels of an application's pods, which are one cluster with the others."""
    return {"app.kubernetes.io/name": app, "app.kubernetes.io/part-of": MODEL}


def examples(count: int, requests: int, *, seed: int = SEED) -> Iterator[Example]:
    """Return a number of examples with a number of requests each, always the same for one seed."""
    for number in range(count):
        yield _Maker(f"{seed}/{number}").example(requests)


class _Maker(random.Random):
    def example(self, requests: int) -> Example:
        at = self.choices([PolicyTargetType.app, PolicyTargetType.unit], [3, 1])[0]
        policies = [self._policy(at) for _ in range(self.choice([0, 1, 1, 2, 3, 6]))]
        app = self.choice(APPS)
        made = Example(policies, app, at, self.random() < 0.5, ())
        return replace(made, requests=[self._request(made) for _ in range(requests)])

    def _policy(self, mostly: PolicyTargetType) -> MeshPolicy:
        namespace, source = self.choice(SOURCES)
        target_type = mostly if self.random() < 0.8 else self.choice(list(PolicyTargetType))
        app = self.choice(APPS)
        whole_cluster = target_type is PolicyTargetType.unit and self.random() < 0.2
        callers = self._callers() if self.random() < 0.15 else None
        return MeshPolicy(
            source_namespace="no.namespace" if callers else namespace,
            source_app_name="callers" if callers else source,
            callers=callers,
            target_namespace=MODEL,
            target_app_name=None if whole_cluster else app,
            target_selector_labels={"app.kubernetes.io/part-of": MODEL} if whole_cluster else None,
            target_type=target_type,
            endpoints=[self._endpoint(target_type) for _ in range(self.choice([0, 1, 1, 2, 3]))],
        )

    def _callers(self) -> Callers:
        kind = self.choice(list(CallerKind))
        names = sorted({namespace for namespace, _ in SOURCES})
        return Callers(kind=kind, namespaces=self.sample(names, 2) if kind is CallerKind.namespaces else None)

    def _endpoint(self, target_type: PolicyTargetType) -> Endpoint:
        if target_type is PolicyTargetType.unit:
            return Endpoint(ports=self._some(PORTS))
        return Endpoint(
            ports=self._some(PORTS),
            methods=self._some(_METHODS),
            paths=self._some(_PATHS),
            hosts=self._some(_HOSTS) if self.random() < 0.4 else None,
        )

    def _some(self, values: Sequence[object]) -> list[object] | None:
        return self.sample(values, self.choice([1, 1, 2])) if self.random() < 0.7 else None

    def _request(self, example: Example) -> Request:
        """A request that a policy is about, sometimes with other properties changed."""
        request = Request(self.choice(SOURCES), self.choice(PORTS), "GET", "/")
        about = [policy for policy in example.policies if policy.target_app_name == example.app]
        if about and self.random() < 0.9:
            policy = self.choice(about)
            if not policy.callers:
                request = replace(request, source=(policy.source_namespace, policy.source_app_name))
            for endpoint in self.sample(policy.endpoints, min(1, len(policy.endpoints))):
                request = Request(
                    request.source,
                    self.choice(endpoint.ports or PORTS),
                    self.choice(endpoint.methods or _METHODS).value,
                    self._path(self.choice(endpoint.paths or _PATHS)),
                    self._host(self.choice(endpoint.hosts or _HOSTS)),
                )
        if self.random() < 0.4:
            other = Request(
                self.choice(SOURCES),
                self.choice(PORTS),
                self.choice(_METHODS).value,
                self._beside(request.path),
                self._host(self.choice(_HOSTS)),
            )
            field = self.choice(["source", "port", "method", "path", "path", "host"])
            request = replace(request, **{field: getattr(other, field)})
        return request

    def _path(self, pattern: str) -> str:
        path = re.sub(r"\{\*\*\}", lambda _: self._segments(0), pattern)
        path = re.sub(r"\{\*\}", lambda _: self.choice(_SEGMENTS), path)
        path = path.replace("*", self._segments(0))
        return path if path.startswith("/") else f"/{path}"

    def _segments(self, least: int) -> str:
        return "/".join(self.choices(_SEGMENTS, k=self.randint(least, 3)))

    def _beside(self, path: str) -> str:
        more = (f"{path}/", f"{path}/7", f"{path}?q=/items", f"/7{path}", f"/{self._segments(1)}")
        less = (path.rstrip("/") or "/", path.rpartition("/")[0] or "/")
        return self.choice([*more, *less, path.upper(), path.replace("/", "//")])

    def _host(self, pattern: str) -> str:
        host = pattern.replace("*", self.choice(["shop", "catalogue", "x.y"]))
        return self.choice([host, host, host.swapcase(), f"{host}:8080"])


def _is_from(policy: MeshPolicy, source: tuple[str, str]) -> bool:
    """Return whether a source in the mesh is one of those that a policy is for."""
    if not policy.callers:
        return (policy.source_namespace, policy.source_app_name) == source
    return policy.callers.kind is not CallerKind.namespaces or source[0] in (policy.callers.namespaces or ())


def _covers(endpoint: Endpoint, request: Request) -> bool:
    path = request.path.partition("?")[0]
    hosts = [host.lower() for host in endpoint.hosts or ()]
    return (
        (not endpoint.ports or request.port in endpoint.ports)
        and (not endpoint.methods or request.method in [method.value for method in endpoint.methods])
        and (not endpoint.paths or any(_fits(pattern, path) for pattern in endpoint.paths))
        and (not hosts or any(_fits(pattern, request.host.lower()) for pattern in hosts))
    )


def _fits(pattern: str, text: str) -> bool:
    # In templates, only what may stand in a path unescaped (RFC 3986) counts.
    legal = r"[A-Za-z0-9\-._~%!$&'()+,;:@=]"
    meaning = {"{**}": f"({legal}|/)*", "{*}": f"{legal}+", "*": ".*"}
    parts = re.split(r"(\{\*\*\}|\{\*\}|\*)", pattern)
    return re.fullmatch("".join(meaning.get(part) or re.escape(part) for part in parts), text) is not None
