"""The roles that the workers of a cluster can have, and those that the cluster needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


class ClusterRolesConfigError(Exception):
    """A `ClusterRolesConfig` names a role that is not one of its roles."""


@dataclass
class ClusterRolesConfig:
    """The roles of a cluster, and what makes a deployment of it complete.

    Raises:
        ClusterRolesConfigError: if anything but `roles` names a role that is not in `roles`.
    """

    roles: Iterable[str]
    """All roles that a worker can be given, the meta roles among them."""
    meta_roles: Mapping[str, Iterable[str]]
    """A meta role stands for each of these roles: `{"all": ["api", "store"]}`."""
    minimal_deployment: Iterable[str]
    """The roles that at least one unit each must have."""
    recommended_deployment: Mapping[str, int] = field(default_factory=dict[str, int])
    """Role → how many units of it are advised in production."""

    def __post_init__(self) -> None:
        named = {
            "meta_roles": set(self.meta_roles).union(*self.meta_roles.values()),
            "minimal_deployment": self.minimal_deployment,
            "recommended_deployment": self.recommended_deployment,
        }
        for where, roles in named.items():
            if unknown := set(roles) - set(self.roles):
                raise ClusterRolesConfigError(f"{where} names {', '.join(sorted(unknown))}: not in roles")

    def is_coherent_with(self, cluster_roles: Iterable[str]) -> bool:
        """Return whether `cluster_roles` has every role of the minimal deployment."""
        return set(self.minimal_deployment) <= set(cluster_roles)
