"""A coordinator with every relation that it can have: data from each arrive."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sandbox import everything, telemetry
from sandbox.everything import Rotation
from sandbox.samples import BEACON, COORDINATOR
from sandbox.story import play
from sandbox.world import World
from tests.dataplane.own_world import own_world

CHARMCRAFT = yaml.safe_load(
    (Path(__file__).parents[2] / "charms" / COORDINATOR / "charmcraft.yaml").read_text()
)
RELATIONS = sorted({**CHARMCRAFT["requires"], **CHARMCRAFT["provides"]})


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """The story, up to where the certificate is to change."""
    with own_world() as world:
        for played in play(world, everything.story(), until="secure"):
            assert played.problems == [], played.step.name
        yield world


@pytest.fixture(scope="module")
def arrived(world: World) -> dict[str, str]:
    return {line.relation: line.arrived for line in everything.arrivals(world)}


def test_the_mesh_is_watched_too(world: World, arrived: dict[str, str]):
    assert "Waypoint" in arrived["grafana-dashboard"]
    scraped = {each.unit for each in telemetry.arrived(world) if each.kind == "scraped metric"}
    assert f"{BEACON}/0" in scraped


@pytest.mark.parametrize("relation", RELATIONS)
def test_something_arrives_over_each_relation_of_coordinator(arrived: dict[str, str], relation: str):
    assert arrived[relation]


@pytest.mark.parametrize(
    ("relation", "words"),
    [
        ("kv-api", "PUT /kv/greeting → 204, GET /kv/greeting → 200 hello"),
        ("provide-cmr-mesh", "GET /kv/greeting → 200 hello"),
        ("require-cmr-mesh", "annex/watchtower: POST /v1/traces on 4318"),
        ("self-charm-tracing", "spans of api/0, demo-coordinator-k8s/0, store/0"),
        ("grafana-dashboard", "Key-value service"),
        ("catalogue", "Key-value service at http://demo-coordinator-k8s.hall.svc.cluster.local:8080"),
        ("receive-datasource", "tempo traces"),
        ("send-datasource", "juju_demo-coordinator-k8s_0"),
        ("s3", "the store's authority came to api, store"),
        ("service-mesh", "hall/store-0"),
    ],
)
def test_what_arrives_is_what_relation_is_for(arrived: dict[str, str], relation: str, words: str):
    assert words in arrived[relation]


def test_rotation_drops_no_request_and_restarts_no_worker(world: World):
    seen = Rotation()
    everything.rotate(world, seen)
    assert everything.not_smooth(seen) == []
    assert seen.answered > 20
    before, after = seen.certificates
    assert before != after


def test_cluster_with_certificate_joins_the_mesh(world: World):
    assert everything.not_as_declared(world) != []
    everything.join_mesh(world)
    assert world.settle() == []
    assert everything.not_as_declared(world) == []
