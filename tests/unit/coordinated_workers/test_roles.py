"""The roles of a cluster."""

from typing import Any

import pytest

from coordinated_workers.roles import ClusterRolesConfig, ClusterRolesConfigError

ROLES: dict[str, Any] = {
    "roles": {"all", "api", "store"},
    "meta_roles": {"all": {"api", "store"}},
    "minimal_deployment": {"api", "store"},
}


def test_roles_that_hang_together_are_taken():
    config = ClusterRolesConfig(**ROLES, recommended_deployment={"store": 3})
    assert config.recommended_deployment == {"store": 3}
    assert ClusterRolesConfig(**ROLES).recommended_deployment == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"meta_roles": {"every": {"api"}}},
        {"meta_roles": {"all": {"api", "cache"}}},
        {"minimal_deployment": ["cache"]},
        {"recommended_deployment": {"cache": 3}},
    ],
)
def test_role_that_is_none_is_named(wrong: dict[str, Any]):
    with pytest.raises(ClusterRolesConfigError, match=f"{next(iter(wrong))}.*(cache|every)"):
        ClusterRolesConfig(**{**ROLES, **wrong})


def test_coherence_needs_minimal_deployment():
    config = ClusterRolesConfig(**ROLES)
    assert config.is_coherent_with({"api": 1, "store": 3}.keys())
    assert config.is_coherent_with(["store", "api", "all"])
    assert not config.is_coherent_with(["api"])
    assert not config.is_coherent_with([])
