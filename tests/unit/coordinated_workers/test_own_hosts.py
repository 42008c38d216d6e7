"""The names by which an application recognises itself."""

import dataclasses

import ops
import pytest
from ops import testing

from coordinated_workers.own_hosts import OwnHosts

META = {"name": "kv", "provides": {"cluster": {"interface": "kv_cluster"}}}
SERVICES = ("kv", "kv-endpoints", "kv-1.kv-endpoints", "10-1-2-3.kv-endpoints")


class Charm(ops.CharmBase):
    pass


def is_own(host: str, *networks: testing.Network, endpoint: str = "cluster") -> bool:
    model = testing.Model(name="shop")
    context = testing.Context(Charm, meta=META)
    state = testing.State(model=model, networks=networks)
    with context(context.on.update_status(), state) as manager:
        return host in OwnHosts(manager.charm, endpoint)


@pytest.mark.parametrize(
    "suffix", ["", ".shop", ".shop.svc", ".shop.svc.cluster.local", ".shop.svc.my.domain"]
)
@pytest.mark.parametrize("service", SERVICES)
def test_hosts_of_own_services_and_units(service: str, suffix: str):
    assert is_own(service + suffix)
    assert is_own((service + suffix).upper())


def test_a_pods_own_name_is_too():
    assert is_own("kv-0")


@pytest.mark.parametrize(
    "host",
    [
        *("kv2", "kv-0.kv2-endpoints.shop.svc", "kv-worker", "kv-worker-0.kv-worker-endpoints.shop.svc"),
        *("akv.shop.svc", "kv.cos", "kv.cos.svc.cluster.local", "kv-0.kv-endpoints.cos.svc.cluster.local"),
        *("loki.kv", "kv.example", "kvXshop", "shop", "kv.shop.example", "2001:db8::1", "192.0.2.77"),
    ],
)
def test_those_of_others_are_not(host: str):
    assert not is_own(host)


NETWORK = testing.Network(
    "cluster",
    bind_addresses=[testing.BindAddress([testing.Address("10.1.2.3"), testing.Address("fd00::3")])],
    ingress_addresses=["10.152.183.9"],
)


@pytest.mark.parametrize(
    "host",
    [
        *("10.1.2.3", "fd00::3", "fd00:0:0::3", "::ffff:10.1.2.3", "10.152.183.9"),
        *("10-1-2-3.shop.pod.cluster.local", "10-1-2-3.shop.pod", "fd00--3.shop.pod.cluster.local"),
    ],
)
def test_its_addresses_are_its_own_in_all_spellings(host: str):
    assert is_own(host, NETWORK)
    assert not is_own(host, dataclasses.replace(NETWORK, bind_addresses=[], ingress_addresses=[]))


def test_addresses_unknown_to_juju_are_ignored():
    assert not is_own("10.1.2.3", endpoint="other")
