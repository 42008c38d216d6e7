"""The hosts of an application itself, by all of their names."""

import logging
import re
from functools import cached_property

import ops

from .interfaces.validation import embedded_ipv4, ip_address

logger = logging.getLogger(__name__)


class OwnHosts:
    """The hosts of this application: `"shop-0.shop-endpoints" in OwnHosts(charm, "cluster")`.

    Names of other kinds, such as an ingress's, are not detected.

    Args:
        charm: one of the application's units.
        endpoint: the relation over which others know the unit's addresses.
    """

    def __init__(self, charm: ops.CharmBase, endpoint: str):
        self._charm = charm
        self._endpoint = endpoint
        app, model = re.escape(charm.app.name), re.escape(charm.model.name)
        services = rf"(?:{app}|(?:[^.]+\.)?{app}-endpoints)(?:\.{model}(?:\.svc(?:\..+)?)?)?"
        self._names = re.compile(rf"{services}|{app}-[0-9]+")

    def __contains__(self, host: object) -> bool:
        name = str(host).lower()
        address = ip_address(name)
        if address is None:
            return self._names.fullmatch(name) is not None
        return any(str(each) in self._addresses for each in (address, *embedded_ipv4(address)))

    @cached_property
    def _addresses(self) -> set[str]:
        """This pod's, and its Service's; read from Juju only if a host is an address."""
        try:
            binding = self._charm.model.get_binding(self._endpoint)
            if not binding:
                return set()
            network = binding.network
        except ops.ModelError as error:
            logger.warning("cannot read the addresses of this unit: %s", error)
            return set()
        bound = (interface.address for interface in network.interfaces)
        return {str(address) for address in (*bound, *network.ingress_addresses) if address}
