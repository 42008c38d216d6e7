"""The minimal work of a beacon: it reads the databags of its relations, and lists the policies once."""

import logging
from typing import Any, cast

import lightkube
import ops
from lightkube import generic_resource

# Otherwise each line that the HTTP library logs is a call of a hook tool.
for _talkative in ("httpcore", "httpcore2", "httpx", "httpx2"):
    logging.getLogger(_talkative).setLevel(logging.WARNING)

# lightkube does not annotate the type of one of its parameters.
_POLICIES = cast("Any", generic_resource).create_namespaced_resource(
    "security.istio.io", "v1", "AuthorizationPolicy", "authorizationpolicies"
)


class Reader(ops.CharmBase):
    """Reads at each event."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        framework.observe(self.on.update_status, self._read)

    def _read(self, _: ops.EventBase) -> None:
        databags = 0
        for relation in self.model.relations["service-mesh"]:
            databags += len(relation.data[relation.app]) + len(relation.data[self.app])
        policies = sum(1 for _ in lightkube.Client(namespace=self.model.name).list(_POLICIES))
        self.unit.status = ops.ActiveStatus(f"{databags} entries, {policies} policies")


if __name__ == "__main__":
    ops.main(Reader)
