"""Short builders of a cluster and its policies."""

from typing import Any

from k8s_charm import Owner
from mesh_inspection import Cluster, Explanation, LivePolicy, Pod, Service, View, explain, read_question

MODEL = "m"
WAYPOINT = (MODEL, "w")
VIEW = View(Owner("beacon", MODEL), {}, beacon="beacon")


def pod(app: str, *, in_mesh: bool = True, unit: int = 0, model: str = MODEL, **labels: str) -> Pod:
    own = {"app.kubernetes.io/name": app, "app.kubernetes.io/managed-by": "juju", **labels}
    return Pod(model, f"{app}-{unit}", app, own, in_mesh)


def service(app: str, *ports: int, behind_waypoint: bool = True, model: str = MODEL) -> Service:
    selector = {"app.kubernetes.io/name": app}
    known: dict[int, int | str] = {port: port for port in ports or (80,)}
    return Service(model, app, known, selector, WAYPOINT if behind_waypoint else None)


def principal(app: str) -> str:
    model, _, name = app.rpartition("/")
    return f"cluster.local/ns/{model or MODEL}/sa/{name}"


def allow(*apps: str, to: list[dict[str, Any]] | None = None, **more: Any) -> LivePolicy:
    """Return a policy on Service `web`, changed by `more`; for all sources if there are no apps."""
    rule: dict[str, Any] = {}
    if apps:
        rule["from"] = [{"source": {"principals": [principal(app) for app in apps]}}]
    if to:
        rule["to"] = [{"operation": operation} for operation in to]
    return on_service("web", rules=[rule], **more)


def on_service(service_name: str, /, **more: Any) -> LivePolicy:
    fields = {key: more.pop(key) for key in ("namespace", "name", "dry_run", "requested_by") if key in more}
    target = (
        {} if "selector" in more else {"targetRefs": [{"group": "", "kind": "Service", "name": service_name}]}
    )
    return LivePolicy(**{"namespace": MODEL, "name": "policy", **fields, "spec": {**target, **more}})


def on_pods(app: str, *apps: str, **more: Any) -> LivePolicy:
    return allow(*apps, selector={"matchLabels": {"app.kubernetes.io/name": app}}, **more)


def cluster(*policies: LivePolicy, **more: Any) -> Cluster:
    """`shop` and `ads` in the mesh, `old` outside, and `web` behind a waypoint."""
    pods = (pod("shop"), pod("ads"), pod("old", in_mesh=False), pod("web"))
    known = {"namespaces": frozenset({MODEL, "n"}), "pods": pods, "services": (service("web"),)}
    return Cluster(**{**known, "policies": policies, **more})


def ask(
    *policies: LivePolicy, view: View = VIEW, within: Cluster | None = None, **params: Any
) -> Explanation:
    """Explain a request, which is of `shop` for `web` unless another is named."""
    question = read_question({"source": "shop", "target": "web", **params}, MODEL)
    return explain(question, within or cluster(*policies), view)
