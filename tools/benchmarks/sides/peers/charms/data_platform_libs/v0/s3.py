"""Stands in for a library that only Charmhub has: it does nothing, in no time."""

import ops


class S3Requirer:
    """Reads the data of an object store."""

    def __init__(self, charm: ops.CharmBase, relation_name: str):
        self._charm = charm
        self._relation_name = relation_name

    @property
    def relations(self) -> list[ops.Relation]:
        """The relations with an object store."""
        return self._charm.model.relations[self._relation_name]

    def get_s3_connection_info(self) -> dict[str, str]:
        """Return the data of the first store."""
        found = {}
        for relation in self.relations:
            found.update(relation.data[relation.app])
        return found
