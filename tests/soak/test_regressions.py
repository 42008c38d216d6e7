"""The shortest sequences of operations that once failed."""

import pytest

from tests.soak.story import Story

BEGINNING = """
deploy hall/mesh
deploy hall/goods
relate hall/goods:service-mesh hall/mesh:service-mesh
"""


def test_scaled_down_leader_keeps_labels(story: Story):
    story.replay(BEGINNING)
    story.replay("""
        scale hall/goods 2
        elect hall/goods/1
        scale hall/goods 1
    """)


def test_beacon_scaled_to_zero_leaves_no_policies(story: Story):
    story.replay("""
        deploy hall/mesh
        deploy annex/scraper
        relate annex/scraper:metrics-endpoint hall/mesh:metrics-endpoint
        relate annex/scraper:require-cmr-mesh hall/mesh:provide-cmr-mesh
        scale hall/mesh 2
        elect hall/mesh/1
        scale hall/mesh 1
    """)


@pytest.mark.parametrize("app", ["kv", "api"])
def test_scaled_down_unit_keeps_labels_and_policies(story: Story, app: str):
    story.replay(f"""
        deploy hall/mesh
        deploy hall/kv
        deploy hall/api
        config hall/api role-all true
        relate hall/api:demo-cluster hall/kv:demo-cluster
        relate hall/kv:service-mesh hall/mesh:service-mesh
        scale hall/{app} 2
        elect hall/{app}/1
        scale hall/{app} 1
    """)


def test_incomplete_cluster_leaves_mesh(story: Story):
    story.replay("""
        deploy hall/mesh
        deploy hall/kv
        deploy hall/api
        deploy hall/store
        relate hall/api:demo-cluster hall/kv:demo-cluster
        relate hall/store:demo-cluster hall/kv:demo-cluster
        relate hall/kv:service-mesh hall/mesh:service-mesh
        part hall/store:demo-cluster hall/kv:demo-cluster
        part hall/kv:service-mesh hall/mesh:service-mesh
    """)
