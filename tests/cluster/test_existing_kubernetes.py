"""A cluster that $KUBECONFIG names is used as it is, and is unchanged afterwards."""

import os
import time
from pathlib import Path

import pytest

from sandbox.control_plane import (
    Connection,
    ExistingKubernetes,
    Istiod,
    NotAvailableError,
    StartedKubernetes,
    real_kubernetes,
)

pytestmark = pytest.mark.fidelity

ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DEPLOYMENTS = "/apis/apps/v1/namespaces/istio/deployments"


def objects(admin: Connection) -> dict[str, str]:
    """Return the uid of each object, by its path; tests have made some of the objects."""
    found: dict[str, str] = {}
    for path in ("/api/v1/namespaces", ACCOUNTS, DEFINITIONS):
        for own in (obj["metadata"] for obj in admin.must("GET", path)["items"]):
            found[f"{path}/{own['name']}"] = own["uid"]
    return found


@pytest.fixture
def existing(
    disposable: StartedKubernetes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> ExistingKubernetes:
    """The cluster of the first file of several."""
    files = [str(disposable.write_kubeconfig(tmp_path / "theirs")), str(tmp_path / "missing")]
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(files))
    kubernetes = real_kubernetes("unprivileged")
    assert isinstance(kubernetes, ExistingKubernetes)
    return kubernetes


def test_its_objects_stay_and_those_made_for_tests_go(
    disposable: StartedKubernetes, existing: ExistingKubernetes, tmp_path: Path
):
    disposable.install_custom_resources("security.istio.io")
    disposable.provide(ACCOUNTS, {"metadata": {"name": "theirs"}})
    before = objects(disposable.admin)
    with existing:
        existing.install_custom_resources()
        for user in ("unprivileged", "theirs"):
            connection = Connection.of(existing.write_kubeconfig(tmp_path / user, user=user))
            refused = connection.send("GET", "/api/v1/pods")
            assert (refused.code, existing.user_name(user) in refused.text) == (403, True)
        assert len(objects(disposable.admin)) > len(before)
    end = time.monotonic() + 20
    while objects(disposable.admin) != before and time.monotonic() < end:
        time.sleep(0.1)  # definitions go when their objects have
    assert objects(disposable.admin) == before


def test_istiod_adds_no_namespace(disposable: StartedKubernetes, existing: ExistingKubernetes):
    with existing, Istiod(existing) as istiod:
        assert istiod.debug("ambientz") is not None
    namespace = disposable.admin.must("GET", "/api/v1/namespaces/istio-system")
    # No controller runs that would finish the deletion.
    assert namespace["status"]["phase"] == "Terminating"
    assert disposable.admin.send("GET", "/apis/gateway.networking.k8s.io/v1/gateways").code == 404


def test_where_istiod_runs_there_is_no_second_one(
    disposable: StartedKubernetes, existing: ExistingKubernetes
):
    labels = {"app": "istiod"}
    container = {"name": "discovery", "image": "istiod"}
    spec = {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    disposable.provide("/api/v1/namespaces", {"metadata": {"name": "istio"}})
    disposable.provide(DEPLOYMENTS, {"metadata": {"name": "istiod", "labels": labels}, "spec": spec})
    before = objects(disposable.admin)
    with existing, pytest.raises(NotAvailableError, match="namespace istio already"), Istiod(existing):
        pass
    assert objects(disposable.admin) == before
