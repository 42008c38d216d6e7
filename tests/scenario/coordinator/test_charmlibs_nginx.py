"""Charms whose configuration of nginx is of charmlibs-nginx-k8s, as since coordinated-workers 4."""

import pytest

from charmlibs import nginx_k8s
from coordinated_workers.nginx import NginxConfig, NginxLocationConfig, NginxUpstream
from tests.scenario.coordinator import field_coordinator
from tests.scenario.coordinator.field_cluster import Cluster, store, workers


def test_charm_may_be_built_on_charmlibs_nginx(cluster: Cluster, monkeypatch: pytest.MonkeyPatch):
    config = nginx_k8s.NginxConfig(
        "field",
        [nginx_k8s.NginxUpstream("querier", 3100, "querier")],
        {3200: [nginx_k8s.NginxLocationConfig("/", backend="querier")]},
    )
    monkeypatch.setattr(field_coordinator, "NginxConfig", lambda **_: config)
    state = cluster.state(workers(units=2), store())
    with cluster.context(cluster.context.on.update_status(), state) as manager:
        served = manager.charm.coordinator.nginx
        assert isinstance(served, nginx_k8s.Nginx)
        assert served.are_certificates_on_disk is False
        monkeypatch.setattr(nginx_k8s.Nginx, "are_certificates_on_disk", True)
        assert served.are_certificates_on_disk is True
        manager.run()
    assert "upstream querier" in (cluster.files / "nginx/nginx/nginx.conf").read_text()


def test_old_and_new_configurations_come_to_the_same():
    old = NginxConfig("n", [NginxUpstream("a", 1, "r")], {80: [NginxLocationConfig("/", "a")]})
    new = nginx_k8s.NginxConfig(
        "n",
        [nginx_k8s.NginxUpstream("a", 1, "r")],
        {80: [nginx_k8s.NginxLocationConfig("/", "a")]},
    )
    addresses = {"r": {"a.test"}}
    texts = [NginxConfig.of(config).get_config(addresses, False) for config in (old, new)]
    assert texts[0] == texts[1]
