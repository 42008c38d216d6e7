"""Texts of consumers, in all places where an operator reads them."""

import logging
import re
from collections.abc import Iterator, Mapping

import pytest
from lightkube.models.core_v1 import Container, PodSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Pod

from charmlibs.interfaces.service_mesh import MeshPolicy
from tests.scenario.beacon.beacon_model import MODEL, BeaconModel, policy

COLUMNS = "x  orders  anything  enforced"
TEXTS = [
    *("x\u202eweb\u202c", "x\u2066web\u2069", "\u05e9\u05dc\u05d5\u05dd", "\u0661\u0662", "we\u200bb"),
    *("web\u0301\u0301", "web\U000e0041", "web\u00a0x", "\ufeffweb", "web | x", 'web"]; x', COLUMNS),
]
FIELDS = ("source_namespace", "source_app_name", "target_namespace", "target_app_name", "target_service")
KINDS = ("hosts", "paths")
NOT_SHOWN = re.compile(r"[^ -~\n→…]")
QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'[^']*'|#34;.*?#34;")
ACTIONS: list[tuple[str, dict[str, str]]] = [
    *(("list-policies", {"format": form}) for form in ("table", "json")),
    *(("explain", {"source": "web", "target": "catalogue", "format": form}) for form in ("table", "json")),
    ("mesh-graph", {}),
]


def texts(results: object) -> Iterator[str]:
    if isinstance(results, Mapping):
        for each in results.values():
            yield from texts(each)
    else:
        yield str(results)


def shown(beacon: BeaconModel) -> Iterator[tuple[str, str]]:
    """Yield all that an operator can read, with the place where it is read."""
    yield "status", beacon.hook().message
    for line in texts(beacon.plan_action()):
        yield "plan", line
    for action, params in ACTIONS:
        beacon.state = beacon.context.run(beacon.context.on.action(action, params=params), beacon.state)
        for text in texts(beacon.context.action_results):
            yield action, text


def asked(field: str, text: str) -> MeshPolicy:
    if field in KINDS:
        return policy("web", "catalogue", endpoints=[{field: [text]}])
    return policy("web", "catalogue", **{field: text})


def has_pods(beacon: BeaconModel, *apps: str) -> None:
    for app in apps:
        spec = PodSpec(containers=[Container(name="c", image="i")], serviceAccountName=app)
        labels = {"app.kubernetes.io/name": app, "istio.io/dataplane-mode": "ambient"}
        metadata = ObjectMeta(name=f"{app}-0", namespace=MODEL, labels=labels)
        beacon.client.create(Pod(metadata=metadata, spec=spec))


@pytest.mark.parametrize("restricted", [True, False])
@pytest.mark.parametrize("field", (*FIELDS, *KINDS))
def test_stay_in_their_place(
    field: str, restricted: bool, beacon: BeaconModel, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO)
    beacon.configure(restrict_consumers=restricted)
    has_pods(beacon, "web", "catalogue")
    beacon.consumer("catalogue", *(asked(field, text) for text in TEXTS))
    lines = [*shown(beacon), *(("log", each.getMessage()) for each in caplog.records if each.name != "root")]
    for place, text in lines:
        assert not NOT_SHOWN.findall(text), (place, text)
        assert "  orders  " not in QUOTED.sub("", text), (place, text)
