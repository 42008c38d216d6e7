"""Buckets: a sample of the other end of `s3`."""

import json
from pathlib import Path

import ops

from cos_interfaces import s3

_RELATION = "s3-credentials"
_BUCKET = {
    "endpoint": "https://store.example:9000",
    "bucket": "sandbox",
    "access-key": "the-key",
    "secret-key": "the-secret",
    "tls-ca-chain": [Path(__file__).with_name("authority.pem").read_text()],
}


class Storage(ops.CharmBase):
    """Provides one bucket to all."""

    def __init__(self, framework: ops.Framework):
        super().__init__(framework)
        relation = self.on[_RELATION]
        for event in (self.on.start, relation.relation_created, relation.relation_changed):
            framework.observe(event, self._reconcile)
        framework.observe(self.on.show_action, self._show)

    def _reconcile(self, _: ops.EventBase) -> None:
        bucket = s3.S3ConnectionInfo.model_validate(_BUCKET)
        s3.offer(self, bucket, relation_name=_RELATION, in_secret=True)
        self.unit.status = ops.ActiveStatus()

    def _show(self, event: ops.ActionEvent) -> None:
        asked = [
            f"{relation.app.name} asked for {bucket}"
            for relation in self.model.relations[_RELATION]
            if (bucket := relation.data[relation.app].get("bucket"))
        ]
        event.set_results({"asked": json.dumps(asked)})


if __name__ == "__main__":
    ops.main(Storage)
