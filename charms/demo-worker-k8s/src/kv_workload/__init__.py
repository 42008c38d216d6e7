"""A small key-value service, which needs only Python 3.10 or later.

    python3 -m kv_workload --config /etc/worker/config.yaml --roles api,store

A process has one role or both (`all` stands for both), all on the one port of its configuration:

- `api`: `GET`, `PUT` and `DELETE /kv/{key}`. The keys are spread over the `store` processes.
- `store`: `GET`, `PUT` and `DELETE /store/{key}`. Holds a share of the keys in memory, up to a limit.

Either role answers `GET /healthz` ("ready") and `GET /metrics` (Prometheus' text format). Logs go to Loki,
metrics by remote-write and spans by OTLP/HTTP to the URLs of the configuration; each of them may be down.

The configuration is JSON (and so YAML), read once at the start. Certificate and key are loaded again when
their files have changed:

    {
      "port": 8080,
      "stores": ["http://HOST:8080", …],
      "tls": {"cert": FILE, "key": FILE, "ca": FILE} or null,
      "telemetry": {"loki": [URL, …], "remote_write": [URL, …], "otlp_http": URL or null,
                    "flush_seconds": 1, "sample_seconds": 15}
    }

The identity of a process comes from the environment and labels all its telemetry: `JUJU_MODEL`,
`JUJU_MODEL_UUID`, `JUJU_APPLICATION`, `JUJU_UNIT` and `JUJU_CHARM`.
"""

from ._http import DRAIN_SECONDS
from ._main import main
from ._metrics import Sample
from ._remote_write import Snapshot, remote_write
from ._reporter import FLUSH_SECONDS
from ._version import VERSION

__all__ = ["DRAIN_SECONDS", "FLUSH_SECONDS", "VERSION", "Sample", "Snapshot", "main", "remote_write"]
